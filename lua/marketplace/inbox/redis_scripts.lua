--- What the Redis inbox runs on the server, each script as a whole or not at all.
---
--- Keys, all behind the inbox's prefix P:
---   Pe:IDENTITY  hash, an entry
---   Pl:LANE      list of the lane's ready and leased identities, the one that leads first
---   Pw, Px       sorted sets of lanes by when they wake: those whose leader is ready, those whose leader is leased
---   Ps:STATE     sorted set of identities, by when they were received; of done ones by when that was
---   Pa:APP       sorted set of an app's identities, by their event's time
---   Pid          the inbox's own id
---
--- KEYS[1] is the prefix; numbers travel as text. An empty argument stands for an absent one.
local redis_scripts = {}

local PRELUDE = [[
local P = KEYS[1]
local call = redis.call
local function entry_key(identity) return P .. "e:" .. identity end
local function state_key(state) return P .. "s:" .. state end

-- Puts a lane where its leader belongs, or nowhere.
local function wake(lane)
  call("ZREM", P .. "w", lane)
  call("ZREM", P .. "x", lane)
  local leader = call("LINDEX", P .. "l:" .. lane, 0)
  if not leader then return end
  local entry = call("HMGET", entry_key(leader), "state", "due")
  call("ZADD", P .. (entry[1] == "leased" and "x" or "w"), entry[2], lane)
end

local function set_state(identity, from, to, score)
  if from then call("ZREM", state_key(from), identity) end
  call("ZADD", state_key(to), score, identity)
  call("HSET", entry_key(identity), "state", to)
end

-- Behind what was received before it, but never in front of the leader, which may be leased. Those behind the leader
-- are in the order in which they were received.
local function put_in_lane(lane, identity, received_at)
  local list = P .. "l:" .. lane
  local low, high = 1, call("LLEN", list)
  while low < high do
    local middle = math.floor((low + high) / 2)
    local other = call("HGET", entry_key(call("LINDEX", list, middle)), "received_at")
    if tonumber(other) > tonumber(received_at) then high = middle else low = middle + 1 end
  end
  local later = call("LINDEX", list, low)
  if later then call("LINSERT", list, "BEFORE", later, identity) else call("RPUSH", list, identity) end
end

local function rearm(identity, now)
  local entry = call("HMGET", entry_key(identity), "lane", "received_at")
  call("HSET", entry_key(identity), "attempt", 0, "due", now)
  call("HDEL", entry_key(identity), "reason")
  set_state(identity, "dead", "ready", entry[2])
  put_in_lane(entry[1], identity, entry[2])
  wake(entry[1])
end
]]

