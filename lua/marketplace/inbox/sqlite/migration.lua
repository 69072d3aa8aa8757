--- Brings the tables of an inbox from version 4 or 5 to version 6 (marketplace.inbox.sqlite.schema), in one
--- transaction: if the process is killed meanwhile, or the disk is full, the file is as it was.
---
--- Version 5 kept no history and no traceparent. The columns are added behind all others, which writes no row.
---
--- Version 4 kept the bodies in the rows of `inbox`, and those that cannot be read as "hex:" and hex digits. `lane` was
--- the app's id or, if there was none, the entry's own. Each entry's key was stored, also if it was the id. A token
--- counted the leases of its entry, and who has a lease is not known: it ends when it would have ended.
local file = require "marketplace.sqlite.file"
local schema = require "marketplace.inbox.sqlite.schema"

local migration = {}

local WAIT_SECONDS = 600 -- for another process that migrates the same file
local WORK_SECONDS = 86400

local ROWS_AT_ONCE = 1000
local BODIES_AT_ONCE = 20

local INDEXES = "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"

local LAST = "SELECT max(seq) AS seq FROM former"

local MOVE = {
  [[INSERT INTO inbox (seq, hash, id, key, digest, verified_by, type, event, app_id, time, received_at, state, code,
    reason, at, set_at, leads, attempt, losses, token, shared, scope, kept) SELECT seq, hash(id), id, nullif(key, id),
    digest, verified_by, type, event, app_id, time, received_at, state, code, reason, at, set_at,
    CASE WHEN state IN ('ready', 'leased') THEN leads = 1 OR app_id IS NULL ELSE -1 END, attempt, losses, token,
    shared, scope, body IS NOT NULL FROM former WHERE seq <= :last ORDER BY seq]],
  "INSERT INTO bodies (seq, body) SELECT seq, body FROM former WHERE seq <= :last AND body IS NOT NULL ORDER BY seq",
  "DELETE FROM former WHERE seq <= :last",
}

-- An app whose id was that of an entry without an app shared its lane, and may have waited for it.
local ELECT = "UPDATE inbox SET leads = 1 WHERE seq IN (SELECT min(seq) FROM inbox WHERE app_id IS NOT NULL AND " ..
  schema.IN_LANE .. " GROUP BY app_id HAVING max(leads) = 0)"

local ENCODED = "SELECT seq, substr(body, 5) AS digits FROM inbox JOIN bodies USING (seq) WHERE state = 'dead' AND " ..
  "code = 'invalid' AND substr(body, 1, 4) = 'hex:' AND seq > :seq ORDER BY seq LIMIT :limit"
local WRITE_BODY = "UPDATE bodies SET body = :body WHERE seq = :seq"

local IDENTIFY = "UPDATE self SET (id, forgotten_before) = (SELECT id, forgotten_before FROM inbox_self)"

-- The pages of those that were moved are used again at once, so that the file hardly grows.
local function move_entries(link)
  local last = link:run(LAST)[1].seq or 0
  for first = 0, last, ROWS_AT_ONCE do
    for _, statement in ipairs(MOVE) do link:run(statement, { last = first + ROWS_AT_ONCE }) end
  end
  link:run(ELECT)
end

local function bytes_of(digits)
  return (digits:gsub("%x%x", function(byte) return string.char(tonumber(byte, 16)) end))
end

local function decode_bodies(link)
  local seq = 0
  repeat
    local encoded = link:run(ENCODED, { seq = seq, limit = BODIES_AT_ONCE })
    for _, row in ipairs(encoded) do row.body, seq = bytes_of(row.digits), row.seq end
    link:each(WRITE_BODY, encoded)
  until #encoded == 0
end

local ADD = {
  "ALTER TABLE inbox ADD COLUMN history TEXT", "ALTER TABLE inbox ADD COLUMN traceparent TEXT",
  "UPDATE self SET id = id", -- only a commit that changes rows is counted
}

-- The count of commits, in the version's higher bytes, goes on.
local function migrate_5(link)
  for _, statement in ipairs(ADD) do link:run(statement) end
  local number = file.pragma(link, "user_version")
  link:run(("PRAGMA user_version = %d"):format(number - number % 256 + schema.VERSION))
end

local function migrate_4(link)
  for _, index in ipairs(link:run(INDEXES)) do link:run("DROP INDEX " .. index.name) end
  link:run("ALTER TABLE inbox RENAME TO former")
  schema.make(function(...) return link:run(...) end)
  move_entries(link)
  decode_bodies(link)
  link:run(IDENTIFY)
  link:run("DROP TABLE former")
  link:run("DROP TABLE inbox_self")
end

local MIGRATE = { [4] = migrate_4, [5] = migrate_5 } -- by version

--- Migrates the tables if they have a former version. Others wait meanwhile; if several open the same file at once,
--- one migrates it, and the others find it done.
---@param link table see marketplace.sqlite.link
---@return integer version that the tables have then
function migration.run(link)
  local found = file.version(link)
  if not MIGRATE[found] then return found end
  link:limit(WAIT_SECONDS)
  link:begin()
  local migrate = MIGRATE[file.version(link)]
  if migrate then
    link:limit(WORK_SECONDS)
    migrate(link)
  end
  link:commit()
  return file.version(link)
end

return migration
