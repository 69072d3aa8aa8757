--- How the inbox in PostgreSQL stores records.
local codes = require "marketplace.inbox.codes"
local fields = require "marketplace.inbox.fields"
local is_same = require("marketplace.inbox.record").is_same
local is_unsigned = require("marketplace.inbox.record").is_unsigned
local OUTCOME_BESIDE = require("marketplace.inbox.record").OUTCOME_BESIDE
local lanes = require "marketplace.inbox.postgres.lanes"
local number = require("marketplace.text").number
local retention = require "marketplace.inbox.retention"
local quoted = require("marketplace.inbox.postgres.rows").quoted
local stored_body = require("marketplace.inbox.postgres.rows").stored_body
local unpack = require("marketplace.runtime").unpack

local methods = {}

-- Rows in a statement: sizes are powers of two, so that few statements are prepared.
local LARGEST_INSERT = 32

local KIND = fields.kind

local COLUMNS = { "id", "lane", "state", "code" }
local OWN = #COLUMNS -- columns that are not the record's
for _, name in ipairs(fields.record) do COLUMNS[#COLUMNS + 1] = name end
local PARAMETERS = #COLUMNS + 1 -- of a row: the last one is for leads

-- A row whose parameters are numbered from at + 1 on; $1 is the time of all rows.
local function row_statement(at)
  local values = {}
  for i = 1, #COLUMNS do values[i] = "$" .. at + i end
  return ("($1, $1, $1, %s, $%d AND NOT EXISTS (SELECT 1 FROM inbox other WHERE other.lane = %s AND %s))"):format(
    table.concat(values, ", "), at + PARAMETERS, values[2], lanes.live_as "other")
end

local function insert_statement(count)
  local list = {}
  for i = 1, count do list[i] = row_statement(1 + (i - 1) * PARAMETERS) end
  return ("INSERT INTO inbox (received_at, at, set_at, %s, leads) VALUES %s ON CONFLICT (id) DO NOTHING RETURNING id")
    :format(table.concat(COLUMNS, ", "), table.concat(list, ", "))
end

local INSERT = {}
for power = 0, 5 do INSERT[2 ^ power] = insert_statement(2 ^ power) end

local function row_of(record, id, now, forgotten_before)
  local too_old = retention.is_too_old(record, now, forgotten_before)
  return {
    record = record, id = id, lane = lanes.of(record, id),
    code = record.reason and "invalid" or too_old and "too_old" or nil,
    reason = record.reason or too_old and retention.too_old_reason or nil,
  }
end

local function value_of(row, name)
  local record = row.record
  if name == "reason" then return row.reason end
  if KIND[name] == "bytes" then return stored_body(record) end
  if KIND[name] == "time" then return record[name] and number(record[name]) end
  return record[name]
end

local function add_row(parameters, at, row)
  parameters[at + 1], parameters[at + 2] = row.id, row.lane
  parameters[at + 3], parameters[at + 4] = row.code and "dead" or "ready", row.code
  for i = OWN + 1, #COLUMNS do parameters[at + i] = value_of(row, COLUMNS[i]) end
  parameters[at + PARAMETERS] = row.leads == true
end

local function insert_some(run, list, first, count, now)
  local parameters = { number(now) }
  for i = 0, count - 1 do add_row(parameters, 1 + i * PARAMETERS, list[first + i]) end
  return run(INSERT[count], unpack(parameters, 1, 1 + count * PARAMETERS))
end

-- Inserts `list` from `first` on; the set of those ids that were not there already.
local function insert(run, list, first, now)
  local new = {}
  while first <= #list do
    local count = LARGEST_INSERT
    while count > #list - first + 1 do count = count / 2 end
    for _, inserted in ipairs(insert_some(run, list, first, count, now)) do new[inserted[1]] = true end
    first = first + count
  end
  return new
end

local REARM = "UPDATE inbox SET state = 'ready', attempt = 0, losses = 0, reason = NULL, code = NULL, at = $2, " ..
  "set_at = $2, leads = false WHERE id = $1 AND state = 'dead' AND code IN (" .. quoted(codes.REARMED) ..
  ") RETURNING lane"

local function rearm(run, id, now)
  local rearmed = run(REARM, id, number(now))[1]
  if rearmed then lanes.elect_anew(run, rearmed[1]) end
  return rearmed ~= nil
end

local function digest_of(run, id)
  local row = run("SELECT digest FROM inbox WHERE id = $1", id)[1]
  return row and row[1]
end

local SIGN = "UPDATE inbox SET digest = $3, verified_by = $4, body = CASE WHEN body IS NULL THEN NULL ELSE $5 END " ..
  "WHERE id = $1 AND digest = $2 AND state <> 'leased'"

-- The digest that is there, once a signed record has replaced an unsigned one.
local function digest_beside(run, record, id)
  local digest = digest_of(run, id)
  if not digest or not is_unsigned(digest) or is_unsigned(record.digest) then return digest end
  run(SIGN, id, digest, record.digest, record.verified_by, stored_body(record))
  return digest_of(run, id)
end

-- The outcome for a record whose id is there already.
local function put_again(run, record, id, now)
  local digest = digest_beside(run, record, id)
  if not digest or not is_same(digest, record.digest) then return "conflict" end
  -- a body that came unsigned is no reason to try again
  if is_unsigned(record.digest) then return "duplicate" end
  return rearm(run, id, now) and "rearmed" or "duplicate"
end

local function put_conflict(run, record, now, forgotten_before)
  local row = row_of(record, record.key .. "#" .. record.digest, now, forgotten_before)
  row.leads = not row.code
  if insert(run, { row }, 1, now)[row.id] then return OUTCOME_BESIDE[row.code] or "conflict" end
  return OUTCOME_BESIDE[put_again(run, record, row.id, now)]
end

-- Only the first of its lane in the list can become the lane's leader.
local function rows_of(records, now, forgotten_before)
  local list, names, leads = {}, {}, {}
  for i = 1, #records do
    local row = row_of(records[i], records[i].key, now, forgotten_before)
    list[i], row.leads = row, not row.code and not leads[row.lane]
    if leads[row.lane] == nil then names[#names + 1] = row.lane end
    leads[row.lane] = leads[row.lane] or row.leads
  end
  return list, names
end

-- Takes back what was stored behind a conflict, as that must be stored before it.
local function take_back(run, new)
  for id in pairs(new) do run("DELETE FROM inbox WHERE id = $1", id) end
end

-- Puts `list` from `first` on, up to the first conflict; where it went on, and whether any were there already.
local function put_from(run, list, first, now, outcomes)
  local new, repeated = insert(run, list, first, now), false
  for i = first, #list do
    local row = list[i]
    if new[row.id] then
      outcomes[i], new[row.id] = row.code == "too_old" and "too_old" or "stored", nil
    else
      outcomes[i], repeated = put_again(run, row.record, row.id, now), true
      if outcomes[i] == "conflict" then
        take_back(run, new)
        return i, true
      end
    end
  end
  return #list + 1, repeated
end

local function put_all(run, records, now)
  local forgotten_before = run "SELECT forgotten_before FROM inbox_self"[1][1]
  local list, names = rows_of(records, now, forgotten_before)
  lanes.lock(run, names)
  local outcomes = {}
  local at, repeated = put_from(run, list, 1, now, outcomes)
  while at <= #list do
    outcomes[at] = put_conflict(run, list[at].record, now, forgotten_before)
    at = put_from(run, list, at + 1, now, outcomes)
  end
  -- if the first of a lane was there already, the second leads
  for i = 1, repeated and #names or 0 do lanes.elect(run, names[i]) end
  return outcomes
end

function methods:put(records)
  if #records == 0 and not self.closed then return {} end
  return self:transact(function(run, now) return put_all(run, records, now) end)
end

return { methods = methods }
