--- What the scripts of the Redis inbox have in common: how entries are kept on the server, and the one function that
--- changes them. `marketplace.inbox.redis` runs the scripts; each runs as a whole.
---
--- Keys, all behind the inbox's prefix P:
---   Pe:ID        hash, an entry without its body. While its values are short, Redis keeps it in one piece.
---   Pb:ID        the entry's body
---   Pl:LANE      sorted set of the lane's ready and leased ids by number, the leased one by minus its number: so the
---                leader comes first
---   Pdue         sorted set of the leaders that are ready, by when they are due
---   Palone       the same, of those that must be claimed alone
---   Pends        sorted set of the leaders that are leased, by when their leases end
---   Pset         sorted set of all leaders, by when that time was set
---   Plive        sorted set of the ready and leased ids, by number
---   Pdead, Pdone the same of the dead and of the done ones
---   Preceived    sorted set of the ready and leased ids, by when they were received
---   Pended       sorted set of the done ids, by when they were done
---   Pbodies      the same, of those that have a body
---   Pcodes       hash: how many dead ones have each code
---   Pa:APP       sorted set of an app's ids, by their event's time, those without one before all others
---   Papps        sorted set of the apps, all with the same score: so it is in the order of their bytes
---   Pk:KEY       set of the further ids under a key, which other bodies have
---   Pn           how many entries were ever made, which numbers them
---   Pforgotten   the latest time before which ids were deleted
---   Pid          the inbox's own id
---   Pmigrated    how far a migration from the former version got
---   Pprobed      nothing: a probe writes it, to find out whether the server stores
---   Pversion     of these keys
---
--- The leaders in Pdue, Palone, Pends and Pset have their number before their id, so that of those with the same time
--- the one that was stored first comes first.
---
--- KEYS[1] is the prefix; ARGV[1] is the time, or empty: the server's then. Numbers travel as text. An empty argument
--- stands for an absent one, and a "=" stands before what may be empty.
local codes = require "marketplace.inbox.codes"
local history = require "marketplace.inbox.history"

local entries = {}

--- Of the keys above; another one is another inbox's.
entries.VERSION = "2"

--- Names as a list in Lua.
---@param names string[]
---@return string
function entries.quoted(names)
  local list = {}
  for i, name in ipairs(names) do list[i] = ("%q"):format(name) end
  return "{ " .. table.concat(list, ", ") .. " }"
end

