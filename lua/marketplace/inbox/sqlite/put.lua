--- How the inbox in a SQLite file stores records. What is new is only appended: a claim places it in its lane.
local codes = require "marketplace.inbox.codes"
local is_same = require("marketplace.inbox.record").is_same
local is_unsigned = require("marketplace.inbox.record").is_unsigned
local of_probe = require("marketplace.inbox.record").of_probe
local OUTCOME_BESIDE = require("marketplace.inbox.record").OUTCOME_BESIDE
local lanes = require "marketplace.inbox.sqlite.lanes"
local quoted = require("marketplace.inbox.sql").quoted
local rows = require "marketplace.inbox.sqlite.rows"
local retention = require "marketplace.inbox.retention"

local methods = {}

local LAST = "SELECT forgotten_before, (SELECT max(seq) FROM inbox) AS seq FROM self"

-- A row whose id is there has no hash, and is ignored for that. INSERT ... SELECT ... WHERE NOT EXISTS would say it
-- better, and take half as long again: SQLite copies what such a SELECT reads from the table that it inserts into.
local INSERT = "INSERT OR IGNORE INTO inbox (seq, hash, id, key, digest, verified_by, type, event, app_id, time, " ..
  "received_at, state, code, reason, at, set_at, leads, traceparent, token, holder) VALUES (:seq, " ..
  "CASE WHEN EXISTS (SELECT 1 FROM inbox WHERE hash = hash(:id) AND id = :id) THEN NULL ELSE hash(:id) END, :id, " ..
  ":other_key, :digest, :verified_by, :type, :event, :app_id, :time, :now, :state, :code, " ..
  "CASE :code WHEN 'too_old' THEN :too_old_reason ELSE :reason END, :now, :now, :leads, :traceparent, " ..
  -- a row that grew when it is leased would split its page, which is full
  "9007199254740991, 9007199254740991)"

local INSERT_BODY = "INSERT INTO bodies (seq, body) VALUES (:seq, :body)"

-- Says in a record how it is stored: under which id, and at which place among all.
local function place(self, record, id, seq)
  local code = retention.code_of(record, self.now, self.forgotten_before)
  record.seq, record.id, record.other_key = seq, id, id ~= record.key and record.key or nil
  record.code, record.state, record.leads = code, code and "dead" or "ready", code and -1 or nil
end

-- Inserts those whose ids are not there; by record, whether it was.
local function insert(self, records)
  local is_new, stored = self.link:each(INSERT, records, self), {}
  for i = 1, #records do
    if is_new[i] then stored[#stored + 1] = records[i] end
  end
  self.link:each(INSERT_BODY, stored)
  return is_new
end

local function outcome_of_new(record)
  return record.code == "too_old" and "too_old" or "stored"
end

local REARM = lanes.MAKE_READY .. rows.adding "'rearmed'" .. " WHERE seq = :seq AND state = 'dead' AND code IN (" ..
  quoted(codes.REARMED) .. ") RETURNING app_id"

local FIND = "SELECT seq, digest, state, kept FROM inbox WHERE hash = hash(:id) AND id = :id"
local SIGN = "UPDATE inbox SET digest = :digest, verified_by = :verified_by WHERE seq = :seq"
local SIGN_BODY = "UPDATE bodies SET body = :body WHERE seq = :seq"

-- A signed record replaces an unsigned one, but for one whose callback may be running.
local function sign(self, found, record)
  if not is_unsigned(found.digest) or found.state == "leased" then return end
  local signed = { seq = found.seq, digest = record.digest, verified_by = record.verified_by, body = record.body }
  self.link:run(SIGN, signed)
  if found.kept == 1 then self.link:run(SIGN_BODY, signed) end
end

-- The outcome for a record whose id is there already.
local function put_again(self, record)
  local found = self.link:run(FIND, record)[1]
  if not is_same(found.digest, record.digest) then return "conflict" end
  -- a body that came unsigned is no reason to try again
  if is_unsigned(record.digest) then return "duplicate" end
  sign(self, found, record)
  local rearmed = self.link:run(REARM, { seq = found.seq, now = self.now })
  lanes.elect_anew(self.link, rearmed)
  return rearmed[1] and "rearmed" or "duplicate"
end

local function put_beside(self, record)
  place(self, record, record.key .. "#" .. record.digest, record.seq)
  local outcome = insert(self, { record })[1] and outcome_of_new(record) or put_again(self, record)
  return OUTCOME_BESIDE[outcome]
end

local function put_one_again(self, record)
  local outcome = put_again(self, record)
  return outcome == "conflict" and put_beside(self, record) or outcome
end

-- The places are given out before anything is stored: one that turns out to be a conflict is stored late, and still
-- comes before those behind it.
local function put_all(link, records, now)
  local last = link:run(LAST)[1]
  local seq, outcomes = last.seq or 0, {}
  local self = {
    link = link, now = now, forgotten_before = last.forgotten_before, too_old_reason = retention.too_old_reason,
  }
  for i = 1, #records do place(self, records[i], records[i].key, seq + i) end
  local is_new = insert(self, records)
  for i = 1, #records do
    outcomes[i] = is_new[i] and outcome_of_new(records[i]) or put_one_again(self, records[i])
  end
  return outcomes
end

function methods:put(records)
  if #records == 0 and not self.closed then return {} end
  return self:transact(function(link, now) return put_all(link, records, now) end)
end

local TAKE_BACK, TAKE_BACK_BODY = "DELETE FROM inbox WHERE seq = :seq", "DELETE FROM bodies WHERE seq = :seq"

-- Needs the pages that a small notification needs: to overwrite something would need no room on a full disk.
function methods:probe()
  return self:transact(function(link, now)
    local records = { of_probe() }
    put_all(link, records, now)
    link:each(TAKE_BACK_BODY, records)
    link:each(TAKE_BACK, records)
    return true
  end)
end

return { methods = methods }
