--- Addresses that a device is given. It takes nothing but HTTPS; to this machine HTTP will do, for trying out.
local url = {}

local MOST_BYTES = 4096
local LOCAL = { ["127.0.0.1"] = true, localhost = true, ["[::1]"] = true }

local function host_of(authority)
  return authority:match "^([%w.-]+)$" or authority:match "^([%w.-]+):%d+$" or authority:match "^(%[[%x:.]+%])$" or
    authority:match "^(%[[%x:.]+%]):%d+$"
end

--- The parts of an address that a device can use.
---@param text any
---@return {origin: string, host: string, path: string, query: string|nil}|nil parts nil if it is none
function url.read(text)
  if type(text) ~= "string" or #text > MOST_BYTES or text:find "[^\33-\126]" or text:find "[\\#]" then return nil end
  local scheme, authority, rest = text:match "^(https?)://([^/?]+)(.*)$"
  local host = scheme and host_of(authority)
  if not host then return nil end
  host = host:lower()
  if scheme ~= "https" and not LOCAL[host] then return nil end
  local path, query = rest:match "^([^?]*)%??(.*)$"
  return {
    origin = scheme .. "://" .. authority, host = host, path = path == "" and "/" or path,
    query = rest:find("?", 1, true) and query or nil,
  }
end

--- The origin of a domain as a person writes it: `market.example`, `localhost:8443`, `http://127.0.0.1:8080`.
---@param domain string
---@return string|nil origin nil if it is none
---@return string? host
function url.of_domain(domain)
  local parts = url.read(domain:find("://", 1, true) and domain or "https://" .. domain)
  if not parts or parts.path ~= "/" or parts.query then return nil end
  return parts.origin, parts.host
end

--- Whether a host is a domain, or below it.
---@param host string in lower case
---@param domain string in lower case
---@return boolean
function url.is_within(host, domain)
  return host == domain or host:sub(-#domain - 1) == "." .. domain
end

return url
