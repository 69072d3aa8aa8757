-- requests.lua COUNT [FIRST]: writes a line with the length of one request, then COUNT requests of that length: signed
-- notifications of 567 bytes, no two with one id, numbered from FIRST (1). The signature stands where the load
-- generator's LuaJIT looks when it hashes a string of this length; elsewhere all of them would fall on one hash, and
-- loading them would take minutes.
local marketplace = require "marketplace"

local SECRET, COUNT, FIRST = os.getenv "MARKETPLACE_SECRET", tonumber(arg[1]), tonumber(arg[2] or 1)

local BODY = '{"data":{"type":"alternativeDistributionPackageVersionCreated",' ..
  '"id":"%08d-3f1c-4b52-9d0a-5be1c7a2f904",' ..
  '"version":1,"attributes":{"appId":"67%08d","timestamp":"2026-03-14T09:26:53.589Z"},"relationships":{"instance":' ..
  '{"data":{"type":"alternativeDistributionPackageVersions","id":"c0ffee00-1b2c-4d3e-8f90-a1b2c3d4e5f6"},"links":' ..
  '{"self":"https://api-appstoreconnect.itunes.apple.com/v1/alternativeDistributionPackageVersions/' ..
  'c0ffee00-1b2c-4d3e-8f90-a1b2c3d4e5f6"}},"marketplaceApp":{"data":{"type":"apps","id":"6740012345"}}}}}'
local REQUEST = "POST /notifications HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n" ..
  "Content-Length: %d\r\nX-Apple-Signature: %s\r\n\r\n%s"

local function request(i)
  local body = BODY:format(i, i % 1000)
  if #body < 567 then body = body:sub(1, -2) .. (" "):rep(567 - #body) .. "}" end
  return REQUEST:format(#body, marketplace.sign(SECRET, body), body)
end

io.write(#request(1), "\n")
for i = FIRST, FIRST + COUNT - 1 do io.write(request(i)) end
