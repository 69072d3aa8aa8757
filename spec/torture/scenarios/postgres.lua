--- Scenarios of marketplace.postgres, with a server of their own.
local postgres = require "marketplace.postgres"
local postgres_server = require "support.postgres_server"

local CODES = { "out_of_memory", "connect_failed", "inbox_unavailable", "timeout" }

-- Calls each of the steps, which give nil, message and code if they fail, and closes the connection after that.
local function on_session(server, steps)
  local session, message, code = postgres.connect { seconds = 60, parameters = {
    host = "127.0.0.1", port = tostring(server.port), user = "postgres", dbname = "postgres", sslmode = "disable",
    gssencmode = "disable",
  } }
  if not session then return session, message, code end
  session:limit(0.5) -- libpq may wait for what it dropped when memory was short
  local result
  for _, step in ipairs(steps) do
    result, message, code = step(session)
    if result == nil then break end
  end
  session:close()
  return result, message, code
end

local function run(session, sql, names, values)
  local number, message, code = session:prepare(sql)
  if not number then return nil, message, code end
  return session:run(number, names, values)
end

return {
  {
    covers = { "postgres.connect", "postgres:limit", "postgres:process", "postgres:prepare", "postgres:run",
      "postgres:each", "postgres:defer", "postgres:is_alive", "postgres:name", "postgres:close" },
    codes = CODES,
    setup = function()
      local server = postgres_server.start()
      server:query "CREATE TABLE t (i integer PRIMARY KEY, a bytea)"
      return server
    end,
    teardown = function(server) server:remove() end,
    run = function(server)
      return on_session(server, {
        function(session)
          if session:process() and session:is_alive() and session:name() then return true end
          return nil, "it is lost", "connect_failed"
        end,
        function(session)
          local begin, message, code = session:prepare "BEGIN"
          if not begin then return nil, message, code end
          return session:defer(begin)
        end,
        function(session)
          local number, message, code = session:prepare "INSERT INTO t VALUES ($1, $2) RETURNING i"
          if not number then return nil, message, code end
          return session:each(number, { "i", "a" }, { { i = 1 }, { i = 2, a = "b\0" } }, { a = ("x"):rep(20000) })
        end,
        function(session) return run(session, "SELECT i, a FROM t WHERE i > $1", { "i" }, { i = 1 }) end,
      })
    end,
  },
}
