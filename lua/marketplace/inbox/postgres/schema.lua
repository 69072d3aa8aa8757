--- The tables of an inbox in a SQL database.
---
--- `inbox` has an entry in each row. `seq` is the order in which they were stored; `lane` is the app's id or, if there
--- is none, the entry's own; `leads` marks the one entry of a lane that can be claimed. `at` is when it can be, when
--- its lease ends, or when it was done or dead; `set_at` is when that was set. The token counts the entry's leases, so
--- that no two of them have the same; `shared` tells that the last one was claimed together with others; `losses`
--- counts leases in a row that ended without a result.
---
--- `inbox_self` has one row: the inbox's id, and the latest time before which ids were deleted.
local fail = require("marketplace.inbox.reconnecting").fail
local lanes = require "marketplace.inbox.postgres.lanes"
local uuid = require "marketplace.uuid"

local schema = {}

--- Another one for each change of the tables.
schema.VERSION = 4

local READY = "WHERE leads = 1 AND state = 'ready' AND losses = 0"
local ALONE = "WHERE leads = 1 AND state = 'ready' AND losses > 0"

local STATEMENTS = {
  [[CREATE TABLE inbox (seq $seq, id $id NOT NULL UNIQUE, key text NOT NULL, digest text NOT NULL, verified_by text,
    type text, event text, app_id text, lane text NOT NULL, time $real, received_at $real NOT NULL,
    state text NOT NULL, code text, reason text, at $real NOT NULL, set_at $real NOT NULL, leads integer NOT NULL,
    attempt integer NOT NULL DEFAULT 0, losses integer NOT NULL DEFAULT 0, token integer NOT NULL DEFAULT 0,
    shared integer NOT NULL DEFAULT 0, scope text, body text)]],
  "CREATE INDEX inbox_lane ON inbox (lane, leads, seq, received_at) WHERE " .. lanes.LIVE,
  "CREATE INDEX inbox_ready ON inbox (at, seq) " .. READY,
  "CREATE INDEX inbox_alone ON inbox (at, seq) " .. ALONE,
  "CREATE INDEX inbox_leased ON inbox (at) WHERE state = 'leased'",
  "CREATE INDEX inbox_set ON inbox (set_at) WHERE leads = 1",
  "CREATE INDEX inbox_dead ON inbox (seq, code) WHERE state = 'dead'",
  "CREATE INDEX inbox_done ON inbox (at) WHERE state = 'done'",
  "CREATE INDEX inbox_bodies ON inbox (at) WHERE state = 'done' AND body IS NOT NULL",
  "CREATE INDEX inbox_app ON inbox (app_id, time)",
  "CREATE TABLE inbox_self (id text NOT NULL, forgotten_before $real)",
}

--- Makes the tables.
---@param run function
---@param types {seq: string, id: string, real: string} the database's names of column types; ids must be in the order
--- of their bytes
function schema.make(run, types)
  for _, statement in ipairs(STATEMENTS) do run((statement:gsub("$(%l+)", types))) end
  run("INSERT INTO inbox_self (id) VALUES (?)", uuid.new())
end

--- Refuses the tables of another version.
---@param version integer the one that is there
function schema.check(version)
  if version == schema.VERSION then return end
  fail(("its tables have version %d, and this program needs version %d: use the release that made them, " ..
    "or begin with an empty one"):format(version, schema.VERSION))
end

return schema
