--- Brings an inbox in Redis from version 1 to version 2 of its keys (marketplace.inbox.redis.scripts.entries).
---
--- Version 1 did not list the apps, and had only those entries in an app's set whose event has a time. Entries are
--- looked at in slices, in which the server does nothing else; how far it got is kept on the server, as a call may not
--- have the time for all. What is added is what version 1 lacks, and nothing of it changes: it can be done twice, also
--- by two at once.
local entries = require "marketplace.inbox.redis.scripts.entries"

local migration = {}

--- The version that can be migrated.
migration.FORMER_VERSION = "1"

-- ARGV: the version to which it is brought. Returns 1 once it is done.
local SCRIPT = entries.READING .. [[
local ENTRIES = 500
local at_key = P .. "migrated"

local function add(id)
  local values = call("HMGET", entry_key(id), "app_id", "time")
  if not values[1] then return end
  call("ZADD", P .. "a:" .. values[1], values[2] or "-inf", id)
  call("ZADD", P .. "apps", 0, values[1])
end

local after, last, count = call("GET", at_key) or "0", 0, 0
local next_ones = {}
for _, set in ipairs({ "live", "done", "dead" }) do
  local found = call("ZRANGEBYSCORE", P .. set, "(" .. after, "+inf", "WITHSCORES", "LIMIT", 0, ENTRIES)
  for i = 1, #found, 2 do next_ones[#next_ones + 1] = { id = found[i], number = tonumber(found[i + 1]) } end
end
table.sort(next_ones, function(a, b) return a.number < b.number end)
for i = 1, math.min(ENTRIES, #next_ones) do
  add(next_ones[i].id)
  last = next_ones[i].number
end
if #next_ones >= ENTRIES then
  call("SET", at_key, string.format("%.0f", last))
  return 0
end
call("DEL", at_key)
call("SET", P .. "version", ARGV[2])
return 1
]]

--- Migrates it. What fails raises as in marketplace.reconnecting; the next connection goes on then.
---@param link table of marketplace.inbox.redis.connection
---@param prefix string of the inbox's keys
function migration.run(link, prefix)
  local hash = link:command { "SCRIPT", "LOAD", SCRIPT }
  repeat until link:command { "EVALSHA", hash, "1", prefix, "", entries.VERSION } == 1
end

return migration
