--- The scripts that the Redis inbox runs on the server. Each runs as a whole.
---
--- Keys, all behind the inbox's prefix P:
---   Pe:IDENTITY  hash, an entry
---   Pl:LANE      list of the lane's ready and leased identities, the one that leads first
---   Pw, Px       sorted sets of lanes by when they wake, those whose leader is ready and those whose leader is leased;
---                the leader's number stands before the lane's name, so that of those that wake together the oldest
---                comes first
---   Ps:STATE     sorted set of identities, by when they were received; of done ones by when that was
---   Pa:APP       sorted set of an app's identities, by their event's time
---   Pn           how many entries were ever made, which numbers them
---   Pid          the inbox's own id
---
--- KEYS[1] is the prefix; numbers travel as text. An empty argument stands for an absent one, and a "=" stands before
--- what may be empty.
local fields = require "marketplace.inbox.fields"

local redis_scripts = {}

local KEPT_AS = { at = "due" } -- an entry's field in Redis; all others have the contract's names

-- The names from `first` on as a Lua list. Number 1 is `identity`, which is no field of the hash but part of its key.
local function quoted(names, first)
  local list = {}
  for i = first or 1, #names do list[#list + 1] = ("%q"):format(KEPT_AS[names[i]] or names[i]) end
  return table.concat(list, ", ")
end

