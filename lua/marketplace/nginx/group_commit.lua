--- One commit for the notifications of many requests: while one is under way, what further requests bring gathers, and
--- goes with the next.
---
--- What waits is in batches, one commit each, which are stored in the order in which they began. One of the waiting
--- requests stores a batch for all of them, so that no request waits for more than the commit that was under way when
--- it came, and its own.
local core = require "marketplace.core"
local outlive_client = require "marketplace.nginx.outlive_client"
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

-- The batch that takes these records next, at least one request's.
local function batch_for(self, count, bytes)
  local last = self.batches[#self.batches]
  if last and #last.records + count <= MOST_RECORDS and last.bytes + bytes <= MOST_BYTES then return last end
  last = { records = {}, bytes = 0, is_done = false }
  self.batches[#self.batches + 1] = last
  return last
end

-- The batch, and the place in it before the first of these records.
local function join(self, records)
  local bytes = size_of(records)
  local batch = batch_for(self, #records, bytes)
  local all = batch.records
  local before = #all
  for i = 1, #records do all[before + i] = records[i] end
  batch.bytes = batch.bytes + bytes
  return batch, before
end

local function wait(batch)
  batch.wake = batch.wake or semaphore.new()
  batch.wake:wait(PROBE_SECONDS)
end

local function settle(batch, outcomes, message, code)
  batch.is_done, batch.outcomes, batch.message, batch.code = true, outcomes, message, code
  local waiting = batch.wake and -batch.wake:count() or 0
  if waiting > 0 then batch.wake:post(waiting) end
end

-- Requests that wait behind a failed commit would wait just as long for the same failure.
local function settle_failed(self, batch, message, code)
  local batches = self.batches
  self.batches = {}
  settle(batch, nil, message, code)
  for i = 1, #batches do settle(batches[i], nil, message, code) end
end

local function end_turn(self, turn)
  if self.turn ~= turn then return end
  self.turn = nil
  local batch = self.batches[1]
  if batch and batch.wake then batch.wake:post() end
end

-- Stores the batch that began first.
local function store(self)
  local turn = { ends_at = core.monotonic() + self.turn_seconds }
  local batch = table.remove(self.batches, 1)
  self.turn, batch.turn = turn, turn
  local ok, outcomes, message, code = pcall(self.put, self.inbox, batch.records)
  if ok and outcomes then
    settle(batch, outcomes)
  else
    settle_failed(self, batch, ok and message or "storing failed", code or "inbox_unavailable")
  end
  end_turn(self, turn)
  if not ok then error(outcomes, 0) end
end

local function is_over(self, turn)
  return self.turn ~= turn or core.monotonic() >= turn.ends_at
end

local function own_outcomes(batch, before, count)
  if not batch.outcomes then return nil, batch.message, batch.code end
  local own = {}
  for i = 1, count do own[i] = batch.outcomes[before + i] end
  return own
end

local function put(self, records)
  if #records == 0 then return self.put(self.inbox, records) end
  outlive_client()
  local batch, before = join(self, records)
  while not batch.is_done do
    if batch.turn and is_over(self, batch.turn) then
      return nil, "the request that was to store this one has ended", "inbox_unavailable"
    elseif not batch.turn and (not self.turn or is_over(self, self.turn)) then
      store(self)
    else
      wait(batch)
    end
  end
  return own_outcomes(batch, before, #records)
end

--- Has the `put` of an inbox share commits.
---@param inbox table changed
---@param turn_seconds? number after which the request that stores is taken to have ended, default 30
function group_commit.install(inbox, turn_seconds)
  local self = {
    inbox = inbox, put = inbox.put, batches = {}, turn = nil, turn_seconds = turn_seconds or TURN_SECONDS,
  }
  inbox.put = function(_, records) return put(self, records) end
end

return group_commit
