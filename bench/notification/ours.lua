-- ours.lua COUNT BODY-FILE: verify, parse, callback, with this library.
local marketplace = require "marketplace"
local measure = require "measure"

local secret = "a secret of usual length, 32 chr"
local body = assert(io.open(arg[2], "rb")):read "*a"
local header = marketplace.sign(secret, body)
local handled = 0

local function callback(n)
  if n.event == "version_available" and n.app_id and n.package_version_id then handled = handled + 1 end
end

local count = tonumber(arg[1])
measure(count, function()
  assert(marketplace.verify(secret, body, header))
  callback(assert(marketplace.parse(body)))
end)
assert(handled == 2 * count + 1000)
