--- The scripts with which the Redis inbox stores, claims and finishes: see marketplace.inbox.redis.scripts.entries.
local codes = require "marketplace.inbox.codes"
local entries = require "marketplace.inbox.redis.scripts.entries"
local fields = require "marketplace.inbox.fields"
local retention = require "marketplace.inbox.retention"

local quoted, CHANGING = entries.quoted, entries.CHANGING

local changes = {}

-- ARGV: the fields of each record. Returns outcomes.
changes.put = entries.ADDING .. "local RECORD = " .. quoted(fields.record) ..
  ("local IDS, TOO_OLD = %d, %q\n"):format(retention.ids, retention.too_old_reason) ..
  "local REARMED = set_of(" .. quoted(codes.REARMED) .. ")" .. [[

local remembered_since = math.max(now - IDS, tonumber(call("GET", P .. "forgotten") or "-inf"))

-- See marketplace.inbox.record.
local function is_unsigned(digest) return string.sub(digest, 1, 9) == "unsigned:" end

-- See marketplace.inbox.retention.
local function is_too_old(record)
  if record.reason ~= "" or record.time == "" or is_unsigned(record.digest) then return false end
  return tonumber(record.time) < remembered_since
end

-- The fields of a new entry that are the record's.
local function fields_of(record)
  local values = {}
  for _, name in ipairs(RECORD) do
    if record[name] ~= "" and name ~= "body" then values[name] = record[name] end
  end
  return values
end

local function add(id, record)
  local too_old = is_too_old(record)
  local entry = { id = id, lane = record.app_id ~= "" and record.app_id or id }
  local values = fields_of(record)
  values.number, values.received_at, values.attempt = call("INCR", P .. "n"), now, 0
  values.code = record.reason ~= "" and "invalid" or too_old and "too_old" or nil
  if too_old then values.reason = TOO_OLD end
  call("SET", body_key(id), record.body)
  if id ~= record.key then call("SADD", P .. "k:" .. record.key, id) end
  if record.app_id ~= "" and record.time ~= "" then call("ZADD", P .. "a:" .. record.app_id, record.time, id) end
  change(entry, values.code and "dead" or "ready", now, values)
  return too_old and "too_old" or "stored"
end

-- A signed record replaces an unsigned one.
local function sign(entry, record)
  write(entry, { digest = record.digest, verified_by = record.verified_by ~= "" and record.verified_by })
  call("SET", body_key(entry.id), record.body, "XX")
end

local function put_as(id, record)
  local entry = entry_of(id)
  if not entry then return add(id, record) end
  local unsigned = is_unsigned(record.digest)
  if entry.digest ~= record.digest and not unsigned then
    if not is_unsigned(entry.digest) then return "conflict" end
    if entry.state ~= "leased" then sign(entry, record) end
  end
  local is_rearmed = entry.state == "dead" and REARMED[entry.code]
  if unsigned or not is_rearmed then return "duplicate" end
  make_ready(entry)
  return "rearmed"
end

local outcomes = {}
for _, record in ipairs(tables_with(RECORD, 2)) do
  local outcome = put_as(record.key, record)
  if outcome == "conflict" then
    outcome = put_as(record.key .. "#" .. record.digest, record)
    outcome = (outcome == "stored" or outcome == "conflict") and "conflict" or "#" .. outcome
  end
  outcomes[#outcomes + 1] = outcome
end
return outcomes
]]

-- ARGV: the most entries to change, then the waits. Returns how many leases ended, and 1 if there may be more to do.
changes.recover = CHANGING .. [[
local MOST = tonumber(ARGV[2])

local function correct(entry)
  local received_at = math.min(tonumber(entry.received_at), now)
  call("ZADD", P .. "received", received_at, entry.id)
  local at = entry.state == "leased" and now + entry.at - entry.set_at or now
  change(entry, entry.state, at, { received_at = received_at })
end

local function release(entry)
  local attempt, losses = tonumber(entry.attempt), tonumber(entry.losses or 0)
  if entry.shared then attempt = attempt - 1 end
  local wait = losses == 0 and 0 or tonumber(ARGV[2 + math.max(1, math.min(attempt, #ARGV - 2))])
  change(entry, "ready", now + wait, { attempt = attempt, losses = losses + 1 })
end

local early = call("ZRANGEBYSCORE", P .. "set", "(" .. string.format("%.17g", now), "+inf", "LIMIT", 0, MOST)
for _, member in ipairs(early) do correct(entry_of(id_of(member))) end
local ended = call("ZRANGEBYSCORE", P .. "ends", "-inf", now, "LIMIT", 0, MOST)
for _, member in ipairs(ended) do release(entry_of(id_of(member))) end
return { #ended, (#early == MOST or #ended == MOST) and 1 or 0 }
]]

-- ARGV: the most entries, the lease's seconds. Returns entries.
changes.claim = CHANGING .. "local CLAIMED = " .. quoted(fields.claimed) .. [[

local function due_ones(set, most)
  return call("ZRANGEBYSCORE", P .. set, "-inf", now, "LIMIT", 0, most)
end

local due = due_ones("alone", 1)
if #due == 0 then due = due_ones("due", ARGV[2]) end
table.sort(due)
for i, member in ipairs(due) do
  local entry = entry_of(id_of(member))
  change(entry, "leased", now + ARGV[3], {
    token = (entry.token or 0) + 1, attempt = entry.attempt + 1, shared = #due > 1 and 1,
  })
  due[i] = row_of(entry.id, CLAIMED)
end
return due
]]

local HOLDING = CHANGING .. [[
local function held(id, token)
  local entry = entry_of(id)
  return entry and entry.state == "leased" and entry.token == token and entry
end
]]

-- ARGV: the fields of each item. Returns 1 or 0 for each.
changes.finish = HOLDING .. "local ITEM = " .. quoted(fields.item) .. [[

-- When it can be claimed again, or when it was done or dead.
local function ended_at(item)
  if item.state == "ready" then return now + (tonumber(item.wait) or 0) end
  return item.state == "done" and math.max(now, tonumber(call("HGET", entry_key(item.id), "time") or now)) or now
end

local function give_back(entry)
  change(entry, "ready", now, { attempt = entry.attempt - 1 })
  return 1
end

local function finish(item)
  local entry = held(item.id, item.token)
  if not entry then return 0 end
  if item.state == "unbegun" then return give_back(entry) end
  local is_done = item.state == "done"
  local values = {
    reason = not is_done and item.reason ~= "" and item.reason, losses = false,
    code = item.state == "dead" and item.code ~= "" and item.code,
  }
  if is_done then values.scope = given(item.scope) end
  if item.uncounted ~= "" then values.attempt = entry.attempt - 1 end
  change(entry, item.state, ended_at(item), values)
  return 1
end

local finished = {}
for i, item in ipairs(tables_with(ITEM, 2)) do finished[i] = finish(item) end
return finished
]]

-- ARGV: the lease's seconds, then for each item its id and its token. Returns 1 or 0 for each.
changes.extend = HOLDING .. [[
local extended = {}
for at = 3, #ARGV, 2 do
  local entry = held(ARGV[at], ARGV[at + 1])
  if entry then change(entry, "leased", now + ARGV[2]) end
  extended[#extended + 1] = entry and 1 or 0
end
return extended
]]

-- ARGV: an id. Returns 1 if it is ready.
changes.run = CHANGING .. [[
local entry = entry_of(ARGV[2])
if not entry or entry.state ~= "ready" then return 0 end
change(entry, "ready", now)
return 1
]]

-- ARGV: an id, the reason. Returns 1 if it was ready or leased.
changes.cancel = CHANGING .. [[
local entry = entry_of(ARGV[2])
if not entry or not is_live(entry.state) then return 0 end
change(entry, "dead", now, { reason = ARGV[3], code = "cancelled" })
return 1
]]

-- ARGV: the time before which ids are deleted, that for bodies, the most of each. Returns how many of each there were.
changes.forget = CHANGING .. [[
local function done_before(set, time)
  return call("ZRANGEBYSCORE", P .. set, "-inf", "(" .. time, "LIMIT", 0, ARGV[4])
end

local function delete(id)
  local entry = entry_of(id)
  leave_set(entry)
  if entry.app_id then call("ZREM", P .. "a:" .. entry.app_id, id) end
  if entry.key ~= id then call("SREM", P .. "k:" .. entry.key, id) end
  call("DEL", entry_key(id), body_key(id))
end

local function drop_body(id)
  call("ZREM", P .. "bodies", id)
  call("DEL", body_key(id))
end

local forgotten = tonumber(call("GET", P .. "forgotten") or "-inf")
if tonumber(ARGV[2]) > forgotten then call("SET", P .. "forgotten", ARGV[2]) end
local ids = done_before("ended", ARGV[2])
for _, id in ipairs(ids) do delete(id) end
local bodies = done_before("bodies", ARGV[3])
for _, id in ipairs(bodies) do drop_body(id) end
return { #bodies, #ids }
]]

-- Returns 1 if the server takes writes.
changes.probe = [[
redis.call("SET", KEYS[1] .. "probed", "1")
return 1
]]

-- ARGV: the id that the inbox gets if it has none. Returns the id.
changes.id = [[
local key = KEYS[1] .. "id"
if not redis.call("GET", key) then redis.call("SET", key, ARGV[2]) end
return redis.call("GET", key)
]]

return changes
