-- The usual way: luaossl's HMAC, a comparison in constant time, lua-cjson and the shared dictionary.
local bit = require "bit"
local cjson = require "cjson.safe"
local hmac = require "openssl.hmac"

local ngx = ngx
local secret = os.getenv "MARKETPLACE_SECRET"
local seen = ngx.shared.seen

local HEX = {}
for byte = 0, 255 do HEX[string.char(byte)] = ("%02x"):format(byte) end

local function signature_of(body)
  return "hmacsha256=" .. hmac.new(secret, "sha256"):final(body):gsub(".", HEX)
end

local function equal(a, b)
  if #a ~= #b then return false end
  local difference = 0
  for i = 1, #a do difference = bit.bor(difference, bit.bxor(a:byte(i), b:byte(i))) end
  return difference == 0
end

return function()
  if ngx.req.get_method() ~= "POST" then return ngx.exit(405) end
  ngx.req.read_body()
  local body = ngx.req.get_body_data()
  local header = ngx.req.get_headers()["x-apple-signature"]
  if not body or type(header) ~= "string" or not equal(signature_of(body), header) then return ngx.exit(401) end
  local document = cjson.decode(body)
  if not document or not document.data or not document.data.id then return ngx.exit(400) end
  local _, problem = seen:add(document.data.id, true)
  if problem and problem ~= "exists" then return ngx.exit(503) end
  return ngx.exit(200)
end
