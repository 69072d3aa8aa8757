--- The tables of the inbox in PostgreSQL.
---
--- `inbox` has an entry in each row. `seq` is the order in which they were stored; `lane` is the app's id or, if there
--- is none, the entry's own; `leads` marks the one entry of a lane that can be claimed. `at` is when it can be, when
--- its lease ends, or when it was done or dead; `set_at` is when that was set. `token` is the last lease's, and random;
--- `shared` tells that it was claimed together with others; `losses` counts leases in a row that ended without a
--- result. `history` is an array of what marketplace.inbox.history says, NULL for none.
---
--- `inbox_self` has one row: the inbox's id, and the latest time before which ids were deleted.
local indexes = require "marketplace.inbox.postgres.indexes"
local uuid = require "marketplace.uuid"

local schema = {}

--- Another one for each change of the tables.
schema.VERSION = 8

local LOCK = 5426771 -- the advisory lock of the one that makes the tables

local STATEMENTS = { -- ids are in the order of their bytes
  [[CREATE TABLE inbox (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id text COLLATE "C" NOT NULL UNIQUE, key text NOT NULL,
    digest text NOT NULL, verified_by text, type text, event text, app_id text, lane text NOT NULL, time float8,
    received_at float8 NOT NULL, state text NOT NULL, code text, reason text, at float8 NOT NULL,
    set_at float8 NOT NULL, leads boolean NOT NULL, attempt integer NOT NULL DEFAULT 0,
    losses integer NOT NULL DEFAULT 0, token bigint NOT NULL DEFAULT 0, shared boolean NOT NULL DEFAULT false,
    scope text, body bytea, history jsonb, traceparent text)]],
  "CREATE INDEX inbox_lane ON inbox (lane, leads, seq, received_at) WHERE " .. indexes.LANE,
  "CREATE INDEX inbox_ready ON inbox (at, seq) WHERE " .. indexes.READY,
  "CREATE INDEX inbox_alone ON inbox (at, seq) WHERE " .. indexes.ALONE,
  "CREATE INDEX inbox_leased ON inbox (at) WHERE " .. indexes.LEASED,
  "CREATE INDEX inbox_leading ON inbox (set_at) WHERE " .. indexes.LEADING,
  "CREATE INDEX inbox_dead ON inbox (seq, code) WHERE " .. indexes.DEAD,
  "CREATE INDEX inbox_done ON inbox (at) WHERE " .. indexes.DONE,
  "CREATE INDEX inbox_bodies ON inbox (at) WHERE " .. indexes.WITH_BODY,
  "CREATE INDEX inbox_app ON inbox (app_id, time)",
  "CREATE TABLE inbox_self (id text NOT NULL, forgotten_before float8)",
}

-- Nil if there are no tables yet.
local function version_of(link)
  if not link:run("SELECT to_regclass('marketplace.schema_version')::text AS name")[1].name then return nil end
  local row = link:run("SELECT version FROM marketplace.schema_version")[1]
  return row and row.version
end

-- Only if there are none: to make one needs a right that a role may lack, also if it is there.
local function make_schema(link)
  local found = link:run("SELECT 1 AS found FROM pg_namespace WHERE nspname = 'marketplace'")
  if not found[1] then link:run "CREATE SCHEMA marketplace" end
end

local function begin_alone(link)
  link:begin()
  link:run("SELECT 1 AS locked FROM (SELECT pg_advisory_xact_lock(:lock)) AS locked", { lock = LOCK })
end

-- Once it has the lock, it does not ask for the table's name again: the server may still remember that there was none.
local function make(link)
  begin_alone(link)
  make_schema(link)
  link:run "CREATE TABLE IF NOT EXISTS schema_version (version integer NOT NULL)"
  if not link:run("SELECT version FROM schema_version")[1] then
    link:run("INSERT INTO schema_version VALUES (:version)", { version = schema.VERSION })
    for _, statement in ipairs(STATEMENTS) do link:run(statement) end
    link:run("INSERT INTO inbox_self (id) VALUES (:id)", { id = uuid.new() })
  end
  link:commit()
end

local FORMER_VERSION = 7

-- Version 7 kept no history and no traceparent. What a process of that release asks works on; once it connects anew, it
-- is refused.
local ADD = "ALTER TABLE inbox ADD COLUMN history jsonb, ADD COLUMN traceparent text"

local IS_OWNER = "SELECT pg_has_role(relowner, 'USAGE') AS is_owner FROM pg_class WHERE oid = 'inbox'::regclass"

local function refuse(link, version, what_to_do)
  link:fail(("its tables have version %d, and this program needs version %d: %s"):format(version, schema.VERSION,
    what_to_do))
end

local function migrate(link)
  if not link:run(IS_OWNER)[1].is_owner then
    refuse(link, FORMER_VERSION, "have the role that owns them open it once, as with `marketplace inbox stats`, and " ..
      "they are brought up to date")
  end
  begin_alone(link)
  if link:run("SELECT version FROM schema_version")[1].version == FORMER_VERSION then
    link:run(ADD)
    link:run("UPDATE schema_version SET version = :version", { version = schema.VERSION })
  end
  link:commit()
end

--- Makes the tables if there are none, brings those of the former version up to date, and refuses those of another one.
---@param link table whose search path is the schema
function schema.prepare(link)
  local version = version_of(link)
  if not version then
    make(link)
    version = version_of(link)
  end
  if version == FORMER_VERSION then
    migrate(link)
    version = version_of(link)
  end
  if version == schema.VERSION then return end
  refuse(link, version, "use the release that made them, or begin with an empty one")
end

return schema
