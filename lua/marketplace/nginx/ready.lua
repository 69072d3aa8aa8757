--- Whether the inbox stores, found out without keeping the current request waiting for as long as an inbox may take.
local semaphore = require "ngx.semaphore"

local ready = {}

local SECONDS = 0.75 -- less than a probe waits, which is often a second

-- The probe under way in this worker: all that ask meanwhile wait for it.
local under_way

local function finish(is_ending, readiness)
  if not is_ending then readiness:probe() end
  local finished = under_way
  under_way = nil
  local waiting = -finished:count()
  if waiting > 0 then finished:post(waiting) end
end

local function start(readiness)
  under_way = semaphore.new()
  local started = ngx.timer.at(0, finish, readiness)
  if not started then under_way = nil end
  return under_way
end

--- Whether it stores, of the last commit or of a probe; false also if the probe takes too long.
---@param readiness table see marketplace.readiness
---@return boolean
function ready.check(readiness)
  local known = readiness:known()
  if known ~= nil then return known end
  local probe = under_way or start(readiness)
  return probe ~= nil and probe:wait(SECONDS) == true and readiness:known() == true
end

return ready
