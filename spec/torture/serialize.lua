--- serialize(...) -> all values as one text, the same for the same values; functions and userdata by their type.
local function keys_of(value)
  local keys = {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return keys
end

local function text_of(value)
  if type(value) == "string" then return ("%q"):format(value) end
  if type(value) == "number" then return ("%.17g"):format(value) end
  if type(value) ~= "table" then return type(value) == "boolean" and tostring(value) or type(value) end
  local parts = {}
  for _, key in ipairs(keys_of(value)) do parts[#parts + 1] = tostring(key) .. "=" .. text_of(value[key]) end
  return "{" .. table.concat(parts, ",") .. "}"
end

return function(...)
  local parts = {}
  for i = 1, select("#", ...) do parts[i] = text_of((select(i, ...))) end
  return table.concat(parts, " ")
end
