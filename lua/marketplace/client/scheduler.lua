--- Makes several calls at once in one thread: each runs in a coroutine, which yields while it waits for an answer or
--- between two attempts.
local scheduler = {}

local LONGEST_WAIT = 1 -- seconds

-- The coroutines that run here; weak, as one that failed is never resumed.
local ours = setmetatable({}, { __mode = "k" })

--- In one of the coroutines: waits until the exchange is done or, without one, for so many seconds.
---@param seconds? number
---@param exchange? table of marketplace.http
local function pause(seconds, exchange)
  coroutine.yield(seconds, exchange)
end

--- How the running coroutine waits; nil unless the scheduler runs it.
---@return fun(seconds?: number, exchange?: table)|nil
function scheduler.pause()
  local running = coroutine.running()
  return running and ours[running] and pause or nil
end

local function start(task, clock)
  local thread = coroutine.create(task)
  ours[thread] = true
  return { thread = thread, wake = clock() }
end

local function is_due(entry, now)
  if entry.exchange then return entry.exchange.sink ~= nil or entry.exchange:done() end
  return entry.wake <= now
end

-- Runs a task that is due until it waits again. Returns true if it has ended.
local function resume(entry, now, clock)
  if not is_due(entry, now) then return false end
  local function note(ok, ...)
    if not ok then error(debug.traceback(entry.thread, tostring((...))), 0) end
    if coroutine.status(entry.thread) == "dead" then
      entry.result = { n = select("#", ...), ... }
      return true
    end
    local seconds, exchange = ...
    entry.exchange, entry.wake = exchange, clock() + (seconds or 0)
  end
  return note(coroutine.resume(entry.thread))
end

-- The other tasks' exchanges must not go on after the error has reached the caller.
local function abandon(running)
  for _, entry in ipairs(running) do
    if entry.exchange then entry.exchange:close() end
  end
end

local function wait_for(running, clock, idle)
  local wait, is_exchanging, now = LONGEST_WAIT, false, clock()
  for _, entry in ipairs(running) do
    if entry.exchange then is_exchanging = true else wait = math.min(wait, entry.wake - now) end
  end
  idle(math.max(0, wait), is_exchanging)
end

local function turn(running, clock)
  local left, now = {}, clock()
  for _, entry in ipairs(running) do
    local ok, ended = pcall(resume, entry, now, clock)
    if not ok then
      abandon(running)
      error(ended, 0)
    end
    if not ended then left[#left + 1] = entry end
  end
  return left
end

--- Runs functions, at most `at_once` at the same time, and waits for all of them.
---@param tasks (fun(): any)[]
---@param at_once integer
---@param clock fun(): number seconds
---@param idle fun(seconds: number, is_exchanging: boolean) waits at most this long, or until an exchange moves on
---@return table[] results in the order of the tasks, each {n=, ...}: what the function returned
function scheduler.run(tasks, at_once, clock, idle)
  local entries, running, started = {}, {}, 0
  while started < #tasks or #running > 0 do
    while started < #tasks and #running < at_once do
      started = started + 1
      entries[started] = start(tasks[started], clock)
      running[#running + 1] = entries[started]
    end
    running = turn(running, clock)
    if #running > 0 and (#running >= at_once or started == #tasks) then wait_for(running, clock, idle) end
  end
  local results = {}
  for i, entry in ipairs(entries) do results[i] = entry.result end
  return results
end

return scheduler
