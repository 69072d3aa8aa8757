--- How the inbox in PostgreSQL stores records.
local codes = require "marketplace.inbox.codes"
local is_same = require("marketplace.inbox.record").is_same
local is_unsigned = require("marketplace.inbox.record").is_unsigned
local of_probe = require("marketplace.inbox.record").of_probe
local OUTCOME_BESIDE = require("marketplace.inbox.record").OUTCOME_BESIDE
local insert = require "marketplace.inbox.postgres.insert"
local lanes = require "marketplace.inbox.postgres.lanes"
local retention = require "marketplace.inbox.retention"
local rows = require "marketplace.inbox.postgres.rows"
local quoted = require("marketplace.inbox.sql").quoted

local methods = {}

-- Says in a record how it is stored.
local function place(self, record, id)
  local code = retention.code_of(record, self.now, self.forgotten_before)
  record.id, record.lane, record.code, record.state = id, lanes.of(record, id), code, code and "dead" or "ready"
end

local function outcome_of_new(record)
  return record.code == "too_old" and "too_old" or "stored"
end

local REARM = lanes.MAKE_READY .. rows.adding "'rearmed'" ..
  " WHERE id = :id AND state = 'dead' AND code IN (" .. quoted(codes.REARMED) ..
  ") RETURNING lane"

local function rearm(self, id)
  local rearmed = self.link:run(REARM, { id = id, now = self.now })
  lanes.elect_anew(self.link, rearmed)
  return rearmed[1] ~= nil
end

-- With a lock, which is written: a commit that wrote nothing would not wait for the standbys, which may still lack what
-- is a duplicate here, as nobody was told that it was stored.
local DIGEST = "SELECT digest FROM inbox WHERE id = :id FOR KEY SHARE"

local function digest_of(self, id)
  local row = self.link:run(DIGEST, { id = id })[1]
  return row and row.digest
end

local SIGN = "UPDATE inbox SET digest = :digest, verified_by = :verified_by, " ..
  "body = CASE WHEN body IS NULL THEN NULL ELSE :body::bytea END WHERE id = :id AND " ..
  "digest = :former AND state <> 'leased'"

-- The digest that is there, once a signed record has replaced an unsigned one.
local function digest_beside(self, record)
  local digest = digest_of(self, record.id)
  if not digest or not is_unsigned(digest) or is_unsigned(record.digest) then return digest end
  self.link:run(SIGN, {
    id = record.id, former = digest, digest = record.digest, verified_by = record.verified_by, body = record.body,
  })
  return digest_of(self, record.id)
end

-- The outcome for a record whose id is there already.
local function put_again(self, record)
  local digest = digest_beside(self, record)
  if not digest or not is_same(digest, record.digest) then return "conflict" end
  -- a body that came unsigned is no reason to try again
  if is_unsigned(record.digest) then return "duplicate" end
  return rearm(self, record.id) and "rearmed" or "duplicate"
end

local function put_conflict(self, record)
  place(self, record, record.key .. "#" .. record.digest)
  if insert(self.link, { record }, self)[record] then return OUTCOME_BESIDE[record.code] or "conflict" end
  return OUTCOME_BESIDE[put_again(self, record)]
end

local TAKE_BACK = "DELETE FROM inbox WHERE id = :id"

-- Takes back what was stored behind a conflict, as that must be stored before it.
local function take_back(self, records, new)
  local list = {}
  for _, record in ipairs(records) do
    if new[record] then list[#list + 1] = record end
  end
  self.link:each(TAKE_BACK, list)
end

local function from(records, first)
  local list = {}
  for i = first, #records do list[#list + 1] = records[i] end
  return list
end

-- Puts `records` from `first` on, up to the first conflict; where it went on.
local function put_from(self, records, first, outcomes)
  local new = insert(self.link, from(records, first), self)
  for i = first, #records do
    local record = records[i]
    if new[record] then
      outcomes[i], new[record] = outcome_of_new(record), nil
    else
      outcomes[i] = put_again(self, record)
      if outcomes[i] == "conflict" then
        take_back(self, records, new)
        return i
      end
    end
  end
  return #records + 1
end

local LOCK = "SELECT forgotten_before, " .. lanes.LOCK .. " AS locked FROM inbox_self"

local function lock(link, records)
  local names = {}
  for i, record in ipairs(records) do names[i] = lanes.of(record, record.key) end
  return link:run(LOCK, { lanes = lanes.listed(names) })[1].forgotten_before
end

local function put_all(link, records, now)
  local self = {
    link = link, now = now, forgotten_before = lock(link, records), too_old_reason = retention.too_old_reason,
  }
  for _, record in ipairs(records) do place(self, record, record.key) end
  local outcomes = {}
  local at = put_from(self, records, 1, outcomes)
  while at <= #records do
    outcomes[at] = put_conflict(self, records[at])
    at = put_from(self, records, at + 1, outcomes)
  end
  return outcomes
end

function methods:put(records)
  if #records == 0 and not self.closed then return {} end
  return self:transact(function(link, now) return put_all(link, records, now) end)
end

-- Needs the room that a small notification needs: to overwrite something would need none on a full disk.
function methods:probe()
  return self:transact(function(link, now)
    local records = { of_probe() }
    put_all(link, records, now)
    link:each(TAKE_BACK, records)
    return true
  end)
end

return { methods = methods }
