--- What the inboxes in a SQL database share: the contract of marketplace.inbox in statements that SQLite and PostgreSQL
--- both understand. marketplace.inbox.sql_schema has the tables.
---
--- A database (marketplace.inbox.sqlite, marketplace.inbox.postgres) has
---   database.connection           -> as of marketplace.inbox.reconnecting; its links have run(statement, ...), which
---                                    returns a list of rows, each a list of columns, and their schema is in place
---   database.begin                -> the statement that begins a transaction that writes
---   database.number(n)            -> a number as a parameter, without loss of precision
---   database.lock_lanes(run, lanes), database.lock_lanes_of(run, items)
---                                 -> keeps others from these lanes until the transaction ends
---   database.skip_locked          -> ends a SELECT that must skip what others have locked
---   database.offset               -> how many seconds the caller's clock is ahead of the database's
local fields = require "marketplace.inbox.fields"
local is_same = require("marketplace.inbox.record").is_same
local is_unsigned = require("marketplace.inbox.record").is_unsigned
local sql_rows = require "marketplace.inbox.sql_rows"
local unpack = require("marketplace.runtime").unpack

local sql = {}

local Inbox = { durable = true }
Inbox.__index = Inbox

-- Rows in a statement: sizes are powers of two, so that few statements are prepared. LuaDBI cannot number more than 999
-- parameters for PostgreSQL.
local LARGEST_INSERT = 32
local LARGEST_PRUNE = 5000 -- rows in a transaction, for which others wait

local KIND = fields.kind

--[[ put ]]

local RECORD = fields.record

