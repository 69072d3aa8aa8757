-- How long others wait while an inbox forgets what is done, in slices and all at once: forget.lua FOLDER COUNT
-- The longest wait for the bodies, and then for the ids, of slices and of all at once, go to FOLDER/forget-WHAT in
-- milliseconds, a line for each time that this runs.
local core = require "marketplace.core"
local marketplace = require "marketplace"

local folder, COUNT = arg[1], tonumber(arg[2])
local SLICE = 200 -- as of a dispatcher
local PATH = folder .. "/forget.db"

local FILL = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) INSERT INTO inbox (id, " ..
  "key, digest, type, event, app_id, lane, time, received_at, state, at, set_at, leads, scope, body) SELECT " ..
  "lower(hex(randomblob(16))), 'key of ' || i, lower(hex(randomblob(32))), 'AppUnavailable', 'app_unavailable', " ..
  "'app' || i % 1000, 'app' || i % 1000, i, i, 'done', i, i, 0, '', hex(zeroblob(300)) FROM n"

local function fill()
  local box = assert(marketplace.inbox("sqlite:" .. PATH))
  assert(box:transact(function(run) return run(FILL, COUNT) end))
  box.database.connection.link:run "PRAGMA wal_checkpoint(TRUNCATE)"
  return box
end

local function wal_bytes()
  local file = assert(io.open(PATH .. "-wal", "rb"))
  local bytes = file:seek "end"
  file:close()
  return bytes
end

local function forget_all(box, before, slice)
  local times, total, wal = {}, 0, 0
  repeat
    local started = core.monotonic()
    local forgotten = assert(box:forget(before, slice))
    local took = core.monotonic() - started
    times[#times + 1], total, wal = took * 1e3, total + took, math.max(wal, wal_bytes())
  until forgotten.bodies + forgotten.ids < slice
  table.sort(times)
  return { median = times[math.floor(#times / 2) + 1], longest = times[#times], total = total, wal = wal }
end

local longest = { bodies = {}, ids = {} }
for _, slice in ipairs { SLICE, COUNT } do
  local box, at = fill(), core.now()
  for _, what in ipairs { "bodies", "ids" } do
    local measured = forget_all(box, { bodies = at, ids = what == "ids" and at or 0 }, slice)
    table.insert(longest[what], measured.longest)
    print(("%d %s, %d at a time: %.1f s in all, a slice %.1f ms and at most %.1f ms, write-ahead log up to %.0f MB")
      :format(COUNT, what, slice, measured.total, measured.median, measured.longest, measured.wal / 1e6))
  end
  box:close()
  os.remove(PATH)
end

for what, columns in pairs(longest) do
  local file = assert(io.open(folder .. "/forget-" .. what, "a"))
  file:write(("%.2f %.2f\n"):format(columns[1], columns[2]))
  file:close()
end
