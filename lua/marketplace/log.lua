--- Log entries, and their two formats: for people and for machines.
---
--- An entry is a table: `level` ("info", "warning", "error"), `message`, `at` (seconds since the epoch), and what is
--- known of `id`, `type`, `event`, `app_id`, `package` and `version` (ids of Apple's), `asset` (its path), `secret`
--- (index of the one that matched), `verified_by` (its fingerprint), `secrets` (fingerprints of all that are live),
--- `code`, `status`, `count`, `within` (seconds), `attempt`, `took` and `again_in` (seconds), `remote`, `url`,
--- `reason`. Never a body, a secret, a signature or a key blob.
local core = require "marketplace.core"
local runtime = require "marketplace.runtime"
local text = require "marketplace.text"

local log = {}

local ORDER = {
  "event", "app_id", "package", "version", "asset", "id", "type", "secret", "verified_by", "secrets", "code", "status",
  "count", "within", "attempt", "took", "again_in", "remote", "url", "reason",
}
local SHOWN_AS = { app_id = "app" }

--- Seconds since the epoch as "2026-01-31T12:00:00.250Z".
---@param seconds number
---@return string
function log.timestamp(seconds)
  return core.format_time(seconds)
end

local function quoted_if_needed(word)
  if word ~= "" and not word:find('[%s"]') then return word end
  return '"' .. word:gsub('["\\]', "\\%0") .. '"'
end

local function shown(name, value)
  if name == "took" then return ("%.1fms"):format(value * 1000) end
  if name == "again_in" or name == "within" then return ("%.1fs"):format(value) end
  -- A reason may be a traceback, which is readable on one line too.
  if name == "reason" then value = text.one_line(tostring(value)) end
  return text.safe(quoted_if_needed(tostring(value)))
end

--- The message, then name=value pairs, for a log that has its own time and level.
---@param entry table
---@return string words on one line
function log.words(entry)
  local words = { text.safe(entry.message) }
  for _, name in ipairs(ORDER) do
    if entry[name] ~= nil then
      words[#words + 1] = (SHOWN_AS[name] or name) .. "=" .. shown(name, entry[name])
    end
  end
  return table.concat(words, " ")
end

--- One line: time, level, message, then name=value pairs.
---@param entry table
---@return string line without a line feed
function log.line(entry)
  return ("%s %-7s %s"):format(log.timestamp(entry.at or core.now()), entry.level, log.words(entry))
end

--- A sink that writes lines for people.
---@param stream file*
---@return fun(entry: table)
function log.text(stream)
  return function(entry)
    stream:write(log.line(entry), "\n")
    stream:flush()
  end
end

--- One JSON object on a line; `at` is a timestamp in it.
---@param entry table
---@return string line without a line feed
function log.json_line(entry)
  local object = {}
  for name, value in pairs(entry) do object[name] = type(value) == "string" and text.utf8(value) or value end
  object.at = log.timestamp(entry.at or core.now())
  return text.safe_json(require("cjson").encode(object))
end

--- A sink that writes one JSON object a line.
---@param stream file*
---@return fun(entry: table)
function log.json(stream)
  return function(entry)
    stream:write(log.json_line(entry), "\n")
    stream:flush()
  end
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
  return { write = log.text(io.stderr), wants_info = false }
end

return log
