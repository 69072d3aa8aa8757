-- body.lua PATH: writes the notification that is measured, 567 bytes, of generation 2.
local body = '{"data":{"type":"alternativeDistributionPackageVersionCreated",' ..
  '"id":"2f6c8d10-3f1c-4b52-9d0a-5be1c7a2f904","version":1,"attributes":{"appId":"6740067890",' ..
  '"timestamp":"' .. os.date "!%Y-%m-%d" .. 'T09:26:53.589Z"},"relationships":{"instance":{"data":' ..
  '{"type":"alternativeDistributionPackageVersions","id":"c0ffee00-1b2c-4d3e-8f90-a1b2c3d4e5f6"},"links":' ..
  '{"self":"https://api-appstoreconnect.itunes.apple.com/v1/alternativeDistributionPackageVersions/' ..
  'c0ffee00-1b2c-4d3e-8f90-a1b2c3d4e5f6"}},"marketplaceApp":{"data":{"type":"apps","id":"6740012345"},"links":' ..
  '{"self":"https://a.example"}}}}}'
assert(#body <= 567, #body)
body = body:sub(1, -2) .. (" "):rep(567 - #body) .. "}"
local file = assert(io.open(arg[1], "wb"))
file:write(body)
file:close()
