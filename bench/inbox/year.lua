-- How large an inbox is that stores, runs and forgets as much each day, over a simulated year: year.lua FOLDER COUNT
-- The megabytes at the year's end, and those after four months, go to FOLDER/year.
package.path = "bench/inbox/?.lua;" .. package.path
local marketplace = require "marketplace"
local notifications = require "notifications"
local retention = require "marketplace.inbox.retention"

local folder, COUNT = arg[1], tonumber(arg[2])
local PATH = folder .. "/year.db"
local DAY, DAYS, MONTH, SLICE = 86400, 365, 30, 200

local now = 20000 * DAY

local function open()
  return assert(marketplace.inbox("sqlite:" .. PATH, { clock = function() return now end }))
end

local function forget(box)
  local before = { bodies = now - retention.bodies, ids = now - retention.ids }
  repeat
    local forgotten = assert(box:forget(before, SLICE))
  until forgotten.bodies < SLICE and forgotten.ids < SLICE
end

-- Once it is closed, nothing is left in its log.
local function megabytes(box)
  box:close()
  local file = assert(io.open(PATH, "rb"))
  local bytes = file:seek "end"
  file:close()
  return bytes / 1e6
end

local box, months = open(), {}
for day = 1, DAYS do
  notifications.put(box, COUNT, now)
  notifications.run_all(box)
  now = now + DAY
  forget(box)
  if day % MONTH == 0 then
    months[#months + 1] = megabytes(box)
    box = open()
  end
end
box:close()
for month, size in ipairs(months) do print(("month %2d: %6.2f MB"):format(month, size)) end
local file = assert(io.open(folder .. "/year", "w"))
file:write(("%.3f %.3f\n"):format(months[#months], months[4]))
file:close()