local BASE = [[
local P, call = KEYS[1], redis.call

local function clock()
  if ARGV[1] ~= "" then return tonumber(ARGV[1]) end
  local time = call("TIME")
  return time[1] + time[2] / 1e6
end

local now = clock()

local function entry_key(id) return P .. "e:" .. id end
local function body_key(id) return P .. "b:" .. id end
local function lane_key(lane) return P .. "l:" .. lane end

-- An argument with a "=" before it.
local function given(argument) return argument ~= "" and string.sub(argument, 2) end

local function set_of(list)
  local set = {}
  for _, one in ipairs(list) do set[one] = true end
  return set
end

-- The arguments from `first` on as tables with these fields.
local function tables_with(names, first)
  local list = {}
  for at = first, #ARGV, #names do
    local one = {}
    for i, name in ipairs(names) do one[name] = ARGV[at + i - 1] end
    list[#list + 1] = one
  end
  return list
end
]]

local LANES = [[
local HEAD = { "state", "number", "key", "app_id", "code", "received_at", "at", "set_at", "attempt", "losses", "token",
  "shared", "digest", "verified_by", "reason", "scope" }

-- What is needed to change an entry, or nil if there is none.
local function entry_of(id)
  local values = call("HMGET", entry_key(id), unpack(HEAD))
  if not values[1] then return nil end
  local entry = { id = id }
  for i, name in ipairs(HEAD) do entry[name] = values[i] end
  entry.lane = entry.app_id or id
  return entry
end

-- The set that has the ids of a state.
local SETS = { ready = "live", leased = "live", done = "done", dead = "dead" }

local function is_live(state) return SETS[state] == "live" end

local function leader_of(lane)
  local first = call("ZRANGE", lane_key(lane), 0, 0, "WITHSCORES")
  local number = tonumber(first[2])
  if not number then return nil end
  return { id = first[1], number = math.abs(number), is_leased = number < 0 }
end

local function member_of(leader) return string.format("%016d", leader.number) .. leader.id end
local function id_of(member) return string.sub(member, 17) end

-- The entry for which a ready one waits.
local function behind(id)
  local entry = call("HMGET", entry_key(id), "state", "app_id")
  if entry[1] ~= "ready" or not entry[2] then return false end
  local leader = leader_of(entry[2])
  return leader.id ~= id and leader.id
end
]]

local CHANGES = ("local MOST_ITEMS, REASON_BYTES = %d, %d\n"):format(history.MOST, history.REASON_BYTES) .. [[
-- As marketplace.text cuts it.
local function short(reason)
  if #reason <= REASON_BYTES then return reason end
  return (string.gsub(string.sub(reason, 1, REASON_BYTES), "[\192-\255][\128-\191]*$", ""))
end

local function withdraw(leader)
  local member = member_of(leader)
  if leader.is_leased then return call("ZREM", P .. "ends", member) end
  if call("ZREM", P .. "due", member) == 0 then call("ZREM", P .. "alone", member) end
end

-- What decides when an entry can be claimed; `known` may be it.
local function times_of(id, known)
  if known.id == id then return known.at, known.set_at, known.losses end
  return unpack(call("HMGET", entry_key(id), "at", "set_at", "losses"))
end

local function announce(leader, entry)
  local member, set = member_of(leader), "due"
  local at, set_at, losses = times_of(leader.id, entry)
  if leader.is_leased then set = "ends" elseif tonumber(losses or 0) > 0 then set = "alone" end
  call("ZADD", P .. set, at, member)
  call("ZADD", P .. "set", set_at, member)
end

-- The leader of an entry's lane.
local function leader_for(entry)
  if entry.state ~= "leased" then return leader_of(entry.lane) end
  return { id = entry.id, number = tonumber(entry.number), is_leased = true }
end

-- `before` was the lane's leader before the entry was changed.
local function elect(entry, before)
  local is_behind = before and before.id ~= entry.id and (before.is_leased or before.number < tonumber(entry.number))
  if is_behind then return end
  local after = leader_for(entry)
  if before then withdraw(before) end
  if before and not (after and after.id == before.id) then call("ZREM", P .. "set", member_of(before)) end
  if after then announce(after, entry) end
end

local function write(entry, values)
  local key, written, removed = entry_key(entry.id), {}, {}
  for name, value in pairs(values) do
    if value then
      written[#written + 1], written[#written + 2] = name, value
    elseif entry[name] then
      removed[#removed + 1] = name
    end
    entry[name] = value
  end
  call("HSET", key, unpack(written))
  if removed[1] then call("HDEL", key, unpack(removed)) end
end

local function count_code(code, by) call("HINCRBY", P .. "codes", code, by) end

local function leave_set(entry)
  local id, set = entry.id, SETS[entry.state]
  call("ZREM", P .. set, id)
  if set == "live" then call("ZREM", P .. "received", id) end
  if set == "dead" then count_code(entry.code, -1) end
  if set == "done" then
    call("ZREM", P .. "ended", id)
    call("ZREM", P .. "bodies", id)
  end
end

local function enter_set(entry)
  local id, set = entry.id, SETS[entry.state]
  call("ZADD", P .. set, entry.number, id)
  if set == "live" then call("ZADD", P .. "received", entry.received_at, id) end
  if set == "dead" then count_code(entry.code, 1) end
  if set == "done" then
    call("ZADD", P .. "ended", entry.at, id)
    call("ZADD", P .. "bodies", entry.at, id)
  end
end

local function place(entry)
  local lane, state = lane_key(entry.lane), entry.state
  if is_live(state) then
    call("ZADD", lane, state == "leased" and -entry.number or entry.number, entry.id)
  else
    call("ZREM", lane, entry.id)
  end
end

-- Every change of an entry goes through here. `more`: further fields, false for one that it has no longer.
local function change(entry, state, at, more)
  local before, former = leader_for(entry), entry.state
  local is_moved = SETS[former] ~= SETS[state]
  if former and is_moved then leave_set(entry) end
  more = more or {}
  more.state, more.at, more.set_at = state, at, now
  write(entry, more)
  if is_moved then enter_set(entry) end
  if former ~= state then place(entry) end
  elect(entry, before)
end

-- Items of its history are JSON, a line each: see marketplace.inbox.history.
local function item_of(entry, at, what, reason)
  local told = reason and reason ~= "" and ',"reason":' .. cjson.encode(short(reason)) or ""
  return string.format('{"at":%.17g,"what":"%s","attempt":%d%s}', at, what, entry.attempt, told)
end

local function with_item(former, item)
  if not former then return item end
  local _, ends = string.gsub(former, "\n", "")
  if ends + 1 >= MOST_ITEMS then former = string.gsub(former, "^[^\n]*\n", "") end
  return former .. "\n" .. item
end

local function history_of(entry) return call("HGET", entry_key(entry.id), "history") end

-- The history with one more item.
local function history_with(entry, what, reason)
  return with_item(history_of(entry), item_of(entry, now, what, reason))
end

-- The same for one that is replayed: when it was done would be known from nothing else then.
local function replayed_history(entry)
  local former = history_of(entry)
  if entry.state == "done" then former = with_item(former, item_of(entry, tonumber(entry.at), "done")) end
  return with_item(former, item_of(entry, now, "replayed"))
end

local function make_ready(entry, history)
  change(entry, "ready", now, { attempt = 0, losses = false, reason = false, code = false, history = history })
end
]]

local ROWS = [[
-- An entry's fields.
local function row_of(id, names)
  local row = call("HMGET", entry_key(id), unpack(names))
  for i, name in ipairs(names) do
    if name == "id" then row[i] = id end
    if name == "body" then row[i] = call("GET", body_key(id)) end
    if name == "behind" then row[i] = behind(id) end
  end
  return row
end
]]

--- What a script begins with that reads entries.
entries.READING = BASE .. LANES .. ROWS

--- What a script begins with that adds entries.
entries.ADDING = BASE .. LANES .. ROWS .. CHANGES

--- What a script begins with that changes entries: it must run if the server has no memory left, too, as only what ends
--- can be forgotten. Redis refuses what may need memory only until a script has written.
entries.CHANGING = entries.ADDING .. 'call("ZREM", P .. "ends", "")\n'

--- What a script goes on with that has to know what can be replayed.
entries.REPLAYING = "local REPLAYED = set_of(" .. entries.quoted(codes.REPLAYED) .. ")" .. [[

-- One that is done, or dead.
local function can_replay(entry)
  if entry.state == "done" then return call("EXISTS", body_key(entry.id)) == 1 end
  return REPLAYED[entry.code]
end
]]

return entries
