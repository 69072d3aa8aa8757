-- fill.lua URL COUNT [FIRST]: puts notifications FIRST (1) to COUNT into an inbox, of which every tenth is dead and
-- every hundredth waits; of less than ten, the second is dead and the third waits. All is the same each time but for
-- the moment of its arrival.
local marketplace = require "marketplace"
local record = require "marketplace.inbox.record"
local samples = require "marketplace.samples"

local AT_ONCE = 1000
local EVENTS = { "version_available", "versions_unavailable", "app_unavailable", "versions_restored", "app_restored" }

local url, count, first_of_all = arg[1], tonumber(arg[2]), tonumber(arg[3] or 1)
local inbox = assert(marketplace.inbox(url))

local function record_of(number)
  local event = EVENTS[number % #EVENTS + 1]
  local id = ("00000000-0000-4000-8000-%012d"):format(number)
  local of_app = record.of(samples.body(event, { id = id, app_id = ("67400%05d"):format(number % 1000) }))
  return assert(of_app)
end

local function put(first, last)
  local records = {}
  for number = first, last do records[#records + 1] = record_of(number) end
  assert(inbox:put(records))
end

-- What became of them: a code, "done", or nil if it waits.
local function fate(id)
  local number = tonumber(id:sub(-12))
  if count < 10 then return ({ "done", "failed", nil, "done" })[number] end
  if number % 100 == 0 then return nil end
  return number % 10 == 0 and "failed" or "done"
end

local function finish()
  while true do
    local entries = assert(inbox:claim(1000, 600))
    if #entries == 0 then return end
    local items = {}
    for _, entry in ipairs(entries) do
      local becomes = fate(entry.id)
      items[#items + 1] = {
        id = entry.id, token = entry.token, state = becomes == "failed" and "dead" or becomes or "ready", code =
        becomes == "failed" and "failed" or nil, wait = not becomes and 3600 or nil,
        reason = becomes ~= "done" and "the catalogue does not answer" or nil,
      }
    end
    assert(inbox:finish(items))
  end
end

for first = first_of_all, count, AT_ONCE do put(first, math.min(count, first + AT_ONCE - 1)) end
finish()
inbox:close()
