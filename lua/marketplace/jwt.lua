--- JSON Web Tokens (RFC 7519), taken apart.
local core = require "marketplace.core"
local json = require "marketplace.json"

local jwt = {}

local MOST_BYTES = 16384

local function decoded(part)
  local text = core.base64url_decode(part)
  local value = text and json.decode(text)
  return json.is_object(value) and value or nil
end

--- Reads a token. Whose it is, is not known before `text` and `signature` are verified.
---@param token string
---@return {header: table, claims: table, text: string, signature: string}|nil
---@return string? problem
function jwt.read(token)
  if #token > MOST_BYTES then return nil, "the token is too long" end
  local header, claims, signature = token:match "^([%w_-]+)%.([%w_-]+)%.([%w_-]+)$"
  if not header then return nil, "the token does not have three parts" end
  local parsed = {
    header = decoded(header), claims = decoded(claims), signature = core.base64url_decode(signature),
    text = header .. "." .. claims,
  }
  if parsed.header and parsed.claims and parsed.signature then return parsed end
  return nil, "a part of the token is not base64url without padding, or not a JSON object"
end

return jwt
