--- The inbox in a PostgreSQL database, schema "marketplace": for receivers and workers on several machines.
--- `marketplace.inbox` has the contract.
local connection = require "marketplace.inbox.postgres.connection"
local reconnecting = require "marketplace.inbox.reconnecting"
local schema = require "marketplace.inbox.postgres.schema"
local sql = require "marketplace.inbox.postgres.inbox"
local text = require "marketplace.text"

local fail = reconnecting.fail

local postgres = {}

local SCHEMA_LOCK = 5426771 -- the advisory lock of the one that makes the tables
local PAUSE_SECONDS = 0.5   -- after a failed attempt to connect
local LIMITS = { connect_timeout = "5", tcp_user_timeout = "10000" }
local SEPARATOR = "\1"      -- no id contains it

-- Whatever the server's default: once it has a lane's lock, a statement must see what the one before committed.
local BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"

local TYPES = {
  seq = "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY", id = 'text COLLATE "C"', real = "float8",
}

-- The connection string. A dead peer must be noticed; limits that the URL sets come first.
local function connection_words(parameters)
  local words = {}
  for name, value in pairs(LIMITS) do
    if not parameters[name] then words[#words + 1] = name .. "=" .. value end
  end
  for name, value in pairs(parameters) do
    words[#words + 1] = ("%s='%s'"):format(name, (value:gsub("['\\]", "\\%0")))
  end
  return table.concat(words, " ")
end

local function configure(link, durability)
  link:run "SET client_min_messages TO warning"
  link:run "SET synchronous_commit TO on"
  link:run "SET statement_timeout TO '10s'"
  -- a process that stands still in a transaction keeps its lanes from all others
  link:run "SET idle_in_transaction_session_timeout TO '5s'"
  if durability ~= "relaxed" and link:run("SHOW fsync")[1][1] ~= "on" then
    fail "the server runs with fsync=off, and what it stores can be lost"
  end
end

-- Nil if there are no tables yet.
local function version_of(link)
  if not link:run("SELECT CAST(to_regclass('marketplace.schema_version') AS text)")[1][1] then return nil end
  local row = link:run("SELECT version FROM marketplace.schema_version")[1]
  return row and row[1]
end

-- Only if there are none: it needs a right that a worker's role may lack. Once it has the lock, it does not ask for the
-- table's name again: the server may still remember that there was none.
local function make_tables(link)
  link:run "BEGIN"
  link:run("SELECT 1 FROM (SELECT pg_advisory_xact_lock(CAST(? AS bigint))) AS locked", SCHEMA_LOCK)
  link:run "CREATE SCHEMA IF NOT EXISTS marketplace"
  link:run "SET LOCAL search_path TO marketplace"
  link:run "CREATE TABLE IF NOT EXISTS schema_version (version integer NOT NULL)"
  if not link:run("SELECT version FROM schema_version")[1] then
    link:run("INSERT INTO schema_version VALUES (CAST(? AS integer))", schema.VERSION)
    schema.make(function(...) return link:run(...) end, TYPES)
  end
  link:run "COMMIT"
end

local function prepare(link, durability)
  local ok, problem = pcall(function()
    configure(link, durability)
    if not version_of(link) then make_tables(link) end
    schema.check(version_of(link))
    link:run "SET search_path TO marketplace"
  end)
  if ok then return end
  link:close()
  error(problem, 0)
end

local function server_time(run)
  return run "SELECT CAST(extract(epoch FROM clock_timestamp()) AS float8)"[1][1]
end

-- Two processes that elect a lane's leader must do so one after the other. Otherwise each might take the other's entry
-- for the leader.
local LOCK = "SELECT count(*) FROM (SELECT pg_advisory_xact_lock(hash) FROM (SELECT DISTINCT " ..
  "hashtextextended(lane, 0) AS hash FROM %s ORDER BY 1) AS lanes) AS locked"
local LOCK_LANES = LOCK:format "unnest(string_to_array(CAST(? AS text), chr(1))) AS lane"
local LOCK_LANES_OF = LOCK:format "inbox WHERE id = ANY (string_to_array(CAST(? AS text), chr(1)))"

local function lock_lanes(run, lanes)
  if #lanes > 0 then run(LOCK_LANES, table.concat(lanes, SEPARATOR)) end
end

local function lock_lanes_of(run, items)
  local ids = {}
  for i, item in ipairs(items) do ids[i] = item.id end
  run(LOCK_LANES_OF, table.concat(ids, SEPARATOR))
end

--- Opens the inbox in a database; makes its schema if there is none.
---@param place {parameters: table<string, string>} libpq's words; a password is better kept in PGPASSFILE
---@param settings? marketplace.InboxOptions
---@return table|nil inbox
---@return string? message
---@return string? code inbox_unavailable
function postgres.open(place, settings)
  local clock, durability = settings and settings.clock, settings and settings.durability
  return sql.open {
    begin = BEGIN, skip_locked = "FOR UPDATE SKIP LOCKED", lock_lanes = lock_lanes, lock_lanes_of = lock_lanes_of,
    let_others = function() end,
    now = clock and function() return clock() end or server_time, number = text.number,
    connection = reconnecting.new {
      name = "postgres", pause = PAUSE_SECONDS,
      connect = function()
        local link = connection.open("PostgreSQL", "luadbi-postgresql", connection_words(place.parameters))
        prepare(link, durability)
        return link
      end,
    },
  }
end

return postgres
