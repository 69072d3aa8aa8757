-- requests.lua COUNT: writes signed notifications of 567 bytes, one a line behind its signature, no two with one id.
local marketplace = require "marketplace"

local SECRET, COUNT = os.getenv "MARKETPLACE_SECRET", tonumber(arg[1])

local BODY = '{"data":{"type":"alternativeDistributionPackageVersionCreated",' ..
  '"id":"%08d-3f1c-4b52-9d0a-5be1c7a2f904",' ..
  '"version":1,"attributes":{"appId":"67%08d","timestamp":"2026-03-14T09:26:53.589Z"},"relationships":{"instance":' ..
  '{"data":{"type":"alternativeDistributionPackageVersions","id":"c0ffee00-1b2c-4d3e-8f90-a1b2c3d4e5f6"},"links":' ..
  '{"self":"https://api-appstoreconnect.itunes.apple.com/v1/alternativeDistributionPackageVersions/' ..
  'c0ffee00-1b2c-4d3e-8f90-a1b2c3d4e5f6"}},"marketplaceApp":{"data":{"type":"apps","id":"6740012345"}}}}}'

for i = 1, COUNT do
  local body = BODY:format(i, i % 1000)
  if #body < 567 then body = body:sub(1, -2) .. (" "):rep(567 - #body) .. "}" end
  io.write(marketplace.sign(SECRET, body), " ", body, "\n")
end
