--- The tables of an inbox in a SQLite file.
---
--- `inbox` has an entry in each row, without its body. `seq` is the order in which they were stored. `hash` is that of
--- the id: an index of ids themselves would be three times as large, and as they are random, nearly each id that is
--- stored writes a page of its index. `key` is NULL if it is the id.
---
--- `leads` says what an entry is in its lane. 1: it is the one that can be claimed, or is leased. 0: it waits behind
--- that one. -1: it is over, done or dead. NULL: it is ready, but was not *placed* in its lane yet; a claim does that.
--- So `put` only appends, and no index of lanes or apps is written while others wait. What was placed is older than
--- whatever was not: placing goes by `seq`, and what is made ready again and is younger than one that was not placed is
--- not placed either.
---
--- An UPDATE writes each partial index whose condition has a column that changes, also if the entry stays in it, and
--- where an app is in an index is as random as where an id is. So what is in the indexes of apps depends on `leads`
--- alone: a lease writes neither, and an entry gets into that of those that are over once it is.
---
--- `at` is when an entry can be claimed, when its lease ends, or when it was done or dead; `set_at` is when that was
--- set. `token` is random, so that a backup that is restored makes no former lease good again; `holder` is the number
--- of who has the lease (marketplace.inbox.sqlite.holders), or had the last one; NULL if it has none. `shared` tells
--- that the last lease was taken together with others; `losses` counts leases in a row that ended without a result.
---
--- `history` is a JSON array of what marketplace.inbox.history says, NULL for none.
---
--- `bodies` has the bodies, so that dropping them frees their pages; `kept` tells whether there is one.
---
--- `self` has one row: the inbox's id, and the latest time before which ids were deleted.
local uuid = require "marketplace.uuid"

local schema = {}

--- In the file's header, "MKT1": it is this project's, whatever the file is called.
schema.APPLICATION_ID = 0x4d4b5431

--- Another one for each change of the tables; in the file's header, in the lowest byte of the user version.
schema.VERSION = 6

--- Whether an entry is in its lane, is over, or can be the next, as the indexes have them.
schema.IN_LANE = "leads IS NOT NULL AND leads IS NOT -1"
schema.OVER = "leads = -1"
schema.MAY_BE_NEXT = "leads IS NOT 0 AND leads IS NOT -1"

local STATEMENTS = {
  [[CREATE TABLE inbox (seq INTEGER PRIMARY KEY, hash INTEGER NOT NULL, id TEXT NOT NULL, key TEXT,
    digest TEXT NOT NULL, verified_by TEXT, type TEXT, event TEXT, app_id TEXT, time REAL, received_at REAL NOT NULL,
    state TEXT NOT NULL, code TEXT, reason TEXT, at REAL NOT NULL, set_at REAL NOT NULL, leads INTEGER,
    attempt INTEGER NOT NULL DEFAULT 0, losses INTEGER NOT NULL DEFAULT 0, token INTEGER NOT NULL DEFAULT 0,
    holder INTEGER, shared INTEGER NOT NULL DEFAULT 0, scope TEXT, kept INTEGER NOT NULL DEFAULT 1,
    history TEXT, traceparent TEXT)]],
  "CREATE TABLE bodies (seq INTEGER PRIMARY KEY, body TEXT NOT NULL)",
  "CREATE TABLE self (id TEXT NOT NULL, forgotten_before REAL)",
  "CREATE INDEX inbox_hash ON inbox (hash)",
  "CREATE INDEX inbox_conflict ON inbox (key) WHERE key IS NOT NULL",
  "CREATE INDEX inbox_new ON inbox (seq, received_at, app_id, time) WHERE leads IS NULL",
  "CREATE INDEX inbox_lane ON inbox (app_id, leads, seq, received_at) WHERE " .. schema.IN_LANE,
  "CREATE INDEX inbox_ready ON inbox (at, seq) WHERE leads = 1 AND state = 'ready' AND losses = 0",
  "CREATE INDEX inbox_alone ON inbox (at, seq) WHERE leads = 1 AND state = 'ready' AND losses > 0",
  "CREATE INDEX inbox_leased ON inbox (holder, at) WHERE state = 'leased'",
  "CREATE INDEX inbox_set ON inbox (leads, set_at) WHERE " .. schema.MAY_BE_NEXT,
  "CREATE INDEX inbox_dead ON inbox (seq, code) WHERE state = 'dead'",
  "CREATE INDEX inbox_done ON inbox (at) WHERE state = 'done'",
  "CREATE INDEX inbox_kept ON inbox (at) WHERE state = 'done' AND kept = 1",
  "CREATE INDEX inbox_app ON inbox (app_id, time) WHERE " .. schema.OVER,
}

--- Makes the tables, in a transaction of the caller's.
---@param run fun(statement: string, values?: table): table[]
function schema.make(run)
  for _, statement in ipairs(STATEMENTS) do run(statement) end
  run("INSERT INTO self (id) VALUES (:id)", { id = uuid.new() })
  run("PRAGMA application_id = " .. schema.APPLICATION_ID)
  run("PRAGMA user_version = " .. schema.VERSION)
end

return schema
