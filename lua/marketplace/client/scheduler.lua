--- Makes several calls at once in one thread: each runs in a coroutine, which yields while it waits for an answer or
--- between two attempts.
local scheduler = {}

local LONGEST_WAIT = 1 -- seconds

local PAUSE = {} -- what a pause yields first: whatever else is yielded is meant for another scheduler

-- The coroutines that run here; weak, as one that failed is never resumed.
local ours = setmetatable({}, { __mode = "k" })

--- In one of the coroutines: waits until the exchange is done, until `ready` says so or, without either, for so many
--- seconds.
---@param seconds? number
---@param exchange? table of marketplace.http
---@param ready? fun(): boolean is asked again each time that anything has run, and must be quick
local function pause(seconds, exchange, ready)
  coroutine.yield(PAUSE, seconds, exchange, ready)
end

--- How the running coroutine waits; nil unless the scheduler runs it.
---@return fun(seconds?: number, exchange?: table, ready?: fun(): boolean)|nil
function scheduler.pause()
  local running = coroutine.running()
  return running and ours[running] and pause or nil
end

local pcall_yields = coroutine.wrap(function() return pcall(coroutine.yield, true) end)()

-- Calls a function in a coroutine of its own, whose pauses are those of the one that calls.
local function call_inside(f, ...)
  local inner = coroutine.create(function(...) return f(...) end) -- f may be one in C
  ours[inner] = true
  local function follow(ok, ...)
    if not ok or coroutine.status(inner) == "dead" then return ok, ... end
    return follow(coroutine.resume(inner, coroutine.yield(...)))
  end
  return follow(coroutine.resume(inner, ...))
end

--- As pcall, but what is called may wait in a task: in Lua 5.1, nothing can inside a pcall.
---@param f fun(...): any
---@return boolean ok
---@return any ... what it returned, or the error
function scheduler.protected(f, ...)
  if pcall_yields or not scheduler.pause() then return pcall(f, ...) end
  return call_inside(f, ...)
end

--[[ Tasks ]]

---@class marketplace.client.Tasks functions that run side by side, in a loop of the caller's
local Tasks = {}
Tasks.__index = Tasks

local function is_due(entry, now)
  if entry.exchange then return entry.exchange.sink ~= nil or entry.exchange:done() end
  if entry.ready then return entry.ready() end
  return entry.wake <= now
end

-- Runs a task until it waits again, or ends.
local function resume(self, entry)
  local function note(ok, ...)
    local has_returned = ok and coroutine.status(entry.thread) == "dead"
    if ok and not has_returned and ... == PAUSE then
      local _, seconds
      _, seconds, entry.exchange, entry.ready = ...
      entry.wake = self.clock() + (seconds or 0)
      return
    end
    entry.has_ended = true
    if has_returned then return entry.on_end(true, ...) end
    local problem = ok and "the task yielded, and was not called by what that is for" or tostring((...))
    return entry.on_end(false, debug.traceback(entry.thread, problem))
  end
  return note(coroutine.resume(entry.thread))
end

--- Adds a task, which begins with the next turn.
---@param task fun(): any
---@param on_end fun(ok: boolean, ...) is called when it has ended: with true and what it returned, or with false and a
--- traceback
---@return table entry for `stop`
function Tasks:add(task, on_end)
  local thread = coroutine.create(task)
  ours[thread] = true
  local entry = { thread = thread, on_end = on_end, wake = self.clock(), has_ended = false }
  self.entries[#self.entries + 1] = entry
  return entry
end

local function stop(entry)
  if entry.exchange and not entry.has_ended then entry.exchange:close() end
end

--- Ends a task where it waits, and its exchange: its `on_end` is not called. Not from within a task.
---@param entry table of `add`
function Tasks:stop(entry)
  for place, one in ipairs(self.entries) do
    if one == entry then
      table.remove(self.entries, place)
      return stop(entry)
    end
  end
end

--- How many have not ended.
---@return integer
function Tasks:count()
  return #self.entries
end

--- Runs each task that is due until it waits again.
function Tasks:turn()
  local entries, now = self.entries, self.clock()
  for place = 1, #entries do -- those that are added meanwhile begin with the next turn
    local entry = entries[place]
    if is_due(entry, now) then resume(self, entry) end
  end
  if self.entries ~= entries then return end -- closed meanwhile
  self.entries = {}
  for _, entry in ipairs(entries) do
    if not entry.has_ended then table.insert(self.entries, entry) end
  end
end

--- How long it is until a task may be due, unless an exchange moves on.
---@param seconds number at most
---@return number wait
---@return boolean is_exchanging
function Tasks:next_in(seconds)
  local wait, is_exchanging, now = math.min(seconds, LONGEST_WAIT), false, self.clock()
  for _, entry in ipairs(self.entries) do
    if entry.exchange then
      is_exchanging = true
    elseif not entry.ready then
      wait = math.min(wait, entry.wake - now)
    elseif entry.ready() then
      wait = 0
    end
  end
  return math.max(0, wait), is_exchanging
end

--- Waits until a task may be due, for at most so long.
---@param seconds number
function Tasks:wait(seconds)
  self.idle(self:next_in(seconds))
end

--- Ends all tasks where they wait, and their exchanges.
function Tasks:close()
  local entries = self.entries
  self.entries = {}
  for _, entry in ipairs(entries) do stop(entry) end
end

--- No tasks yet.
---@param clock fun(): number seconds
---@param idle fun(seconds: number, is_exchanging: boolean) waits at most this long, or until an exchange moves on
---@return marketplace.client.Tasks
function scheduler.new(clock, idle)
  return setmetatable({ clock = clock, idle = idle, entries = {} }, Tasks)
end

--[[ All at once ]]

-- The other tasks' exchanges must not go on after an error has reached the caller. Waiting may yield, so that it is in
-- no protected call.
local function turn(group)
  local ok, problem = pcall(group.turn, group)
  if ok then return end
  group:close()
  error(problem, 0)
end

--- Runs functions, at most `at_once` at the same time, and waits for all of them.
---@param tasks (fun(): any)[]
---@param at_once integer
---@param clock fun(): number seconds
---@param idle fun(seconds: number, is_exchanging: boolean) waits at most this long, or until an exchange moves on
---@return table[] results in the order of the tasks, each {n=, ...}: what the function returned
function scheduler.run(tasks, at_once, clock, idle)
  local group, results, started = scheduler.new(clock, idle), {}, 0
  local function start_next()
    started = started + 1
    local place = started
    group:add(tasks[place], function(ok, ...)
      if not ok then error((...), 0) end
      results[place] = { n = select("#", ...), ... }
    end)
  end
  while started < #tasks or group:count() > 0 do
    while started < #tasks and group:count() < at_once do start_next() end
    turn(group)
    if group:count() > 0 and (group:count() >= at_once or started == #tasks) then group:wait(LONGEST_WAIT) end
  end
  return results
end

return scheduler
