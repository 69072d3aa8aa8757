--- Where a URL leads: scheme, host and port (RFC 6454). A token goes to one origin only.
local origin = {}

local DEFAULT_PORTS = { http = 80, https = 443 }

-- Whatever URL readers take in different ways is no URL here: user names, backslashes, white space, control
-- characters and anything that is not ASCII.
local function parse(url)
  if url:find "[^\33-\126]" or url:find("\\", 1, true) then return nil end
  local scheme, authority = url:match "^(%a+)://([^/?#]+)"
  if not scheme then return nil end
  scheme = scheme:lower()
  local host, port = authority:match "^([%w.-]+):?(%d*)$"
  if not host then host, port = authority:match "^(%[[%x:.]+%]):?(%d*)$" end
  port = port == "" and DEFAULT_PORTS[scheme] or tonumber(port)
  if not host or not port then return nil end
  return scheme, host:lower(), port
end

--- Whether both are http:// or https:// URLs of the same scheme, host and port.
---@param url string
---@param other string
---@return boolean
function origin.same(url, other)
  local scheme, host, port = parse(url)
  if not scheme or not DEFAULT_PORTS[scheme] then return false end
  local other_scheme, other_host, other_port = parse(other)
  return scheme == other_scheme and host == other_host and port == other_port
end

return origin
