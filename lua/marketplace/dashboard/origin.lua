--- Where a request comes from: whether its Host is one of ours, so that no other name that leads here can be used (DNS
--- rebinding), and whether its page was ours, so that no other site can post.
--- Sources: OWASP's cheat sheet on Cross-Site Request Forgery; W3C, "Fetch Metadata Request Headers".
local origin = {}

local function one(value)
  return type(value) == "string" and value or nil
end

-- The name or the address of a Host, in lower case, without its port.
local function name_of(host)
  local bracketed = host:match "^%[([%x:.]+)%]:?%d*$"
  if bracketed then return bracketed, true end
  local name = host:match "^([%w._-]+):?%d*$"
  return name and name:lower():gsub("%.$", ""), name ~= nil and name:find "^%d+%.%d+%.%d+%.%d+$" ~= nil
end

--- Whether a Host header is one of ours: an address, as a browser that was led here by somebody else's name sends that
--- name, or `localhost`, or one of the names.
---@param host any the header
---@param names table<string, true> in lower case
---@return boolean
function origin.is_host(host, names)
  local name, is_address = name_of(one(host) or "")
  if not name then return false end
  return is_address or name == "localhost" or name:find "%.localhost$" ~= nil or names[name] == true
end

--- Whether a request that changes something may come from a page of ours: a browser says where its page is from. Who
--- says nothing is no browser, or an old one, which the form's token has to prove.
---@param headers table names in lower case
---@return boolean
function origin.is_own(headers)
  local site = headers["sec-fetch-site"]
  if site ~= nil then return site == "same-origin" or site == "none" end
  local from = headers.origin
  if from == nil then return true end
  local host = (one(from) or ""):match "^https?://(.+)$"
  return host ~= nil and host:lower() == (one(headers.host) or ""):lower()
end

--- Whether a browser came by a link of another site: it sends no cookie then, as that is SameSite=Strict, but does so
--- once a page of ours leads it on.
---@param headers table names in lower case
---@return boolean
function origin.is_led_here(headers)
  local site = headers["sec-fetch-site"]
  return (site == "cross-site" or site == "same-site") and headers["sec-fetch-mode"] == "navigate"
end

--- Whether the browser talks HTTPS, whatever carries that, as far as it says so.
---@param headers table names in lower case
---@return boolean
function origin.is_https(headers)
  return (one(headers.origin) or ""):find "^https://" ~= nil
end

return origin
