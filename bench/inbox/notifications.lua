-- Notifications as they come from Apple, and inboxes full of them.
local record_of = require("marketplace.inbox.record").of
local marketplace = require "marketplace"
local samples = require "marketplace.samples"
local uuid = require "marketplace.uuid"

local notifications = {}

local KIND, BYTES = "alternativeDistributionPackageVersionCreated", 567
local VERIFIED_BY = marketplace.fingerprint "a secret"
local IN_A_COMMIT = 1000

local function app_id()
  return ("6%09d"):format(math.random(0, 999999999))
end

--- Records with random ids, of as many apps.
---@param count integer
---@param time? number of their events, default now
---@return table[]
function notifications.records(count, time)
  local list = {}
  for i = 1, count do
    local body = samples.body(KIND, { app_id = app_id(), package_version_id = uuid.new(), time = time })
    list[i] = assert(record_of(body:sub(1, -2) .. (" "):rep(BYTES - #body) .. "}"))
    list[i].verified_by = VERIFIED_BY
  end
  return list
end

--- Stores `count` of them, while a worker polls: it gives back what it claims.
function notifications.put(box, count, time)
  for at = 1, count, IN_A_COMMIT do
    assert(box:put(notifications.records(math.min(IN_A_COMMIT, count - at + 1), time)))
    local claimed = assert(box:claim(1, 60))
    for _, item in ipairs(claimed) do item.state = "unbegun" end
    assert(box:finish(claimed))
  end
end

--- Has all that is ready be done.
function notifications.run_all(box)
  repeat
    local claimed = assert(box:claim(IN_A_COMMIT, 60))
    for _, item in ipairs(claimed) do item.state = "done" end
    assert(box:finish(claimed))
  until #claimed == 0
end

return notifications
