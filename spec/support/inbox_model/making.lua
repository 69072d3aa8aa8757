--- Random operations: making[name](walk) gives the arguments of one, as data that can be run again without the random
-- numbers. They are drawn from a few ids, so that an inbox stays small and much happens to each entry.
local making = {}

local DAY = 86400
local APPS = { "app 1", "app 2", "app 3", "app 4", false }
local DIGESTS = { "1", "1", "1", "1", "1", "2", "unsigned:1" }
local LEASES = { 0.25, 1, 5, 30, 60 }
local STATES = { "done", "done", "done", "ready", "ready", "dead", "unbegun" }
local CODES = { "failed", "failed", "no_callback", "cancelled", "invalid" }

making.LONGEST = 60 -- seconds: of all waits and leases
making.WAITS = { 0.5, 3, making.LONGEST }
making.HOLDERS = 3

local function time(walk)
  local r = walk.random
  if r:chance(10) then return nil end
  if r:chance(85) then return walk.model.now - r:below(400) end
  return walk.model.now - 89 * DAY - r:below(2 * DAY)
end

local function record(walk)
  local r = walk.random
  local n, digest = r:below(30), r:pick(DIGESTS)
  local key = (r:chance(4) and "bad " or "k") .. n
  local made = {
    key = key, digest = digest, type = n % 3 == 0 and "T3" or "T", event = n % 2 == 0 and "e2" or "e",
    app_id = APPS[n % #APPS + 1] or nil, time = time(walk), body = ("body %s of %s"):format(digest, key),
    traceparent = n % 5 == 0 and "trace " .. n or nil,
    verified_by = digest:find "unsigned" == nil and "secret " .. n % 2 or nil,
  }
  if key:find "bad" then made.reason, made.app_id = "not JSON", nil end
  return made
end

function making.put(walk)
  local records = {}
  for i = 1, walk.random:below(4) do records[i] = record(walk) end
  return { records = records }
end

function making.recover() return {} end

function making.claim(walk)
  local r = walk.random
  walk.labels = walk.labels + 1
  return {
    label = walk.labels, limit = r:pick { 0, 1, 1, 2, 3, 5, 50 }, lease = r:pick(LEASES), recovers = r:chance(85),
  }
end

-- What was claimed lately, by its label, and places in it. Some of it has ended meanwhile.
local function claimed(walk)
  local r = walk.random
  local label = math.max(1, walk.labels + 1 - r:below(8))
  local places = {}
  for place = 1, #(walk.claims[label] or {}) do
    if r:chance(75) then places[#places + 1] = place end
  end
  return label, places
end

function making.finish(walk)
  local r = walk.random
  local label, places = claimed(walk)
  local items = {}
  for i, place in ipairs(places) do
    local state = r:pick(STATES)
    items[i] = {
      place = place, state = state, scope = r:chance(50) and r:pick { "", "scope" } or nil,
      reason = state ~= "done" and r:chance(80) and "reason " .. r:below(9) or nil,
      code = state == "dead" and r:pick(CODES) or nil,
      wait = state == "ready" and r:pick { 0, 0.25, 3, 20, making.LONGEST } or nil,
      uncounted = state == "ready" and r:chance(30) or nil,
    }
  end
  return { label = label, items = items }
end

function making.extend(walk)
  local label, places = claimed(walk)
  return { label = label, places = places, lease = walk.random:pick(LEASES) }
end

local function id(walk)
  local entries = walk.model.entries
  if #entries == 0 or walk.random:chance(3) then return "never was" end
  return walk.random:pick(entries).id
end

local function filter(walk)
  local r, made = walk.random, {}
  local now = walk.model.now
  if r:chance(40) then made.state = r:pick { "ready", "leased", "done", "dead" } end
  if r:chance(20) then made.code = r:pick(CODES) end
  if r:chance(30) then made.app_id = r:pick { "app 1", "app 2", "app 3", "app 4" } end
  if r:chance(15) then made.type = r:pick { "T", "T3" } end
  if r:chance(15) then made.event = r:pick { "e", "e2" } end
  if r:chance(15) then made.id = r:chance(50) and "k" .. r:below(30) or id(walk) end
  if r:chance(15) then made.received_since = now - r:below(1000) end
  if r:chance(15) then made.received_before = now - r:below(1000) end
  if r:chance(15) then made.verified_by = r:pick { "secret 0", "secret 1" } end
  if r:chance(50) then made.newest = r:chance(50) end
  if r:chance(50) then made.limit = r:below(8) - 1 end
  return made
end

function making.list(walk)
  local made = filter(walk)
  if walk.random:chance(50) then made.examine = walk.random:pick { 1, 2, 3, 10, 1000 } end
  return { filter = made }
end

function making.apps(walk) return { limit = walk.random:below(5) } end

function making.replay(walk)
  local made = filter(walk)
  if made.state == "done" then made.app_id = walk.random:pick { "app 1", "app 2", "app 3" } end
  return { filter = made }
end

function making.get(walk) return { id = id(walk) } end

-- Mostly of one: else little would be left that waits.
function making.run(walk)
  if walk.random:chance(80) then return { filter = { id = id(walk) } } end
  local made = filter(walk)
  made.limit = made.limit or 3
  return { filter = made }
end

making.cancel = making.run

function making.later(walk)
  return { app_id = walk.random:pick { "app 1", "app 2" }, time = walk.model.now - walk.random:below(500) }
end

function making.totals() return {} end

-- Often the very time at which something was done.
local function done_before(walk, ago)
  local entries = walk.model.entries
  local entry = #entries > 0 and walk.random:pick(entries)
  return entry and entry.state == "done" and entry.at or walk.model.now - ago
end

function making.forget(walk)
  local r, now = walk.random, walk.model.now
  local ids = r:chance(70) and done_before(walk, 300 + r:below(2000)) or now - 100 * DAY
  return {
    before = { bodies = done_before(walk, r:below(1500)), ids = ids }, limit = r:pick { 0, 1, 2, 5, 1000, 1000 },
  }
end

function making.crash() return {} end

-- Mostly forward, by little; sometimes far, and back.
function making.clock(walk)
  local r = walk.random
  local step = r:below(80) / 4
  if r:chance(10) then step = r:below(20000) / 4 end
  if r:chance(20) then step = -step end
  return { step = step }
end

return making
