-- luaossl.lua COUNT BODY-FILE: the same with luaossl's HMAC and lua-cjson, as one would write it by hand.
local cjson = require "cjson"
local hmac = require "openssl.hmac"
local measure = require "measure"

local secret = "a secret of usual length, 32 chr"
local body = assert(io.open(arg[2], "rb")):read "*a"
local handled = 0

local HEX = {}
for byte = 0, 255 do HEX[string.char(byte)] = ("%02x"):format(byte) end

local function signature_of(bytes)
  return "hmacsha256=" .. hmac.new(secret, "sha256"):final(bytes):gsub(".", HEX)
end

local header = signature_of(body)

-- Without a branch on the bytes, so that time tells nothing about them.
local function equal(a, b)
  if #a ~= #b then return false end
  local difference = 0
  for i = 1, #a do
    local distance = a:byte(i) - b:byte(i)
    difference = difference + distance * distance
  end
  return difference == 0
end

local function callback(data)
  local instance = data.relationships.instance.data
  if data.type == "alternativeDistributionPackageVersionCreated" and data.attributes.appId and instance.id then
    handled = handled + 1
  end
end

local count = tonumber(arg[1])
measure(count, function()
  assert(equal(signature_of(body), header))
  callback(cjson.decode(body).data)
end)
assert(handled == 2 * count + 1000)
