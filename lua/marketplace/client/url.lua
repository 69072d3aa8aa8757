--- URLs of App Store Connect's API (RFC 3986), and where they lead: a token goes to one origin only (RFC 6454).
local url = {}

local function percent(byte)
  return ("%%%02X"):format(byte:byte())
end

--- A part of a path or of a query, percent-encoded.
---@param text string
---@return string
function url.encode(text)
  -- most are ids, in which there is nothing to encode
  if text:find "^[%w%-%._~]*$" then return text end
  return (text:gsub("[^%w%-%._~]", percent))
end

local WORDS = { string = true, number = true, boolean = true }
local MOST_EXACT = 2 ^ 53 -- beyond it a double does not hold every integer

-- Lua 5.3 and later write 50.0 for what was computed, and App Store Connect takes 50.
local function word_of(value)
  if type(value) == "number" and value == math.floor(value) and math.abs(value) <= MOST_EXACT then
    return ("%.0f"):format(value)
  end
  return url.encode(tostring(value))
end

-- Lists are joined with commas, which need no encoding.
local function query_value(value)
  if type(value) ~= "table" then return word_of(value) end
  local words = {}
  for i, word in ipairs(value) do words[i] = word_of(word) end
  return table.concat(words, ",")
end

--- Whether a table can be a query: see with_query.
---@param query table
---@return boolean
---@return any name the one that is wrong
function url.is_query(query)
  for name, value in pairs(query) do
    if type(name) ~= "string" then return false, name end
    for _, word in ipairs(type(value) == "table" and value or { value }) do
      if not WORDS[type(word)] then return false, name end
    end
  end
  return true
end

--- A URL with a query, in the order of the names, so that equal queries are always the same text.
---@param text string a URL, with a query or without
---@param query table<string, string|number|boolean|(string|number)[]>
---@return string
function url.with_query(text, query)
  local names, parts = {}, {}
  for name in pairs(query) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do parts[i] = url.encode(name) .. "=" .. query_value(query[name]) end
  if #parts == 0 then return text end
  return text .. (text:find("?", 1, true) and "&" or "?") .. table.concat(parts, "&")
end

--[[ Origins ]]

local DEFAULT_PORTS = { http = 80, https = 443 }

-- URL readers disagree about user names, backslashes, white space, control characters and anything that is not ASCII.
local function is_plain(text)
  return text:find "^[\33-\126]*$" and not text:find("\\", 1, true)
end

local function origin_of(text)
  if not is_plain(text) then return nil end
  local scheme, authority = text:match "^(%a+)://([^/?#]+)"
  scheme = scheme and scheme:lower()
  if not DEFAULT_PORTS[scheme or ""] then return nil end
  local host, port = authority:match "^([%w.-]+):?(%d*)$"
  if not host then host, port = authority:match "^(%[[%x:.]+%]):?(%d*)$" end
  if host then return scheme, host:lower(), port == "" and DEFAULT_PORTS[scheme] or tonumber(port) end
end

--- Whether both are http:// or https:// URLs of the same scheme, host and port.
---@param text string
---@param other string
---@return boolean
function url.is_same_origin(text, other)
  local scheme, host, port = origin_of(text)
  local other_scheme, other_host, other_port = origin_of(other)
  return scheme ~= nil and scheme == other_scheme and host == other_host and port == other_port
end

--- The whole URL of a path, or of a URL with the origin of `base`; nil if it leads elsewhere, as "//host" does too.
---@param reference string
---@param base string without a slash at its end
---@return string|nil
function url.resolve(reference, base)
  if reference:sub(1, 1) == "/" and reference:sub(2, 2) ~= "/" and is_plain(reference) then return base .. reference end
  return url.is_same_origin(reference, base) and reference or nil
end

return url
