--- The tables of an inbox in a SQL database, and their versions.
---
--- `head` marks the one entry of a lane that can be claimed. `due` is when it can be: at once, after a pause, or when
--- its lease ends; if the entry is done or dead, it is when that happened. The token counts an entry's leases, so that
--- no two of them have the same.
local fail = require("marketplace.inbox.reconnecting").fail
local uuid = require "marketplace.uuid"

local sql_schema = {}

local function name_it(run)
  run("INSERT INTO inbox_id (id) VALUES (?)", uuid.new())
end

--- The steps that make each version of the tables: statements, and functions that are given `run`. The steps of a
--- released version are never changed.
---@param types {seq: string, real: string} the database's names of column types
---@return (string|fun(run: function))[][]
function sql_schema.steps(types)
  local first = {
    ("CREATE TABLE inbox (seq %s, identity text NOT NULL UNIQUE, key text NOT NULL, digest text NOT NULL, " ..
      "type text, event text, app_id text, lane text NOT NULL, event_time %s, received_at %s NOT NULL, " ..
      "due %s NOT NULL, state text NOT NULL, head integer NOT NULL DEFAULT 0, attempt integer NOT NULL DEFAULT 0, " ..
      "token integer NOT NULL DEFAULT 0, body text, reason text, scope text)"):format(
      types.seq, types.real, types.real, types.real),
    "CREATE INDEX inbox_due ON inbox (due, seq) WHERE head = 1",
    "CREATE INDEX inbox_leased ON inbox (due, seq) WHERE head = 1 AND state = 'leased'",
    "CREATE INDEX inbox_lane ON inbox (lane, seq) WHERE state IN ('ready', 'leased')",
    "CREATE INDEX inbox_dead ON inbox (seq) WHERE state = 'dead'",
    "CREATE INDEX inbox_done ON inbox (due) WHERE state = 'done'",
    "CREATE INDEX inbox_later ON inbox (app_id, event_time) WHERE state = 'done'",
  }
  return {
    first, { "ALTER TABLE inbox ADD COLUMN verified_by text" }, { "CREATE TABLE inbox_id (id text NOT NULL)", name_it },
  }
end

--- Runs the steps that are missing.
---@param run function
---@param steps (string|fun(run: function))[][] what makes each version, from 1
---@param version integer the one that is there
---@return integer version that is there now
function sql_schema.migrate(run, steps, version)
  if version > #steps then
    fail(("its schema has version %d, and this program knows %d: a newer program made it"):format(version, #steps))
  end
  for step = version + 1, #steps do
    for _, action in ipairs(steps[step]) do
      if type(action) == "function" then action(run) else run(action) end
    end
  end
  return #steps
end

return sql_schema