-- ARGV: now, then for each record key, digest, type, event, app_id, time, body, reason, verified_by. Gives
-- outcomes.
redis_scripts.put = PRELUDE .. [[
local now = ARGV[1]

local function add(identity, record)
  local lane = record.app_id ~= "" and record.app_id or identity
  local state = record.reason ~= "" and "dead" or "ready"
  local key = entry_key(identity)
  call("HSET", key, "key", record.key, "digest", record.digest, "lane", lane, "received_at", now, "due", now,
    "attempt", 0, "token", 0, "body", record.body)
  for _, name in ipairs({ "type", "event", "app_id", "time", "reason", "verified_by" }) do
    if record[name] ~= "" then call("HSET", key, name, record[name]) end
  end
  set_state(identity, nil, state, now)
  if record.app_id ~= "" and record.time ~= "" then call("ZADD", P .. "a:" .. record.app_id, record.time, identity) end
  if state == "dead" then return end
  if call("RPUSH", P .. "l:" .. lane, identity) == 1 then call("ZADD", P .. "w", now, lane) end
end

-- See marketplace.inbox.record.
local function is_unsigned(digest) return string.sub(digest, 1, 9) == "unsigned:" end

-- What was not signed gives its place to what is.
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
for at = 2, #ARGV, 9 do
  local record = { key = ARGV[at], digest = ARGV[at + 1], type = ARGV[at + 2], event = ARGV[at + 3],
    app_id = ARGV[at + 4], time = ARGV[at + 5], body = ARGV[at + 6], reason = ARGV[at + 7],
    verified_by = ARGV[at + 8] }
  local outcome = put_as(record.key, record)
  if outcome == "conflict" then
    outcome = put_as(record.key .. "#" .. record.digest, record)
    if outcome == "stored" then outcome = "conflict" end
  end
  outcomes[#outcomes + 1] = outcome
end
return outcomes
]]

-- ARGV: now, until, limit. Gives entries; one whose lease ended comes alone.
redis_scripts.claim = PRELUDE .. [[
local now, until_, limit = ARGV[1], ARGV[2], ARGV[3]

local function lease(lane)
  local identity = call("LINDEX", P .. "l:" .. lane, 0)
  local key = entry_key(identity)
  local before = call("HMGET", key, "state", "received_at")
  call("HINCRBY", key, "attempt", 1)
  call("HINCRBY", key, "token", 1)
  call("HSET", key, "due", until_)
  set_state(identity, before[1], "leased", before[2])
  wake(lane)
  local entry = call("HMGET", key, "key", "token", "attempt", "body", "type", "event", "app_id", "received_at")
  table.insert(entry, 1, identity)
  return entry
end

local expired = call("ZRANGEBYSCORE", P .. "x", "-inf", now, "LIMIT", 0, 1)
if expired[1] then return { lease(expired[1]) } end
local claimed = {}
for _, lane in ipairs(call("ZRANGEBYSCORE", P .. "w", "-inf", now, "LIMIT", 0, limit)) do
  claimed[#claimed + 1] = lease(lane)
end
return claimed
]]

-- ARGV: now, then for each item identity, token, state, at, reason, uncounted, scope. Gives 1 or 0 for each.
redis_scripts.finish = PRELUDE .. [[
local now = ARGV[1]

local function leave_lane(lane)
  call("LPOP", P .. "l:" .. lane)
end

local function finish(item)
  local key = entry_key(item.identity)
  local entry = call("HMGET", key, "state", "token", "lane", "received_at")
  if entry[1] ~= "leased" or entry[2] ~= item.token then return 0 end
  call("HDEL", key, "reason")
  call("HSET", key, "due", item.state == "ready" and item.at or now)
  if item.reason ~= "" then call("HSET", key, "reason", item.reason) end
  if item.uncounted == "1" then call("HINCRBY", key, "attempt", -1) end
  if item.state == "done" then
    call("HDEL", key, "body")
    call("HSET", key, "scope", item.scope)
  end
  set_state(item.identity, "leased", item.state, item.state == "done" and now or entry[4])
  if item.state ~= "ready" then leave_lane(entry[3]) end
  wake(entry[3])
  return 1
end

local held = {}
for at = 2, #ARGV, 7 do
  held[#held + 1] = finish({ identity = ARGV[at], token = ARGV[at + 1], state = ARGV[at + 2], at = ARGV[at + 3],
    reason = ARGV[at + 4], uncounted = ARGV[at + 5], scope = ARGV[at + 6] })
end
return held
]]

-- ARGV: until, then for each item identity, token. Gives 1 or 0 for each.
redis_scripts.extend = PRELUDE .. [[
local held = {}
for at = 2, #ARGV, 2 do
  local key = entry_key(ARGV[at])
  local entry = call("HMGET", key, "state", "token", "lane")
  local is_held = entry[1] == "leased" and entry[2] == ARGV[at + 1]
  if is_held then
    call("HSET", key, "due", ARGV[1])
    wake(entry[3])
  end
  held[#held + 1] = is_held and 1 or 0
end
return held
]]

-- Gives how many are ready, leased, dead, done, and when the oldest ready and leased ones were received.
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

-- Gives when the first lane of each kind wakes.
redis_scripts.next_at = PRELUDE .. [[
return { call("ZRANGE", P .. "w", 0, 0, "WITHSCORES")[2] or "", call("ZRANGE", P .. "x", 0, 0, "WITHSCORES")[2] or "" }
]]

local SUMMARY = [[
local function summary(identity, ...)
  local entry = call("HMGET", entry_key(identity), "key", "digest", "type", "event", "app_id", "time", "received_at",
    "due", "state", "attempt", "reason", "verified_by", ...)
  table.insert(entry, 1, identity)
  return entry
end
]]

-- ARGV: state, first, last. Gives entries by rank.
redis_scripts.list = PRELUDE .. SUMMARY .. [[
local found = {}
for _, identity in ipairs(call("ZRANGE", state_key(ARGV[1]), ARGV[2], ARGV[3])) do
  found[#found + 1] = summary(identity)
end
return found
]]

-- ARGV: identity. Gives the entry with body and scope, or nothing.
redis_scripts.get = PRELUDE .. SUMMARY .. [[
if call("EXISTS", entry_key(ARGV[1])) == 0 then return {} end
return { summary(ARGV[1], "body", "scope") }
]]

-- ARGV: app_id, time. Gives key, event, time, scope, body of each.
redis_scripts.later = PRELUDE .. [[
local found = {}
for _, identity in ipairs(call("ZRANGEBYSCORE", P .. "a:" .. ARGV[1], "(" .. ARGV[2], "+inf")) do
  found[#found + 1] = call("HMGET", entry_key(identity), "key", "event", "time", "scope", "body")
end
return found
]]

-- ARGV: the id that it takes where it has none. Gives the id.
redis_scripts.id = [[
redis.call("SET", KEYS[1] .. "id", ARGV[1], "NX")
return redis.call("GET", KEYS[1] .. "id")
]]

-- ARGV: now, then identities. Gives how many were dead.
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

-- ARGV: before, limit. Gives how many were forgotten.
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
