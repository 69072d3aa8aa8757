--- The query of a request, checked against what its operation allows.
local core = require "marketplace.core"
local problems = require "marketplace.simulator.problems"
local schema = require "marketplace.simulator.schema"

local query = {}

local USUAL_LIMIT, USUAL_RELATED_LIMIT = 50, 10

--- Decodes %XX and +.
function query.decode(text)
  return (text:gsub("%+", " "):gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

--- Reads parameters by name; if a name is repeated, its last value counts.
---@param text string without the question mark
---@return table<string, string>
---@return string? repeated a name that came more than once
function query.read(text)
  local parameters, repeated = {}, nil
  for pair in text:gmatch "[^&]+" do
    local name, value = pair:match "^([^=]*)=?(.*)$"
    name = query.decode(name)
    if parameters[name] then repeated = name end
    parameters[name] = query.decode(value)
  end
  return parameters, repeated
end

local function contains(list, wanted)
  for _, word in ipairs(list or {}) do
    if word == wanted then return true end
  end
  return false
end

local function invalid(parameter, detail)
  return problems.new(400, "PARAMETER_ERROR.INVALID", detail, { parameter = parameter })
end

local function illegal(parameter)
  return problems.new(400, "PARAMETER_ERROR.ILLEGAL",
    ("The parameter '%s' can not be used with this request"):format(parameter), { parameter = parameter })
end

--[[ Kinds of parameters: each returns a value, or nil and a problem ]]

local function choices(parameter, value, allowed, what)
  local chosen = {}
  for word in (value .. ","):gmatch "([^,]*)," do
    if not contains(allowed, word) then
      return nil, invalid(parameter, ("'%s' is not a valid %s"):format(word, what))
    end
    chosen[#chosen + 1] = word
    chosen[word] = true
  end
  return chosen
end

local function limit(parameter, value, most)
  local number = value:find "^%d+$" and tonumber(value)
  if number and number >= 1 and number <= most then return number end
  return nil, invalid(parameter, ("'%s' is not a valid limit. It must be between 1 and %d"):format(value, most))
end

local function time(parameter, value)
  local seconds = core.parse_time(value)
  if seconds then return seconds end
  return nil, invalid(parameter, ("'%s' is not a valid date"):format(value))
end

local function boolean(parameter, value)
  if value == "true" or value == "false" then return value == "true" end
  return nil, invalid(parameter, ("'%s' is not a valid boolean"):format(value))
end

local function cursor(parameter, value)
  local sequence = (core.base64url_decode(value) or ""):match "^after:(%d+)$"
  if sequence then return tonumber(sequence) end
  return nil, invalid(parameter, ("'%s' is not a valid cursor"):format(value))
end

--- The cursor of the page that begins after a record.
function query.cursor(record)
  return core.base64url(("after:%d"):format(record.sequence))
end

local WITH_WORD = {
  fields = function(allowed, word, parameter, value)
    if not contains(allowed.fields, word) then return nil, illegal(parameter) end
    if value == "" then return {} end
    return choices(parameter, value, schema.FIELDS[word], "field name")
  end,
  limit = function(allowed, word, parameter, value)
    local most = allowed.limits and allowed.limits[word]
    if not most then return nil, illegal(parameter) end
    return limit(parameter, value, most)
  end,
  filter = function(allowed, word, parameter, value)
    if not contains(allowed.filter, word) then return nil, illegal(parameter) end
    local kind = schema.FILTERS[word]
    if kind == "time" then return time(parameter, value) end
    return choices(parameter, value, kind, "value")
  end,
  exists = function(allowed, word, parameter, value)
    if not contains(allowed.exists, word) then return nil, illegal(parameter) end
    return boolean(parameter, value)
  end,
}

local PLAIN = {
  include = function(allowed, parameter, value)
    if not allowed.include then return nil, illegal(parameter) end
    return choices(parameter, value, allowed.include, "relationship name")
  end,
  limit = function(allowed, parameter, value)
    if not allowed.limit then return nil, illegal(parameter) end
    return limit(parameter, value, allowed.limit)
  end,
  cursor = function(allowed, parameter, value)
    if not allowed.limit then return nil, illegal(parameter) end
    return cursor(parameter, value)
  end,
}

local function read_one(allowed, chosen, parameter, value)
  local group, word = parameter:match "^(%a+)%[(%a+)%]$"
  local result, problem
  if WITH_WORD[group] then
    result, problem = WITH_WORD[group](allowed, word, parameter, value)
    local name = group == "limit" and "limits" or group
    chosen[name] = chosen[name] or {}
    chosen[name][word] = result
  elseif PLAIN[parameter] then
    result, problem = PLAIN[parameter](allowed, parameter, value)
    chosen[parameter] = result
  else
    problem = illegal(parameter)
  end
  return problem
end

local function sorted(parameters)
  local names = {}
  for name in pairs(parameters) do names[#names + 1] = name end
  table.sort(names)
  return names
end

--- What the query asks for.
---@param text string
---@param allowed table the operation's, see marketplace.simulator.schema
---@return table|nil chosen fields, filter, limits, exists: by their words; include, limit, cursor
---@return table[]? problems
function query.check(text, allowed)
  local parameters, repeated = query.read(text)
  local chosen, found = { fields = {}, filter = {}, limits = {}, exists = {}, include = {} }, {}
  for _, name in ipairs(sorted(parameters)) do
    found[#found + 1] = read_one(allowed, chosen, name, parameters[name])
  end
  if repeated then found[#found + 1] = invalid(repeated, ("'%s' is given more than once"):format(repeated)) end
  if #found > 0 then return nil, found end
  chosen.limit = chosen.limit or USUAL_LIMIT
  for name in pairs(allowed.limits or {}) do chosen.limits[name] = chosen.limits[name] or USUAL_RELATED_LIMIT end
  return chosen
end

--- The same query with another cursor.
---@param text string
---@param value string
---@return string
function query.with_cursor(text, value)
  local kept = {}
  for pair in text:gmatch "[^&]+" do
    if not pair:find "^cursor=" then kept[#kept + 1] = pair end
  end
  kept[#kept + 1] = "cursor=" .. value
  return table.concat(kept, "&")
end

--- The query without a cursor.
function query.without_cursor(text)
  return (query.with_cursor(text, ""):gsub("&?cursor=$", ""))
end

return query
