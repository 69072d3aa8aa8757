-- Requests of one length: signed notifications of 567 bytes, no two with one id. What differs from one of Apple's
-- notifications to the next differs here: the ids and the time. LuaJIT hashes a few bytes of a long string only, and
-- where none of them differed, all bodies would fall on one hash, in the load generator and in what is measured.
local core = require "marketplace.core"
local marketplace = require "marketplace"

local SECRET = os.getenv "MARKETPLACE_SECRET"

local BODY = '{"data":{"type":"alternativeDistributionPackageVersionCreated",' ..
  '"id":"%s","version":1,"attributes":{"appId":"67%08d",' ..
  '"timestamp":"' .. os.date "!%Y-%m-%d" .. 'T%02d:%02d:%02d.%03dZ"},' ..
  '"relationships":{"instance":{"data":{"type":"alternativeDistributionPackageVersions","id":"%s"},"links":{"self":' ..
  '"https://api-appstoreconnect.itunes.apple.com/v1/alternativeDistributionPackageVersions/%s"}},' ..
  '"marketplaceApp":{"data":{"type":"apps","id":"6740012345"}}}}}'
local REQUEST = "POST /notifications HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n" ..
  "Content-Length: %d\r\nX-Apple-Signature: %s\r\n\r\n%s"

local function uuid(hex)
  return (hex:gsub("^(%x%x%x%x%x%x%x%x)(%x%x%x%x)(%x%x%x%x)(%x%x%x%x)", "%1-%2-%3-%4-"))
end

local function body_of(i)
  local hex = core.sha256(tostring(i))
  local instance = uuid(hex:sub(33))
  local body = BODY:format(uuid(hex:sub(1, 32)), i % 1000, i % 24, i % 60, i % 59, i % 997, instance, instance)
  return #body < 567 and body:sub(1, -2) .. (" "):rep(567 - #body) .. "}" or body
end

-- Request number i.
return function(i)
  local body = body_of(i)
  return REQUEST:format(#body, marketplace.sign(SECRET, body), body)
end