local PRELUDE = [[
local P = KEYS[1]
local call = redis.call

-- The arguments from the second on as tables with these fields.
local function tables_with(names)
  local list = {}
  for at = 2, #ARGV, #names do
    local one = {}
    for i, name in ipairs(names) do one[name] = ARGV[at + i - 1] end
    list[#list + 1] = one
  end
  return list
end

-- An entry's fields, behind its identity.
local function entry_with(identity, ...)
  local entry = call("HMGET", P .. "e:" .. identity, ...)
  table.insert(entry, 1, identity)
  return entry
end

local function entry_key(identity) return P .. "e:" .. identity end
local function state_key(state) return P .. "s:" .. state end

local function leader_of(lane) return call("LINDEX", P .. "l:" .. lane, 0) end

local function waker(lane, number) return string.format("%016d", number) .. lane end

-- Called before a lane's leader changes, or the time when it wakes does; set_wake is called afterwards.
local function unset_wake(lane)
  local leader = leader_of(lane)
  if not leader then return end
  local member = waker(lane, call("HGET", entry_key(leader), "number"))
  call("ZREM", P .. "w", member)
  call("ZREM", P .. "x", member)
end

local function set_wake(lane)
  local leader = leader_of(lane)
  if not leader then return end
  local entry = call("HMGET", entry_key(leader), "state", "due", "number")
  call("ZADD", P .. (entry[1] == "leased" and "x" or "w"), entry[2], waker(lane, entry[3]))
end

local function set_state(identity, from, to, score)
  if from then call("ZREM", state_key(from), identity) end
  call("ZADD", state_key(to), score, identity)
  call("HSET", entry_key(identity), "state", to)
end

-- Behind what was stored before it, but never in front of the leader, which may be leased. Those behind the leader are
-- in the order of their numbers.
local function put_in_lane(lane, identity, number)
  local list = P .. "l:" .. lane
  local low, high = 1, call("LLEN", list)
  while low < high do
    local middle = math.floor((low + high) / 2)
    local other = call("HGET", entry_key(call("LINDEX", list, middle)), "number")
    if tonumber(other) > tonumber(number) then high = middle else low = middle + 1 end
  end
  local later = call("LINDEX", list, low)
  if later then call("LINSERT", list, "BEFORE", later, identity) else call("RPUSH", list, identity) end
end

local function rearm(identity, now)
  local entry = call("HMGET", entry_key(identity), "lane", "received_at", "number")
  call("HSET", entry_key(identity), "attempt", 0, "due", now)
  call("HDEL", entry_key(identity), "reason")
  set_state(identity, "dead", "ready", entry[2])
  unset_wake(entry[1])
  put_in_lane(entry[1], identity, entry[3])
  set_wake(entry[1])
end
]]

-- ARGV: now, then the fields of each record. Returns outcomes.
redis_scripts.put = PRELUDE .. "local RECORD = { " .. quoted(fields.record) .. " }" .. [[

local now = ARGV[1]

local function add(identity, record)
  local lane = record.app_id ~= "" and record.app_id or identity
  local state = record.reason ~= "" and "dead" or "ready"
  local number = call("INCR", P .. "n")
  local kept = { "lane", lane, "received_at", now, "due", now, "attempt", 0, "token", 0, "number", number, "body", "" }
  for _, name in ipairs(RECORD) do
    if record[name] ~= "" then
      kept[#kept + 1] = name
      kept[#kept + 1] = record[name]
    end
  end
  call("HSET", entry_key(identity), unpack(kept))
  set_state(identity, nil, state, now)
  if record.app_id ~= "" and record.time ~= "" then call("ZADD", P .. "a:" .. record.app_id, record.time, identity) end
  if state == "dead" then return end
  if call("RPUSH", P .. "l:" .. lane, identity) == 1 then set_wake(lane) end
end

-- See marketplace.inbox.record.
local function is_unsigned(digest) return string.sub(digest, 1, 9) == "unsigned:" end

-- A signed record replaces an unsigned one.
local function sign(identity, state, record)
  if state == "leased" then return end
  local key = entry_key(identity)
  call("HSET", key, "digest", record.digest)
  if record.verified_by ~= "" then call("HSET", key, "verified_by", record.verified_by) end
  if state ~= "done" then call("HSET", key, "body", record.body) end
end

local function put_as(identity, record)
  local there = call("HMGET", entry_key(identity), "digest", "state")
  if not there[1] then
    add(identity, record)
    return "stored"
  end
  local unsigned = is_unsigned(record.digest)
  if there[1] ~= record.digest and not unsigned then
    if not is_unsigned(there[1]) then return "conflict" end
    sign(identity, there[2], record)
  end
  if there[2] ~= "dead" or record.reason ~= "" or unsigned then return "duplicate" end
  rearm(identity, now)
  return "rearmed"
end

local outcomes = {}
for _, record in ipairs(tables_with(RECORD)) do
  local outcome = put_as(record.key, record)
  if outcome == "conflict" then
    outcome = put_as(record.key .. "#" .. record.digest, record)
    if outcome == "stored" then outcome = "conflict" end
  end
  outcomes[#outcomes + 1] = outcome
end
return outcomes
]]

-- ARGV: now, until, limit. Returns entries; one whose lease ended comes alone.
redis_scripts.claim = PRELUDE .. "local function claimed(identity) return entry_with(identity, " ..
  quoted(fields.claimed, 2) .. ") end" .. [[

local now, until_, limit = ARGV[1], ARGV[2], ARGV[3]

-- Leases the leader of the lane that a member of Pw or Px names.
local function lease(member)
  local lane = string.sub(member, 17)
  local identity = leader_of(lane)
  local key = entry_key(identity)
  local before = call("HMGET", key, "state", "received_at")
  call("HINCRBY", key, "attempt", 1)
  call("HINCRBY", key, "token", 1)
  call("HSET", key, "due", until_)
  set_state(identity, before[1], "leased", before[2])
  unset_wake(lane)
  set_wake(lane)
  return claimed(identity)
end

local expired = call("ZRANGEBYSCORE", P .. "x", "-inf", now, "LIMIT", 0, 1)
if expired[1] then return { lease(expired[1]) } end
local leased, due = {}, call("ZRANGEBYSCORE", P .. "w", "-inf", now, "LIMIT", 0, limit)
table.sort(due)
for i, member in ipairs(due) do leased[i] = lease(member) end
return leased
]]

-- ARGV: now, then the fields of each item. Returns 1 or 0 for each.
redis_scripts.finish = PRELUDE .. "local ITEM = { " .. quoted(fields.item) .. " }" .. [[

local now = ARGV[1]

local function finish(item)
  local key = entry_key(item.identity)
  local entry = call("HMGET", key, "state", "token", "lane", "received_at")
  if entry[1] ~= "leased" or entry[2] ~= item.token then return 0 end
  call("HDEL", key, "reason")
  call("HSET", key, "due", item.state == "ready" and item.due or now)
  if item.reason ~= "" and item.state ~= "done" then call("HSET", key, "reason", item.reason) end
  if item.uncounted == "1" then call("HINCRBY", key, "attempt", -1) end
  if item.state == "done" then
    call("HDEL", key, "body")
    if item.scope ~= "" then call("HSET", key, "scope", string.sub(item.scope, 2)) end
  end
  set_state(item.identity, "leased", item.state, item.state == "done" and now or entry[4])
  unset_wake(entry[3])
  if item.state ~= "ready" then call("LPOP", P .. "l:" .. entry[3]) end
  set_wake(entry[3])
  return 1
end

local held = {}
for _, item in ipairs(tables_with(ITEM)) do held[#held + 1] = finish(item) end
return held
]]

-- ARGV: until, then for each item identity, token. Returns 1 or 0 for each.
redis_scripts.extend = PRELUDE .. [[
local held = {}
for at = 2, #ARGV, 2 do
  local key = entry_key(ARGV[at])
  local entry = call("HMGET", key, "state", "token", "lane")
  local is_held = entry[1] == "leased" and entry[2] == ARGV[at + 1]
  if is_held then
    call("HSET", key, "due", ARGV[1])
    unset_wake(entry[3])
    set_wake(entry[3])
  end
  held[#held + 1] = is_held and 1 or 0
end
return held
]]

-- Returns the numbers of ready, leased, dead and done ones, and when the oldest ready and leased ones were received.
redis_scripts.counts = PRELUDE .. [[
local counts = {}
for _, state in ipairs({ "ready", "leased", "dead", "done" }) do
  counts[#counts + 1] = call("ZCARD", state_key(state))
end
for _, state in ipairs({ "ready", "leased" }) do
  counts[#counts + 1] = call("ZRANGE", state_key(state), 0, 0, "WITHSCORES")[2] or ""
end
return counts
]]

-- Returns when the first lane of each kind wakes.
redis_scripts.next_at = PRELUDE .. [[
return { call("ZRANGE", P .. "w", 0, 0, "WITHSCORES")[2] or "", call("ZRANGE", P .. "x", 0, 0, "WITHSCORES")[2] or "" }
]]

-- ARGV: state, first, last. Returns entries by rank, each with its number after its fields.
redis_scripts.list = PRELUDE .. [[
local found = {}
for _, identity in ipairs(call("ZRANGE", state_key(ARGV[1]), ARGV[2], ARGV[3])) do
  found[#found + 1] = entry_with(identity, ]] .. quoted(fields.summary, 2) .. [[, "number")
end
return found
]]

-- ARGV: identity. Returns the entry, or nothing.
redis_scripts.get = PRELUDE .. [[
if call("EXISTS", entry_key(ARGV[1])) == 0 then return {} end
return { entry_with(ARGV[1], ]] .. quoted(fields.entry, 2) .. [[) }
]]

-- ARGV: app_id, time. Returns the later ones.
redis_scripts.later = PRELUDE .. [[
local found = {}
for _, identity in ipairs(call("ZRANGEBYSCORE", P .. "a:" .. ARGV[1], "(" .. ARGV[2], "+inf")) do
  found[#found + 1] = call("HMGET", entry_key(identity), ]] .. quoted(fields.later) .. [[)
end
return found
]]

-- ARGV: the id that the inbox gets if it has none. Returns the id.
redis_scripts.id = [[
redis.call("SET", KEYS[1] .. "id", ARGV[1], "NX")
return redis.call("GET", KEYS[1] .. "id")
]]

-- ARGV: now, then identities. Returns how many were dead.
redis_scripts.replay = PRELUDE .. [[
local replayed = 0
for at = 2, #ARGV do
  if call("HGET", entry_key(ARGV[at]), "state") == "dead" then
    rearm(ARGV[at], ARGV[1])
    replayed = replayed + 1
  end
end
return replayed
]]

-- ARGV: before, limit. Returns how many were deleted.
redis_scripts.prune = PRELUDE .. [[
local forgotten = call("ZRANGEBYSCORE", state_key("done"), "-inf", "(" .. ARGV[1], "LIMIT", 0, ARGV[2])
for _, identity in ipairs(forgotten) do
  local app_id = call("HGET", entry_key(identity), "app_id")
  if app_id then call("ZREM", P .. "a:" .. app_id, identity) end
  call("ZREM", state_key("done"), identity)
  call("DEL", entry_key(identity))
end
return #forgotten
]]

return redis_scripts
