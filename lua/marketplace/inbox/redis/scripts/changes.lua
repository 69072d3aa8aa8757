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
  if record.app_id ~= "" then
    call("ZADD", P .. "a:" .. record.app_id, record.time ~= "" and record.time or "-inf", id)
    call("ZADD", P .. "apps", 0, record.app_id)
  end
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
  make_ready(entry, history_with(entry, "rearmed"))
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
  local attempt, losses, history = tonumber(entry.attempt), tonumber(entry.losses or 0), history_with(entry, "lost")
  if entry.shared then attempt = attempt - 1 end
  local wait = losses == 0 and 0 or tonumber(ARGV[2 + math.max(1, math.min(attempt, #ARGV - 2))])
  change(entry, "ready", now + wait, { attempt = attempt, losses = losses + 1, history = history })
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

-- What its history is to tell, as marketplace.inbox.history says it.
local function what_of(item)
  if item.state == "dead" then return item.code end
  return item.state == "ready" and item.uncounted == "" and "failed"
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
  local what = what_of(item)
  if what then values.history = history_with(entry, what, item.reason) end
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

-- Calls change_one(entry) for each of the ids from ARGV[first] on that can_change(entry), and returns the ids of those.
local CHANGING_SOME = CHANGING .. [[
local function change_some(first, can_change, change_one)
  local ids = {}
  for at = first, #ARGV do
    local entry = entry_of(ARGV[at])
    if entry and can_change(entry) then
      change_one(entry)
      ids[#ids + 1] = entry.id
    end
  end
  return ids
end
]]

-- ARGV: ids. Returns those that are ready.
changes.run = CHANGING_SOME .. [[
return change_some(2, function(entry) return entry.state == "ready" end, function(entry)
  change(entry, "ready", now, { history = history_with(entry, "run") })
end)
]]

-- ARGV: the reason, ids. Returns those that were ready or leased.
changes.cancel = CHANGING_SOME .. [[
return change_some(3, function(entry) return is_live(entry.state) end, function(entry)
  local history = history_with(entry, "cancelled", ARGV[2])
  change(entry, "dead", now, { reason = ARGV[2], code = "cancelled", history = history })
end)
]]

-- ARGV: the state that they must have, ids. Makes them ready again, and returns the ids of those that are.
changes.replay = CHANGING_SOME .. entries.REPLAYING .. [[
return change_some(3, function(entry) return entry.state == ARGV[2] and can_replay(entry) end, function(entry)
  make_ready(entry, replayed_history(entry))
end)
]]

-- ARGV: the time before which ids are deleted, that for bodies, the most of each. Returns how many of each there were.
changes.forget = CHANGING .. [[
local function done_before(set, time)
  return call("ZRANGEBYSCORE", P .. set, "-inf", "(" .. time, "LIMIT", 0, ARGV[4])
end

local function delete(id)
  local entry = entry_of(id)
  leave_set(entry)
  if entry.app_id then
    local of_app = P .. "a:" .. entry.app_id
    call("ZREM", of_app, id)
    if call("EXISTS", of_app) == 0 then call("ZREM", P .. "apps", entry.app_id) end
  end
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
