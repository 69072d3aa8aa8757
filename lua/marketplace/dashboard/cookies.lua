--- Cookies that no script reads and that other sites' pages do not send (RFC 6265bis).
local cookies = {}

--- Before a name: browsers take such a cookie only over HTTPS, and from this very host.
cookies.SECURE_PREFIX = "__Host-"

--- What a browser calls a cookie.
---@param name string
---@param is_secure boolean whether the browser came over HTTPS
---@return string
function cookies.name(name, is_secure)
  return is_secure and cookies.SECURE_PREFIX .. name or name
end

--- Those of a request. Of those with one name the first counts.
---@param header string|string[]|nil
---@return table<string, string> by name
function cookies.read(header)
  local found = {}
  for _, line in ipairs(type(header) == "table" and header or { header }) do
    for name, value in line:gmatch "([^=;%s]+)=([^;%s]*)" do found[name] = found[name] or value end
  end
  return found
end

--- The header that sets one, or removes it.
---@param name string
---@param value string
---@param seconds number that it lasts; 0 removes it
---@param path string where it is sent to, if it need not be secure
---@param is_secure boolean whether the browser came over HTTPS
---@return string
function cookies.line(name, value, seconds, path, is_secure)
  return ("%s=%s; Path=%s; Max-Age=%.0f; HttpOnly; SameSite=Strict%s"):format(
    cookies.name(name, is_secure), value, is_secure and "/" or path, seconds, is_secure and "; Secure" or "")
end

return cookies
