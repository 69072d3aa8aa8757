--- Options tables, checked: a misspelt option must not be silently the default.
---
--- A function's options are written twice, side by side: as a class, for people and editors, and as a table for the
--- check, which cannot read comments. spec/once/options_spec.lua compares them.
local options = {}

local REQUIRED = ("!"):byte()

local function sorted_keys(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = tostring(key) end
  table.sort(keys)
  return keys
end

--- The options of a function that takes those of another too.
---@param base table<string, string> as `known` of options.check
---@param own table<string, string> likewise; of a name that both have, this one counts
---@return table<string, string>
function options.extend(base, own)
  local all = {}
  for name, types in pairs(base) do all[name] = types end
  for name, types in pairs(own) do all[name] = types end
  return all
end

--- Raises unless every option is known, has an allowed type and no required one is missing.
---@param where string the public function's name, for the message
---@param given table
---@param known table<string, string> option to its types, "string|table"; a "!" in front: required
---@param level? integer whose call is blamed, as in `error`; default 3: the caller of the function that checks
function options.check(where, given, known, level)
  level = level or 3
  if type(given) ~= "table" then
    error(where .. ": a table of options is expected, not a " .. type(given), level)
  end
  for name, value in pairs(given) do
    local types = known[name]
    if not types then
      error(("%s: unknown option '%s'; known: %s"):format(where, tostring(name),
        table.concat(sorted_keys(known), ", ")), level)
    end
    if not ("|" .. types:gsub("^!", "") .. "|"):find("|" .. type(value) .. "|", 1, true) then
      error(("%s: option '%s' must be a %s, not a %s"):format(where, name,
        (types:gsub("^!", ""):gsub("|", " or a ")), type(value)), level)
    end
  end
  local missing
  for name, types in pairs(known) do
    if given[name] == nil and types:byte() == REQUIRED and not (missing and missing < name) then missing = name end
  end
  if missing then error(("%s: option '%s' is missing"):format(where, missing), level) end
end

return options
