--- Forms and queries (application/x-www-form-urlencoded), as browsers write them.
local url = require "marketplace.client.url"

local forms = {}

local TYPE = "application/x-www-form-urlencoded"
local MOST_FIELDS = 200

local function from_hex(digits)
  return string.char(tonumber(digits, 16))
end

--- A name or a value without its escapes. What is no escape stays as it is.
---@param value string
---@return string
function forms.decode(value)
  return (value:gsub("+", " "):gsub("%%(%x%x)", from_hex))
end

--- A name or a value with escapes for all but letters, digits, "-", ".", "_" and "~".
---@param value string|number
---@return string
function forms.encode(value)
  return url.encode(tostring(value))
end

--- The fields. Of those with one name the first counts; more than 200 are not read.
---@param encoded string|nil
---@return table<string, string>
function forms.read(encoded)
  local fields, count = {}, 0
  for pair in (encoded or ""):gmatch "[^&]+" do
    count = count + 1
    if count > MOST_FIELDS then break end
    local name, value = pair:match "^([^=]*)=?(.*)$"
    name = forms.decode(name)
    if fields[name] == nil then fields[name] = forms.decode(value) end
  end
  return fields
end

--- A query, with its question mark; nothing for no fields. Those that are nil, false or empty are left out.
---@param fields table<string, string|number|boolean>|nil
---@return string
function forms.query(fields)
  local names, pairs_ = {}, {}
  for name, value in pairs(fields or {}) do
    if value and value ~= "" then names[#names + 1] = name end
  end
  table.sort(names)
  for i, name in ipairs(names) do
    local value = fields[name] == true and "1" or fields[name]
    pairs_[i] = forms.encode(name) .. "=" .. forms.encode(value)
  end
  return #pairs_ > 0 and "?" .. table.concat(pairs_, "&") or ""
end

--- Whether a content-type says that a body is a form.
---@param value any the header
---@return boolean
function forms.is_form(value)
  return type(value) == "string" and value:lower():match "^%s*([^;%s]+)" == TYPE
end

return forms
