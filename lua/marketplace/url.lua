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

-- Lists are joined with commas, which need no encoding.
local function query_value(value)
  if type(value) ~= "table" then return url.encode(tostring(value)) end
  local words = {}
  for i, word in ipairs(value) do words[i] = url.encode(tostring(word)) end
  return table.concat(words, ",")
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
