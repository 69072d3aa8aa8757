--- One commit for the notifications of many requests: while one is under way, what further requests bring gathers, and
--- goes with the next.
---
--- The first of the waiting requests stores for all of them, and only once, so that no request waits for more than the
--- commit that was under way when it came, and its own.
local core = require "marketplace.core"
local semaphore = require "ngx.semaphore"

local group_commit = {}

local MOST_RECORDS = 256
local MOST_BYTES = 8 * 1024 * 1024
local TURN_SECONDS = 30 -- longer than any commit; nginx can be configured to end a request in the middle of one
local PROBE_SECONDS = 1 -- how often waiting requests check whether that happened

local function size_of(records)
  local bytes = 0
  for i = 1, #records do bytes = bytes + #records[i].body end
  return bytes
end

-- Takes as many waiting requests as one commit may serve, at least one.
local function take_batch(self, turn)
  local batch, records, bytes = {}, {}, 0
  while self.waiting[1] do
    local one = self.waiting[1]
    bytes = bytes + size_of(one.records)
    if #batch > 0 and (#records + #one.records > MOST_RECORDS or bytes > MOST_BYTES) then break end
    table.remove(self.waiting, 1)
    batch[#batch + 1], one.turn = one, turn
    for i = 1, #one.records do records[#records + 1] = one.records[i] end
  end
  return batch, records
end

local function settle(one, outcomes, message, code)
  one.is_done, one.outcomes, one.message, one.code = true, outcomes, message, code
  if one.wake then one.wake:post() end
end

local function settle_stored(batch, outcomes)
  local at = 0
  for _, one in ipairs(batch) do
    local own = {}
    for i = 1, #one.records do own[i] = outcomes[at + i] end
    at = at + #own
    settle(one, own)
  end
end

-- Requests that wait behind a failed commit would wait just as long for the same failure.
local function settle_failed(self, batch, message, code)
  local waiting = self.waiting
  self.waiting = {}
  for _, one in ipairs(batch) do settle(one, nil, message, code) end
  for _, one in ipairs(waiting) do settle(one, nil, message, code) end
end

local function end_turn(self, turn)
  if self.turn ~= turn then return end
  self.turn = nil
  local next_one = self.waiting[1]
  if next_one and next_one.wake then next_one.wake:post() end
end

-- Stores what waits.
local function store(self)
  local turn = { ends_at = core.monotonic() + self.turn_seconds }
  self.turn = turn
  local batch, records = take_batch(self, turn)
  local ok, outcomes, message, code = pcall(self.put, self.inbox, records)
  if ok and outcomes then
    settle_stored(batch, outcomes)
  else
    settle_failed(self, batch, ok and message or "storing failed", code or "inbox_unavailable")
  end
  end_turn(self, turn)
  if not ok then error(outcomes, 0) end
end

local function is_over(self, turn)
  return self.turn ~= turn or core.monotonic() >= turn.ends_at
end

local function wait(one)
  one.wake = one.wake or semaphore.new()
  one.wake:wait(PROBE_SECONDS)
end

local function go_on() end

-- With lua_check_client_abort on, nginx would end a request in the middle of a commit if its client goes away, and all
-- others would wait for it. Otherwise, and in timers, there is nothing to do.
local function outlive_client()
  pcall(ngx.on_abort, go_on)
end

local function put(self, records)
  if #records == 0 then return self.put(self.inbox, records) end
  outlive_client()
  local one = { records = records, is_done = false }
  self.waiting[#self.waiting + 1] = one
  while not one.is_done do
    if one.turn and is_over(self, one.turn) then
      return nil, "the request that was to store this one has ended", "inbox_unavailable"
    elseif not one.turn and (not self.turn or is_over(self, self.turn)) then
      store(self)
    else
      wait(one)
    end
  end
  return one.outcomes, one.message, one.code
end

--- Has the `put` of an inbox share commits.
---@param inbox table changed
---@param turn_seconds? number after which the request that stores is taken to have ended, default 30
function group_commit.install(inbox, turn_seconds)
  local self = {
    inbox = inbox, put = inbox.put, waiting = {}, turn = nil, turn_seconds = turn_seconds or TURN_SECONDS,
  }
  inbox.put = function(_, records) return put(self, records) end
end

return group_commit
