--- URLs of App Store Connect's API (RFC 3986).
local url = {}

local function percent(byte)
  return ("%%%02X"):format(byte:byte())
end

--- A piece of a path or of a query, percent-encoded.
---@param text string
---@return string
function url.encode(text)
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
---@return any name the one that cannot be
function url.is_query(query)
  for name, value in pairs(query) do
    if type(name) ~= "string" then return false, name end
    for _, word in ipairs(type(value) == "table" and value or { value }) do
      if not WORDS[type(word)] then return false, name end
    end
  end
  return true
end

--- A URL with a query, in the order of the names, so that the same one is always the same text.
---@param text string may have a query already
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

return url
