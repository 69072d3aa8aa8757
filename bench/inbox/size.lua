-- What storing, claiming and finishing 64 cost in inboxes of several sizes, in turns: size.lua FOLDER COUNT...
-- fill.lua has made the inboxes. Each round's microseconds and pages written, a column for each COUNT, go to
-- FOLDER/STATE-STEP-us and FOLDER/STATE-STEP-pages, a line a round.
package.path = "bench/inbox/?.lua;" .. package.path
local core = require "marketplace.core"
local marketplace = require "marketplace"
local notifications = require "notifications"
local write_ahead_log = require "write_ahead_log"

local BATCH, ROUNDS = 64, 200
local STEPS = { "put", "claim", "finish" }

local folder = arg[1]
local sizes = {}
for i = 2, #arg do sizes[#sizes + 1] = arg[i] end

local function open(state, size)
  local path = ("%s/%s-%s.db"):format(folder, state, size)
  local inbox = { box = assert(marketplace.inbox("sqlite:" .. path)), size = size, us = {}, pages = {} }
  for _, step in ipairs(STEPS) do inbox.us[step], inbox.pages[step] = {}, {} end
  -- the first that writes makes the log
  notifications.put(inbox.box, 1)
  inbox.log = write_ahead_log.of(path)
  return inbox
end

local function measure(inbox, step, work)
  local started = core.monotonic()
  local result = assert(work())
  table.insert(inbox.us[step], (core.monotonic() - started) * 1e6)
  table.insert(inbox.pages[step], inbox.log:appended())
  return result
end

local function measure_round(inbox)
  local box, records = inbox.box, notifications.records(BATCH)
  measure(inbox, "put", function() return box:put(records) end)
  local claimed = measure(inbox, "claim", function() return box:claim(BATCH, 60) end)
  for _, item in ipairs(claimed) do item.state = "done" end
  measure(inbox, "finish", function() return box:finish(claimed) end)
end

local function write_columns(inboxes, state, step, what)
  local file = assert(io.open(("%s/%s-%s-%s"):format(folder, state, step, what), "w"))
  for round = 1, ROUNDS do
    local columns = {}
    for i, inbox in ipairs(inboxes) do columns[i] = ("%.0f"):format(inbox[what][step][round]) end
    file:write(table.concat(columns, " "), "\n")
  end
  file:close()
end

local function median_and_mean(list)
  local sum = 0
  for _, value in ipairs(list) do sum = sum + value end
  table.sort(list)
  return list[math.ceil(#list / 2)], sum / #list
end

local function tell(inbox, state, step)
  local us, mean_us = median_and_mean(inbox.us[step])
  local pages, mean_pages = median_and_mean(inbox.pages[step])
  print(("%7s %-5s  %-6s of %d: %5.0f us (mean %5.0f), %3d pages (mean %5.1f) of %d bytes: %3.0f KB in the log"):format(
    inbox.size, state, step, BATCH, us, mean_us, pages, mean_pages, inbox.log.page_bytes,
    mean_pages * inbox.log.frame_bytes / 1000))
end

for _, state in ipairs { "done", "ready" } do
  local inboxes = {}
  for i, size in ipairs(sizes) do inboxes[i] = open(state, size) end
  for _ = 1, ROUNDS do
    for _, inbox in ipairs(inboxes) do measure_round(inbox) end
  end
  for _, step in ipairs(STEPS) do
    for _, what in ipairs { "us", "pages" } do write_columns(inboxes, state, step, what) end
    for _, inbox in ipairs(inboxes) do tell(inbox, state, step) end
  end
  for _, inbox in ipairs(inboxes) do inbox.box:close() end
end
