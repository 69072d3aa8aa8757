--- Log entries, and their two formats: for people and for machines.
---
--- An entry is a table: `level` ("info", "warning", "error"), `message`, `at` (seconds since the epoch), and what is
--- known of `id`, `type`, `event`, `app_id`, `package` and `version` (ids of Apple's), `asset` (its path), `secret`
--- (index of the one that matched), `verified_by` (its fingerprint), `secrets` (fingerprints of all that are live),
--- `code`, `status`, `count`, `within` (seconds), `attempt`, `took` and `again_in` (seconds), `remote`, `request` (the
--- id of one that came), `url`, `reason`. Never a body, a secret, a signature or a key blob.
local core = require "marketplace.core"
local json = require "marketplace.json"
local log_layout = require "marketplace.log_layout"
local runtime = require "marketplace.runtime"
local text = require "marketplace.text"
local unpack = runtime.unpack

local log = {}

local ORDER = {
  "event", "app_id", "package", "version", "asset", "id", "type", "secret", "verified_by", "secrets", "code", "status",
  "count", "within", "attempt", "took", "again_in", "remote", "request", "url",
  "reason",
}
local SHOWN_AS = { app_id = "app" }

local MOST_SHOWN = 200  -- bytes of a value for people that is no reason
local MOST_VALUE = 8192 -- bytes of any value: more than a callback's reason has
local COLOURS = { warning = "\27[33m", error = "\27[31m" }
local PLAIN = "\27[0m"

--- Seconds since the epoch as "2026-01-31T12:00:00.250Z".
---@param seconds number
---@return string
function log.timestamp(seconds)
  return core.format_time(seconds)
end

local function cut(value, most)
  return #value > most and text.cut(value, most) .. "…" or value
end

--[[ For people ]]

local function quoted_if_needed(word)
  if word ~= "" and not word:find('[%s"]') then return word end
  return '"' .. word:gsub('["\\]', "\\%0") .. '"'
end

local function shown(name, value)
  if name == "took" then return ("%.1fms"):format(value * 1000) end
  if name == "again_in" or name == "within" then return ("%.1fs"):format(value) end
  value = tostring(value)
  -- A reason may be a traceback, which is readable on one line too.
  value = name == "reason" and text.one_line(cut(value, MOST_VALUE)) or cut(value, MOST_SHOWN)
  return text.safe(quoted_if_needed(value))
end

-- An event's name says its type, unless it is "other".
local function is_shown(entry, name)
  if entry[name] == nil then return false end
  return name ~= "type" or entry.event == nil or entry.event == "other"
end

-- The message and the pairs.
local function units_of(entry)
  local units = { text.safe(cut(tostring(entry.message), MOST_SHOWN)) }
  for _, name in ipairs(ORDER) do
    if is_shown(entry, name) then
      units[#units + 1] = (SHOWN_AS[name] or name) .. "=" .. shown(name, entry[name])
    end
  end
  return units
end

--- The message, then name=value pairs, for a log that has its own time and level.
---@param entry table
---@return string words on one line
function log.words(entry)
  return table.concat(units_of(entry), " ")
end

--- Time, level, message, then name=value pairs, in lines of at most 159 columns: what does not fit into the first is
--- indented below it.
---@param entry table
---@return string lines without the last line feed
function log.line(entry)
  local units = units_of(entry)
  units[1] = ("%s %-7s %s"):format(log.timestamp(entry.at or core.now()), entry.level, units[1])
  return log_layout.lines(units)
end

--- As log.line, with the level in a colour, for a terminal.
---@param entry table
---@return string
function log.coloured_line(entry)
  local line, colour = log.line(entry), COLOURS[entry.level]
  if not colour then return line end
  return (line:gsub("^(%S+ )(%S+)", "%1" .. colour .. "%2" .. PLAIN, 1))
end

--- Whether a stream is a terminal that shows colours, and whose user wants them (no-color.org).
---@param stream "stdout"|"stderr"
---@return boolean
function log.has_colours(stream)
  local unwanted = os.getenv "NO_COLOR"
  return core.is_terminal(stream) and (unwanted == nil or unwanted == "") and os.getenv "TERM" ~= "dumb"
end

--- What writes an entry for people on a stream.
---@param stream "stdout"|"stderr"
---@return fun(entry: table): string
function log.line_for(stream)
  return log.has_colours(stream) and log.coloured_line or log.line
end

--- A sink that writes lines for people.
---@param stream file*
---@param format? fun(entry: table): string default log.line
---@return fun(entry: table)
function log.text(stream, format)
  format = format or log.line
  return function(entry)
    stream:write(format(entry), "\n")
    stream:flush()
  end
end

--[[ For machines ]]

-- Beyond microseconds a time is noise.
local function number(value)
  if value ~= value or value == math.huge or value == -math.huge then return json.encode(tostring(value)) end
  return json.encode(value == math.floor(value) and value or math.floor(value * 1e6 + 0.5) / 1e6)
end

local function json_value(value)
  if type(value) == "number" then return number(value) end
  if type(value) == "boolean" then return tostring(value) end
  return json.encode(cut(text.utf8(tostring(value)), MOST_VALUE))
end

local STANDS_FIRST = {}
for _, name in ipairs { "at", "level", "message", unpack(ORDER) } do STANDS_FIRST[name] = true end

-- Of an entry that a program of the operator's has made.
local function other_names(entry)
  local names = {}
  for name in pairs(entry) do
    if type(name) == "string" and not STANDS_FIRST[name] then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

--- One JSON object on a line: `at` (a timestamp), `level`, `message`, then what else there is, always in one order.
---@param entry table
---@return string line without a line feed
function log.json_line(entry)
  local members = {
    ('"at":"%s"'):format(log.timestamp(entry.at or core.now())), '"level":' .. json_value(entry.level),
    '"message":' .. json_value(entry.message),
  }
  local function add(names)
    for _, name in ipairs(names) do
      if entry[name] ~= nil then
        members[#members + 1] = json.encode(text.utf8(name)) .. ":" .. json_value(entry[name])
      end
    end
  end
  add(ORDER)
  add(other_names(entry))
  return text.safe_json("{" .. table.concat(members, ",") .. "}")
end

--- A sink that writes one JSON object a line.
---@param stream file*
---@return fun(entry: table)
function log.json(stream)
  return log.text(stream, log.json_line)
end

-- A log that fails must not fail what it reports.
local function guarded(write)
  return function(entry)
    local ok, problem = pcall(write, entry)
    if not ok then io.stderr:write(log.line(entry), " (the log failed: ", text.safe(problem), ")\n") end
  end
end

--- The target of log entries: the operator's own log or, without one, standard error, which gets only what someone
--- should look at; in nginx, its error log.
---@param given? fun(entry: table)|table a function, or what this function or marketplace.log_queue gave
---@return {write: fun(entry: table), wants_info: boolean, turn?: fun(), dropped?: fun(): integer}
function log.target(given)
  if type(given) == "table" then return given end
  if given then return { write = guarded(given), wants_info = true } end
  if runtime.yielding_sleep then return require("marketplace.nginx.log").target end
  return { write = log.text(io.stderr, log.line_for "stderr"), wants_info = false }
end

return log