local ROW = { "identity", "lane", "received_at", "due", "state" }
for _, column in ipairs(sql_rows.columns(RECORD)) do ROW[#ROW + 1] = column end
local PARAMETERS = #ROW + 2 -- of a row: the last two are for head

local function insert_statement(rows)
  local row = "(" .. ("?,"):rep(#ROW) .. "CASE WHEN ? = 1 AND NOT EXISTS (SELECT 1 FROM inbox h WHERE h.lane = ? " ..
    "AND h.state IN ('ready', 'leased')) THEN 1 ELSE 0 END)"
  return "INSERT INTO inbox (" .. table.concat(ROW, ", ") .. ", head) VALUES " .. (row .. ","):rep(rows - 1) .. row ..
    " ON CONFLICT (identity) DO NOTHING RETURNING identity"
end

local inserts = {}
for power = 0, 5 do inserts[2 ^ power] = insert_statement(2 ^ power) end

local function lane_of(record, identity)
  return record.app_id or identity
end

local function add_row(self, parameters, at, row, now)
  local record = row.record
  parameters[at + 1], parameters[at + 2], parameters[at + 3], parameters[at + 4] = row.identity, row.lane, now, now
  parameters[at + 5] = record.reason and "dead" or "ready"
  at = at + 5
  for i = 1, #RECORD do
    local name = RECORD[i]
    local value = record[name]
    if KIND[name] == "time" then
      value = value and self.database.number(value)
    elseif KIND[name] == "bytes" then
      value = sql_rows.stored_body(record)
    end
    parameters[at + i] = value
  end
  parameters[at + #RECORD + 1], parameters[at + #RECORD + 2] = row.leads and 1 or 0, row.lane
end

-- Inserts rows [first, first + count), adds the identities that were new to `new`.
local function insert(self, run, rows, first, count, now, new)
  local parameters = {}
  for i = 0, count - 1 do add_row(self, parameters, i * PARAMETERS, rows[first + i], now) end
  for _, inserted in ipairs(run(inserts[count], unpack(parameters, 1, count * PARAMETERS))) do
    new[inserted[1]] = true
  end
end

local function insert_all(self, run, rows, now)
  local new, first = {}, 1
  while first <= #rows do
    local count = LARGEST_INSERT
    while count > #rows - first + 1 do count = count / 2 end
    insert(self, run, rows, first, count, now, new)
    first = first + count
  end
  return new
end

local PROMOTE = "UPDATE inbox SET head = 1 WHERE seq = (SELECT min(seq) FROM inbox WHERE lane = ? " ..
  "AND state IN ('ready', 'leased'))"
local PROMOTE_IF_NONE_LEADS = PROMOTE .. " AND NOT EXISTS (SELECT 1 FROM inbox h WHERE h.lane = ? AND h.head = 1 " ..
  "AND h.state IN ('ready', 'leased'))"

local REARM = "UPDATE inbox SET state = 'ready', attempt = 0, reason = NULL, due = ?, head = 0 " ..
  "WHERE identity = ? AND state = 'dead' RETURNING lane"

local function rearm(run, identity, now)
  local rearmed = run(REARM, now, identity)[1]
  if rearmed then run(PROMOTE_IF_NONE_LEADS, rearmed[1], rearmed[1]) end
  return rearmed ~= nil
end

local function digest_of(run, identity)
  local row = run("SELECT digest FROM inbox WHERE identity = ?", identity)[1]
  return row and row[1]
end

local SIGN = "UPDATE inbox SET digest = ?, verified_by = ?, body = CASE WHEN state = 'done' THEN body ELSE ? END " ..
  "WHERE identity = ? AND digest = ? AND state <> 'leased'"

-- The digest that is there, once a signed record has replaced an unsigned one.
local function digest_beside(run, record, identity)
  local digest = digest_of(run, identity)
  if not digest or not is_unsigned(digest) or is_unsigned(record.digest) then return digest end
  run(SIGN, record.digest, record.verified_by, sql_rows.stored_body(record), identity, digest)
  return digest_of(run, identity)
end

-- The outcome for a record whose identity is there already; nil if the digest there is another.
local function put_again(run, record, identity, now)
  local digest = digest_beside(run, record, identity)
  if not digest or not is_same(digest, record.digest) then return nil end
  -- a body that cannot be read, or that came unsigned, is no reason to try again
  if record.reason or is_unsigned(record.digest) then return "duplicate" end
  return rearm(run, identity, now) and "rearmed" or "duplicate"
end

local function put_conflict(self, run, record, now)
  local identity = record.key .. "#" .. record.digest
  local row = { record = record, identity = identity, lane = lane_of(record, identity), leads = not record.reason }
  if insert_all(self, run, { row }, now)[identity] then return "conflict" end
  return put_again(run, record, identity, now) or "duplicate"
end

-- Only the first of its lane in the list can become the lane's head.
local function rows_of(records)
  local rows, lanes, seen = {}, {}, {}
  for i = 1, #records do
    local record = records[i]
    local lane = lane_of(record, record.key)
    local leads = not record.reason and not seen[lane]
    rows[i] = { record = record, identity = record.key, lane = lane, leads = leads }
    if leads then
      seen[lane] = true
      lanes[#lanes + 1] = lane
    end
  end
  return rows, lanes
end

local function put(self, run, records, now)
  local rows, lanes = rows_of(records)
  self.database.lock_lanes(run, lanes)
  local new = insert_all(self, run, rows, now)
  local outcomes, repeated = {}, false
  for i, row in ipairs(rows) do
    if new[row.identity] then
      outcomes[i], new[row.identity] = "stored", nil
    else
      repeated = true
      outcomes[i] = put_again(run, row.record, row.identity, now) or put_conflict(self, run, row.record, now)
    end
  end
  -- if the first of a lane was there already, the second leads
  for i = 1, repeated and #lanes or 0 do run(PROMOTE_IF_NONE_LEADS, lanes[i], lanes[i]) end
  return outcomes
end

function Inbox:put(records, now)
  if #records == 0 and not self.closed then return {} end
  return self:transact(function(run) return put(self, run, records, self:at(now)) end)
end

--[[ Leases ]]

local CLAIMED = fields.claimed
local SEQ = #CLAIMED + 1 -- the column behind them
local RETURNED = "RETURNING " .. sql_rows.selected(CLAIMED) .. ", CAST(seq AS float8)"

local function claim_statement(database, state)
  return ("WITH chosen AS MATERIALIZED (SELECT seq FROM inbox WHERE head = 1 AND state = '%s' AND due <= ? " ..
    "ORDER BY due, seq LIMIT ? %s) UPDATE inbox SET state = 'leased', attempt = attempt + 1, token = token + 1, " ..
    "due = ? WHERE seq IN (SELECT seq FROM chosen) %s"):format(state, database.skip_locked, RETURNED)
end

local function by_seq(a, b) return a[SEQ] < b[SEQ] end

-- An entry whose lease ended comes first, and alone.
local function claim(self, run, limit, now, until_)
  local rows = run(self.claim_expired, now, 1, until_)
  if #rows == 0 then rows = run(self.claim_ready, now, limit, until_) end
  table.sort(rows, by_seq)
  return self:entries(rows, CLAIMED)
end

function Inbox:claim(limit, now, lease)
  if limit < 1 and not self.closed then return {} end
  -- Most polls find nothing, which must not cost a commit.
  local next_at, message, code = self:next_at()
  if not next_at then
    if message then return nil, message, code end
    return {}
  end
  if next_at > now then return {} end
  return self:transact(function(run)
    return claim(self, run, math.min(limit, 1000), self:at(now), self:at(now + lease))
  end)
end

local FINISH = {
  done = "UPDATE inbox SET state = 'done', head = 0, due = ?, body = NULL, reason = NULL, scope = ? " ..
    "WHERE identity = ? AND token = ? AND state = 'leased' RETURNING lane",
  ready = "UPDATE inbox SET state = 'ready', due = ?, reason = ?, attempt = attempt - ? " ..
    "WHERE identity = ? AND token = ? AND state = 'leased' RETURNING lane",
  dead = "UPDATE inbox SET state = 'dead', head = 0, due = ?, reason = ? " ..
    "WHERE identity = ? AND token = ? AND state = 'leased' RETURNING lane",
}

local function finish_one(self, run, item, now)
  local rows
  local statement, identity, token = FINISH[item.state], item.identity, item.token
  if item.state == "done" then
    rows = run(statement, now, item.scope, identity, token)
  elseif item.state == "dead" then
    rows = run(statement, now, item.reason, identity, token)
  else
    rows = run(statement, self:at(item.at), item.reason, item.uncounted and 1 or 0, identity, token)
  end
  if rows[1] and item.state ~= "ready" then run(PROMOTE, rows[1][1]) end
  return rows[1] ~= nil
end

function Inbox:finish(items, now)
  if #items == 0 and not self.closed then return {} end
  return self:transact(function(run)
    self.database.lock_lanes_of(run, items)
    local held = {}
    for i = 1, #items do held[i] = finish_one(self, run, items[i], self:at(now)) end
    return held
  end)
end

function Inbox:extend(items, now, lease)
  if #items == 0 and not self.closed then return {} end
  return self:transact(function(run)
    local held = {}
    for i, item in ipairs(items) do
      held[i] = run("UPDATE inbox SET due = ? WHERE identity = ? AND token = ? AND state = 'leased' RETURNING 1",
        self:at(now + lease), item.identity, item.token)[1] ~= nil
    end
    return held
  end)
end

--[[ Queries ]]

local function query(self, statement, ...)
  local parameters, count = { ... }, select("#", ...)
  return self:read(function(run) return run(statement, unpack(parameters, 1, count)) end)
end

local function count_states(self, statement)
  local rows, message, code = query(self, statement)
  if not rows then return nil, message, code end
  local counts = { ready = 0, leased = 0, done = 0, dead = 0 }
  for _, row in ipairs(rows) do counts[row[1]] = row[2] end
  return counts
end

function Inbox:counts()
  return count_states(self, "SELECT state, CAST(count(*) AS float8) FROM inbox GROUP BY state")
end

function Inbox:backlog()
  local counts, message, code = count_states(self,
    "SELECT state, CAST(count(*) AS float8) FROM inbox WHERE state IN ('ready', 'leased') GROUP BY state " ..
    "UNION ALL SELECT 'dead', CAST(count(*) AS float8) FROM inbox WHERE state = 'dead'")
  if not counts then return nil, message, code end
  local rows
  rows, message, code = query(self,
    "SELECT CAST(min(received_at) AS float8) FROM inbox WHERE state IN ('ready', 'leased')")
  if not rows then return nil, message, code end
  local oldest_at = rows[1] and rows[1][1]
  return {
    ready = counts.ready, leased = counts.leased, dead = counts.dead,
    oldest_at = oldest_at and oldest_at + self.database.offset,
  }
end

function Inbox:next_at()
  local rows, message, code = query(self, "SELECT CAST(min(due) AS float8) FROM inbox WHERE head = 1")
  if not rows then return nil, message, code end
  local due = rows[1] and rows[1][1]
  return due and due + self.database.offset or nil
end

local CLAUSES = { -- of filters that are not simply a column's value
  key = "? IN (key, identity)", received_before = "received_at < ?", received_since = "received_at >= ?",
}

-- The rest of a SELECT, behind its columns, and its parameters.
local function where(self, filter)
  local clauses, parameters = { "seq > 0" }, {}
  for _, name in ipairs(fields.filter) do
    local value = filter[name]
    if value then
      clauses[#clauses + 1] = CLAUSES[name] or name .. " = ?"
      parameters[#parameters + 1] = KIND[name] == "clock" and self:at(value) or value
    end
  end
  return " FROM inbox WHERE " .. table.concat(clauses, " AND "), parameters
end

local SUMMARY = "SELECT " .. sql_rows.selected(fields.summary)

local function run_list(self, run, filter)
  local clause, parameters = where(self, filter)
  local limit = filter.limit and (" LIMIT %d"):format(filter.limit) or ""
  return self:entries(run(SUMMARY .. clause .. " ORDER BY seq" .. limit, unpack(parameters)), fields.summary)
end

function Inbox:list(filter)
  filter = fields.checked("inbox:list", filter)
  return self:read(function(run) return run_list(self, run, filter) end)
end

local ENTRY = "SELECT " .. sql_rows.selected(fields.entry) .. " FROM inbox WHERE identity = ?"

function Inbox:get(identity)
  local rows, message, code = query(self, ENTRY, identity)
  if not rows then return nil, message, code end
  return self:entries(rows, fields.entry)[1]
end

-- Three statements, as each state has an index of its own.
local LATER = "SELECT " .. sql_rows.selected(fields.later) .. " FROM inbox WHERE "
local LATER_LIVE = LATER .. "lane = ? AND state IN ('ready', 'leased') AND event_time > ?"
local LATER_DONE = LATER .. "app_id = ? AND state = 'done' AND event_time > ?"
local LATER_DEAD = LATER .. "app_id = ? AND state = 'dead' AND event_time > ?"

function Inbox:later(app_id, time)
  local after = self.database.number(time)
  return self:read(function(run)
    local found = {}
    for _, statement in ipairs { LATER_LIVE, LATER_DONE, LATER_DEAD } do
      for _, row in ipairs(run(statement, app_id, after)) do found[#found + 1] = row end
    end
    return self:entries(found, fields.later)
  end)
end

--[[ Operators ]]

function Inbox:replay(filter, now)
  local dead = fields.dead(fields.checked("inbox:replay", filter))
  if not dead and not self.closed then return 0 end
  return self:transact(function(run)
    local found, lanes = run_list(self, run, dead), {}
    for i, entry in ipairs(found) do lanes[i] = lane_of(entry, entry.identity) end
    self.database.lock_lanes(run, lanes)
    local replayed = 0
    for _, entry in ipairs(found) do
      if rearm(run, entry.identity, self:at(now)) then replayed = replayed + 1 end
    end
    return replayed
  end)
end

function Inbox:prune(done_before)
  local pruned = 0
  repeat
    local rows, message, code = self:transact(function(run)
      return run("DELETE FROM inbox WHERE seq IN (SELECT seq FROM inbox WHERE state = 'done' AND due < ? LIMIT ?) " ..
        "RETURNING 1", self:at(done_before), LARGEST_PRUNE)
    end)
    if not rows then return nil, message, code end
    pruned = pruned + #rows
  until #rows < LARGEST_PRUNE
  return pruned
end

function Inbox:id()
  local rows, message, code = query(self, "SELECT id FROM inbox_id")
  if not rows then return nil, message, code end
  return rows[1][1]
end

--[[ The database ]]

local function unavailable(message)
  return nil, message, "inbox_unavailable"
end

--- Runs work(run) in a transaction that writes: rolled back if it raises.
---@param work fun(run: function): any not nil
function Inbox:transact(work)
  if self.closed then return unavailable "the inbox is closed" end
  local result, message = self.database.connection:use(function(link)
    link:run(self.database.begin)
    local result = work(function(...) return link:run(...) end)
    link:run "COMMIT"
    return result
  end)
  if result == nil then return unavailable(message) end
  return result
end

--- Runs work(run), which writes nothing.
---@param work fun(run: function): any not nil
function Inbox:read(work)
  if self.closed then return unavailable "the inbox is closed" end
  local result, message = self.database.connection:use(function(link)
    return work(function(...) return link:run(...) end)
  end)
  if result == nil then return unavailable(message) end
  return result
end

--- A time of the caller's clock as a parameter in the database's time.
function Inbox:at(time)
  return self.database.number(time - self.database.offset)
end

--- Rows of these fields as entries.
function Inbox:entries(rows, names)
  return sql_rows.entries(rows, names, self.database.offset)
end

function Inbox:close()
  if not self.closed then self.database.connection:close() end
  self.closed = true
end

--- Opens the inbox in a database; connects, to check that it works.
---@param database table
---@return table|nil inbox
---@return string? message
---@return string? code inbox_unavailable
function sql.open(database)
  local ok, message = database.connection:use(function() return true end)
  if not ok then return unavailable(message) end
  return setmetatable({
    database = database, closed = false, claim_expired = claim_statement(database, "leased"),
    claim_ready = claim_statement(database, "ready"),
  }, Inbox)
end

return sql
