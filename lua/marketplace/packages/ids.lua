--- Ids that become names in the folder, and in addresses: they come from outside, and must be nothing but names.
local ids = {}

local MOST_BYTES = 128

--- Whether an id can be a file's name: letters, digits, full stops, _ and -, at most 128, without a leading full stop.
---@param id any
---@return boolean
function ids.is_name(id)
  return type(id) == "string" and #id <= MOST_BYTES and id:find "^[0-9A-Za-z_-][0-9A-Za-z._-]*$" ~= nil
end

--- Whether an id is one of Apple's numbers, such as an app's.
---@param id any
---@return boolean
function ids.is_number(id)
  return type(id) == "string" and #id <= 20 and id:find "^[0-9]+$" ~= nil
end

--- Whether a territory is named as Apple's events name them.
---@param code any
---@return boolean
function ids.is_territory(code)
  return type(code) == "string" and code:find "^%u%u%u$" ~= nil
end

return ids
