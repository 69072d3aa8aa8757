--- JWTs, read and verified by the openssl command.
local cjson = require "cjson"
local shell = require "support.shell"

local jwt = {}

local function decoded(text)
  local base64 = text:gsub("-", "+"):gsub("_", "/")
  base64 = base64 .. ("="):rep(-#base64 % 4)
  local path = shell.file(base64)
  local pipe = assert(io.popen("openssl base64 -d -A -in " .. path))
  local bytes = pipe:read "*a"
  pipe:close()
  os.remove(path)
  return bytes
end

--- What a token consists of.
---@param token string
---@return table header
---@return table claims
---@return string signature 64 bytes
---@return string text that is signed
function jwt.parts(token)
  local header, claims, signature = token:match "^([%w_-]+)%.([%w_-]+)%.([%w_-]+)$"
  assert(header, token)
  return cjson.decode(decoded(header)), cjson.decode(decoded(claims)), decoded(signature), header .. "." .. claims
end

-- Of a number without a sign.
local function der_integer(bytes)
  bytes = bytes:gsub("^%z+", "")
  if bytes:byte() >= 128 then bytes = "\0" .. bytes end
  return "\2" .. string.char(#bytes) .. bytes
end

--- Has openssl verify a token.
---@param token string
---@param pem string the private key that is said to have signed it
---@return string output
---@return integer status 0 if it did
function jwt.verify(token, pem)
  local _, _, signature, text = jwt.parts(token)
  assert(#signature == 64)
  local der = der_integer(signature:sub(1, 32)) .. der_integer(signature:sub(33))
  local key, der_file, text_file = shell.file(pem), shell.file("\48" .. string.char(#der) .. der), shell.file(text)
  local command = "openssl ec -in %s -pubout -out %s.pub 2>/dev/null && " ..
    "openssl dgst -sha256 -verify %s.pub -signature %s %s"
  local output, status = shell.capture(command:format(key, key, key, der_file, text_file))
  for _, path in ipairs { key, key .. ".pub", der_file, text_file } do os.remove(path) end
  return output, status
end

return jwt
