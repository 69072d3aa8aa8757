--- The inbox in a PostgreSQL database, schema "marketplace": for receivers and workers on several machines.
--- `marketplace.inbox` has the contract.
---
--- The server's clock times the leases, whatever the machines' own clocks say: the difference is measured when a
--- connection is made.
local connection = require "marketplace.inbox.connection"
local core = require "marketplace.core"
local options = require "marketplace.options"
local reconnecting = require "marketplace.inbox.reconnecting"
local sql = require "marketplace.inbox.sql"
local sql_schema = require "marketplace.inbox.sql_schema"
local text = require "marketplace.text"

local fail = reconnecting.fail

local postgres = {}

local MIGRATION_LOCK = 5426771 -- the advisory lock that a migration holds
local RENEW_SECONDS = 600      -- after which the clocks are compared again: one of them may have been set
local PAUSE_SECONDS = 0.5      -- after a failed attempt to connect
local LIMITS = { connect_timeout = "5", tcp_user_timeout = "10000" }
local SEPARATOR = "\1"         -- no id contains it

local STEPS = sql_schema.steps { seq = "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY", real = "float8" }

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
  if durability ~= "relaxed" and link:run("SHOW fsync")[1][1] ~= "on" then
    fail "the server runs with fsync=off, and what it stores can be lost"
  end
end

-- Nil if there is no schema yet.
local function version_of(link)
  if not link:run("SELECT CAST(to_regclass('marketplace.schema_version') AS text)")[1][1] then return nil end
  local row = link:run("SELECT version FROM marketplace.schema_version")[1]
  return row and row[1]
end

-- Only if there is something to do: it takes a lock, and needs a right that a worker's role may lack.
local function migrate(link)
  link:run "BEGIN"
  link:run("SELECT 1 FROM (SELECT pg_advisory_xact_lock(CAST(? AS bigint))) AS locked", MIGRATION_LOCK)
  link:run "CREATE SCHEMA IF NOT EXISTS marketplace"
  link:run "SET LOCAL search_path TO marketplace"
  link:run "CREATE TABLE IF NOT EXISTS schema_version (version integer NOT NULL)"
  local row = link:run("SELECT version FROM schema_version")[1]
  local there = row and row[1] or 0
  local version = sql_schema.migrate(function(...) return link:run(...) end, STEPS, there)
  if not row then link:run("INSERT INTO schema_version VALUES (0)") end
  link:run("UPDATE schema_version SET version = CAST(? AS integer)", version)
  link:run "COMMIT"
end

local function prepare(link, durability)
  local ok, problem = pcall(function()
    configure(link, durability)
    if version_of(link) ~= #STEPS then migrate(link) end
    link:run "SET search_path TO marketplace"
  end)
  if ok then return end
  link:close()
  error(problem, 0)
end

-- How far the caller's clock is ahead of the server's, in seconds.
local function measure_offset(link, clock)
  local before = clock()
  local server = link:run("SELECT CAST(extract(epoch FROM clock_timestamp()) AS float8)")[1][1]
  return (before + clock()) / 2 - server
end

-- Two processes that store for one app, or store and finish, must do so one after the other. Otherwise each might
-- take the other's entry for the lane's leader.
local LOCK = "SELECT count(*) FROM (SELECT pg_advisory_xact_lock(hash) FROM (SELECT DISTINCT " ..
  "hashtextextended(lane, 0) AS hash FROM %s ORDER BY 1) AS lanes) AS locked"
local LOCK_LANES = LOCK:format "unnest(string_to_array(CAST(? AS text), chr(1))) AS lane"
local LOCK_LANES_OF = LOCK:format "inbox WHERE identity = ANY (string_to_array(CAST(? AS text), chr(1)))"

local function lock_lanes(run, lanes)
  if #lanes > 0 then run(LOCK_LANES, table.concat(lanes, SEPARATOR)) end
end

local function lock_lanes_of(run, items)
  local identities = {}
  for i, item in ipairs(items) do identities[i] = item.identity end
  run(LOCK_LANES_OF, table.concat(identities, SEPARATOR))
end

---@class marketplace.PostgresInboxOptions
---@field clock? false|fun(): number seconds since the epoch, default the machine's; false: times are used as given
---@field durability? "strict"|"relaxed" relaxed accepts a server that may lose what it stored; default strict
---@field must_exist? boolean for SQLite; ignored here
local OPTIONS = {
  clock = "function|boolean", durability = "string", must_exist = "boolean",
}

--- Opens the inbox in a database; makes its schema if there is none.
---@param place {parameters: table<string, string>} libpq's words; a password is better kept in PGPASSFILE
---@param settings? marketplace.PostgresInboxOptions
---@return table|nil inbox
---@return string? message
---@return string? code inbox_unavailable
function postgres.open(place, settings)
  settings = settings or {}
  options.check("marketplace.inbox.open", settings, OPTIONS)
  local clock = settings.clock == nil and core.now or settings.clock
  local database = {
    begin = "BEGIN", skip_locked = "FOR UPDATE SKIP LOCKED", offset = 0, lock_lanes = lock_lanes,
    lock_lanes_of = lock_lanes_of, number = text.number,
  }
  database.connection = reconnecting.new {
    name = "postgres", pause = PAUSE_SECONDS, renew_after = RENEW_SECONDS,
    connect = function()
      local link = connection.open("PostgreSQL", "luadbi-postgresql", connection_words(place.parameters))
      prepare(link, settings.durability)
      if clock then database.offset = measure_offset(link, clock) end
      return link
    end,
  }
  return sql.open(database)
end

return postgres
