--- What the inbox asks of a PostgreSQL server, each time that it connects to one: it may be another one by then.
local server = {}

--[[ Settings of the session ]]

local SETTINGS = {
  { "client_min_messages", "warning" }, { "synchronous_commit", "on" }, { "search_path", "marketplace" },
  { "lock_timeout", "0" },    -- statement_timeout, below, holds for that, too
  { "row_security", "off" },  -- entries that it hides would wait for ever: a failure is better
  -- The planner must take the same plan however many entries there are. Without statistics it takes them to be few, and
  -- the first plan of a statement is kept: on a table that was empty then, one that reads all of it or sorts it.
  { "plan_cache_mode", "force_generic_plan" }, { "enable_seqscan", "off" }, { "enable_bitmapscan", "off" },
  { "enable_hashjoin", "off" }, { "enable_mergejoin", "off" }, { "max_parallel_workers_per_gather", "0" },
  { "jit", "off" },
}

-- A process that stands still in a transaction keeps its lanes from all others: it is to end before those that wait do.
local IDLE_SHARE = 2 / 3

-- A statement that nobody waits for any more ends by itself; those that wait are to be told by their own clock first.
local MARGIN_SECONDS = 1

local function milliseconds(seconds)
  return ("%.0fms"):format(math.max(1, seconds * 1000))
end

local function set(list, name, value)
  list[#list + 1] = ("set_config('%s', '%s', false)"):format(name, value)
end

--- Makes the session this project's.
---@param link table
---@param timeout number seconds that a call may take, after which nobody waits for the server any more
function server.configure(link, timeout)
  local list = {}
  for _, setting in ipairs(SETTINGS) do set(list, setting[1], setting[2]) end
  set(list, "statement_timeout", milliseconds(timeout + MARGIN_SECONDS))
  set(list, "idle_in_transaction_session_timeout", milliseconds(timeout * IDLE_SHARE))
  link:run("SELECT " .. table.concat(list, ", "))
end

--[[ The session before ]]

local THIS = "SELECT pid AS process, extract(epoch FROM backend_start)::float8 AS started FROM pg_stat_activity " ..
  "WHERE pid = pg_backend_pid()"

local END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = :process AND " ..
  "extract(epoch FROM backend_start)::float8 = :started"

--- Ends a session if it goes on without its client: one whose commit waits for a standby does so for as long as there
--- is none, keeps its lanes from all others, and takes up one of the server's connections.
---@param link table
---@param former {process: integer, started: number}|nil
---@return {process: integer, started: number} session that of `link`
function server.end_former(link, former)
  if former then link:run(END, former) end
  return link:run(THIS)[1]
end

--[[ What it must be ]]

local STATUS = "SELECT pg_backend_pid() AS process, " ..
  "current_setting('transaction_read_only') = 'on' AS is_read_only, pg_is_in_recovery() AS is_standby, " ..
  "current_setting('server_encoding') AS encoding, current_setting('fsync') AS fsync, " ..
  "current_setting('synchronous_standby_names') AS synchronous, " ..
  "(SELECT count(*) FROM pg_stat_replication) AS standbys"

local POOLER = "a pooler is between this program and the server, and would mix up its sessions: connect to the " ..
  "server itself (an inbox needs one connection for each process)"

local READ_ONLY = "its transactions are read-only (default_transaction_read_only, of the server, the database or " ..
  "the role), and an inbox must be able to write"

-- A standby that is not waited for may not have what was acknowledged when it takes over.
local ASYNCHRONOUS = "%s has standbys, but waits for none of them: a fail-over can lose what was " ..
  "acknowledged. Set synchronous_standby_names on the server"

-- How many standbys a commit waits for: "ANY 2 (a, b, c)", "FIRST 2 (a, b)", "2 (a, b)" or "a, b", which is one.
local function count_synchronous(setting)
  if not setting:find "%S" then return 0 end
  return tonumber(setting:match "^%s*%a*%s*(%d+)%s*%(" or 1)
end

--- Raises if an inbox cannot be there, or would not be safe.
---@param link table
---@param needed {is_relaxed: boolean, replicas?: integer} is_relaxed: accept a server that may lose what it stored;
--- replicas: how many standbys a commit must wait for at least
---@param warn fun(message: string)
function server.check(link, needed, warn)
  local status = link:run(STATUS)[1]
  if status.process ~= link:process() then link:fail(POOLER) end
  if status.is_standby then link:fail "the server is a standby, and read-only: connect to the primary" end
  if status.encoding ~= "UTF8" and status.encoding ~= "SQL_ASCII" then
    link:fail(("the database's encoding is %s, which lacks characters that come from Apple: make one with UTF8")
      :format(status.encoding))
  end
  if status.is_read_only then link:fail(READ_ONLY) end
  local synchronous = count_synchronous(status.synchronous)
  if synchronous < (needed.replicas or 0) then
    link:fail(("a commit waits for %d standbys, and not for %d: set synchronous_standby_names on the server")
      :format(synchronous, needed.replicas))
  end
  if needed.is_relaxed then return end
  if status.fsync ~= "on" then link:fail "the server runs with fsync=off, and what it stores can be lost" end
  if status.standbys > 0 and synchronous == 0 then warn(ASYNCHRONOUS:format(link:name())) end
end

return server
