--- The scripts with which the Redis inbox looks up what it holds, and those of the operator that select entries: see
--- marketplace.inbox.redis.scripts.entries.
local entries = require "marketplace.inbox.redis.scripts.entries"
local fields = require "marketplace.inbox.fields"

local quoted, READING = entries.quoted, entries.READING

local queries = {}

local COUNTING = READING .. [[
local function count(set) return call("ZCARD", P .. set) end

local leased = count("ends")
local ready = count("live") - leased
]]

-- Returns the numbers of ready, leased, done and dead ones.
queries.counts = COUNTING .. [[
return { ready, leased, count("done"), count("dead") }
]]

-- ARGV: codes. Returns the numbers of ready, leased and dead ones, how many have each code, and the seconds since the
-- oldest of the ready and leased ones was received, or an empty string.
queries.backlog = COUNTING .. [[
local backlog = { ready, leased, count("dead") }
for at = 2, #ARGV do backlog[#backlog + 1] = tonumber(call("HGET", P .. "codes", ARGV[at]) or 0) end
local oldest = call("ZRANGE", P .. "received", 0, 0, "WITHSCORES")[2]
backlog[#backlog + 1] = oldest and string.format("%.17g", math.max(0, now - oldest)) or ""
return backlog
]]

-- Returns the seconds until there is something to do, or an empty string.
queries.next_in = READING .. [[
local function first_of(set, command)
  return tonumber(call(command or "ZRANGE", P .. set, 0, 0, "WITHSCORES")[2])
end

if (first_of("set", "ZREVRANGE") or now) > now then return "0" end
local first
for _, set in ipairs({ "due", "alone", "ends" }) do
  local at = first_of(set)
  if at and (not first or at < first) then first = at end
end
return first and string.format("%.17g", math.max(0, first - now)) or ""
]]

-- ARGV: an id. Returns the entry, or nothing.
queries.get = READING .. [[
if call("EXISTS", entry_key(ARGV[2])) == 0 then return {} end
return { row_of(ARGV[2], ]] .. quoted(fields.entry) .. [[) }
]]

-- Returns when the first of the done ones that have a body, and the first of all, were done; empty strings for none.
queries.oldest_done = READING .. [[
local oldest = {}
for i, set in ipairs({ "bodies", "ended" }) do oldest[i] = call("ZRANGE", P .. set, 0, 0, "WITHSCORES")[2] or "" end
return oldest
]]

local NO_FIELD = "" -- in the place of one
local WITHOUT_BODY = {}
for i, name in ipairs(fields.later) do WITHOUT_BODY[i] = name == "body" and NO_FIELD or name end

local LATER = READING .. ("local LATER, WITHOUT_BODY = %s, %s"):format(quoted(fields.later), quoted(WITHOUT_BODY)) .. [[

-- Of those that there are; with bodies only if they have no scope.
local function rows_of(ids, first, last)
  local rows = {}
  for at = first, last do
    local id = ids[at]
    local head = call("HMGET", entry_key(id), "state", "scope")
    if head[1] then rows[#rows + 1] = row_of(id, head[2] and WITHOUT_BODY or LATER) end
  end
  return rows
end
]]

-- ARGV: app_id, time, the most entries at once. Returns entries, and the ids of further ones.
queries.later = LATER .. [[
local ids = call("ZRANGEBYSCORE", P .. "a:" .. ARGV[2], "(" .. ARGV[3], "+inf")
local most = math.min(#ids, tonumber(ARGV[4]))
local rest = {}
for at = most + 1, #ids do rest[#rest + 1] = ids[at] end
return { rows_of(ids, 1, most), rest }
]]

-- ARGV: ids. Returns entries.
queries.later_rest = LATER .. [[
return rows_of(ARGV, 2, #ARGV)
]]

-- ARGV: "newest" or "oldest", the number behind which to begin or empty, the most to select, the most to examine, and
-- the filter's fields, each with a "=". `select_with(take)` returns the number behind which to go on, empty if all were
-- examined, what take(id) returned for those that the filter selects, except nil, and how many were examined.
local SELECTING = "local FILTER = " .. quoted(fields.filter) .. [[

local NEWEST, AFTER, MOST = ARGV[2] == "newest", ARGV[3] ~= "" and ARGV[3], tonumber(ARGV[4])
local EXAMINED = math.min(500, tonumber(ARGV[5])) -- in one script, as the server does nothing else meanwhile
local SORTED = 1000 -- the most of an app that are found by it, and not among all others
local SPECIAL = { id = true, received_before = true, received_since = true }

local filter = tables_with(FILTER, 6)[1]
for name, value in pairs(filter) do filter[name] = given(value) end

local function is_within(received_at)
  if filter.received_before and received_at >= tonumber(filter.received_before) then return false end
  return not filter.received_since or received_at >= tonumber(filter.received_since)
end

-- Of an entry's fields: those that the filter names, without what the set says in which it is, and then when it was
-- received if the filter has a time.
local names, named = {}, 0
for _, name in ipairs(FILTER) do
  local is_known = name == "state" and SETS[filter.state] ~= "live" and not (filter.id or filter.app_id)
  if filter[name] and not SPECIAL[name] and not is_known then names[#names + 1] = name end
end
named = #names
if filter.received_since or filter.received_before then names[named + 1] = "received_at" end

local function is_selected(id)
  if not names[1] then return true end
  local values = call("HMGET", entry_key(id), unpack(names))
  for i, name in ipairs(names) do
    if i <= named and values[i] ~= filter[name] then return false end
  end
  return named == #names or is_within(tonumber(values[named + 1]))
end

local function comes_before(a, b)
  if NEWEST then return a > b end
  return a < b
end

local function is_behind(number) return number and (not AFTER or comes_before(tonumber(AFTER), number)) end

-- The ids of those that the filter can select if they are few, nil if they are not.
local function few()
  if filter.id then
    local ids = call("SMEMBERS", P .. "k:" .. filter.id)
    ids[#ids + 1] = filter.id
    return ids
  end
  if filter.state == "leased" then
    local ids = call("ZRANGE", P .. "ends", 0, -1)
    for i, member in ipairs(ids) do ids[i] = id_of(member) end
    return ids
  end
  local of_app = filter.app_id and P .. "a:" .. filter.app_id
  return of_app and call("ZCARD", of_app) <= SORTED and call("ZRANGE", of_app, 0, -1) or nil
end

local function state_sets()
  if filter.state then return { SETS[filter.state] } end
  if filter.code then return { "dead" } end
  return ONLY_LIVE and { "live" } or { "live", "done", "dead" }
end

-- The next ones of a set: ids and numbers, in turns.
local function next_of(set)
  local command, last = "ZRANGEBYSCORE", "+inf"
  if NEWEST then command, last = "ZREVRANGEBYSCORE", "-inf" end
  local first = AFTER and "(" .. AFTER or NEWEST and "+inf" or "-inf"
  return call(command, P .. set, first, last, "WITHSCORES", "LIMIT", 0, EXAMINED)
end

local function next_of_ids(ids)
  local found, list = {}, {}
  for _, id in ipairs(ids) do
    local number = tonumber(call("HGET", entry_key(id), "number"))
    if is_behind(number) then found[#found + 1] = { id = id, number = number } end
  end
  table.sort(found, function(a, b) return comes_before(a.number, b.number) end)
  for i, one in ipairs(found) do list[2 * i - 1], list[2 * i] = one.id, one.number end
  return list
end

-- Gives those that may be selected, one after another, each with its number; nil after the last.
local function candidates()
  local lists, places, ids = {}, {}, few()
  if ids then lists[1] = next_of_ids(ids) end
  for _, set in ipairs(ids and {} or state_sets()) do lists[#lists + 1] = next_of(set) end
  for i = 1, #lists do places[i] = 1 end
  return function()
    local first, number
    for i, list in ipairs(lists) do
      local place = places[i]
      local other = tonumber(list[place + 1])
      if other and (not number or comes_before(other, number)) then first, number = i, other end
    end
    if not first then return nil end
    places[first] = places[first] + 2
    return lists[first][places[first] - 2], number
  end
end

local function select_with(take)
  local next_one, selected, examined, last = candidates(), {}, 0, ""
  while examined < EXAMINED and #selected < MOST do
    local id, number = next_one()
    if not id then return { "", selected, examined } end
    examined = examined + 1
    if is_selected(id) then selected[#selected + 1] = take(id) end
    last = string.format("%.0f", number)
  end
  return { last, selected, examined }
end
]]

local OF_ALL, OF_LIVE = "local ONLY_LIVE = false\n", "local ONLY_LIVE = true\n"

-- Selects entries.
queries.list = READING .. OF_ALL .. SELECTING .. "local SUMMARY = " .. quoted(fields.summary) .. [[

return select_with(function(id) return row_of(id, SUMMARY) end)
]]

-- Selects entries, of which `replay` can make ready again those whose ids it returns.
queries.replayable = READING .. OF_ALL .. SELECTING .. entries.REPLAYING .. [[
return select_with(function(id) return can_replay(entry_of(id)) and id or nil end)
]]

-- Selects the ids of those that are ready or leased.
queries.live = READING .. OF_LIVE .. SELECTING .. [[
return select_with(function(id) return is_live(call("HGET", entry_key(id), "state")) and id or nil end)
]]

-- Selects ids.
queries.ids = READING .. OF_ALL .. SELECTING .. [[
return select_with(function(id) return id end)
]]

-- ARGV: the app behind which to begin, the most apps. Returns an entry of each: of those that wait, the last that was
-- stored, or else the one whose event is the latest.
queries.apps = READING .. "local APP = " .. quoted(fields.app) .. [[

local function last_of_lane(lane)
  local ready, leader = call("ZREVRANGE", lane_key(lane), 0, 0, "WITHSCORES"), leader_of(lane)
  if not leader then return nil end
  return leader.number > tonumber(ready[2]) and leader.id or ready[1]
end

local first = ARGV[2] == "" and "-" or "(" .. ARGV[2]
local rows = {}
for i, app in ipairs(call("ZRANGEBYLEX", P .. "apps", first, "+", "LIMIT", 0, ARGV[3])) do
  rows[i] = row_of(last_of_lane(app) or call("ZREVRANGE", P .. "a:" .. app, 0, 0)[1], APP)
end
return rows
]]

return queries
