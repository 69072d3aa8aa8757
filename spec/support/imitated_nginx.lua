--- What nginx has for Lua to wait with (ngx.sleep, ngx.timer, ngx.semaphore), on a clock that the specs move. Modules
--- of marketplace.nginx must be required while it is installed.
local core = require "marketplace.core"
local unpack = require("marketplace.runtime").unpack

local imitated_nginx = {}

local Nginx = {}
Nginx.__index = Nginx

--[[ Light threads ]]

-- A thread yields how long it waits and, if it waits for one, a semaphore. It is told whether that was posted.
local function resume(self, thread, ...)
  local ok, seconds, semaphore = coroutine.resume(thread.coroutine, ...)
  if not ok then error(seconds, 0) end
  if coroutine.status(thread.coroutine) == "dead" then return end
  thread.wakes_at, thread.semaphore = self.now + seconds, semaphore
  table.insert(self.waiting, thread)
end

--- Runs a function as a light thread, until it waits for the first time.
function Nginx:spawn(task, ...)
  resume(self, { coroutine = coroutine.create(task) }, ...)
end

-- Takes a thread that need not wait any longer, and whether its semaphore was posted.
local function take_due(self)
  for place, thread in ipairs(self.waiting) do
    local semaphore = thread.semaphore
    local is_posted = semaphore ~= nil and semaphore.posted > 0
    if is_posted then semaphore.posted = semaphore.posted - 1 end
    if is_posted or thread.wakes_at <= self.now then return table.remove(self.waiting, place), is_posted end
  end
end

-- Takes a timer that is due.
local function take_timer(self)
  for place, timer in ipairs(self.timers) do
    if timer.at <= self.now or timer.is_premature then
      if not timer.every or timer.is_premature then return table.remove(self.timers, place) end
      timer.at = timer.at + timer.every
      return timer
    end
  end
end

local function run_due(self)
  repeat
    local thread, is_posted = take_due(self)
    local timer = not thread and take_timer(self)
    if thread then resume(self, thread, is_posted) end
    if timer then self:spawn(timer.task, timer.is_premature, unpack(timer, 1, timer.count)) end
  until not thread and not timer
end

local function next_time(self)
  local time = math.huge
  for _, thread in ipairs(self.waiting) do time = math.min(time, thread.wakes_at) end
  for _, timer in ipairs(self.timers) do time = math.min(time, timer.at) end
  return time
end

--- Lets time pass, and runs what is due until then.
---@param seconds? number default 0
function Nginx:advance(seconds)
  local stop = self.now + (seconds or 0)
  run_due(self)
  while next_time(self) <= stop do
    self.now = next_time(self)
    run_due(self)
  end
  self.now = stop
end

--- Tells the worker to end: the timers that there are run at once.
function Nginx:exit()
  self.is_exiting = true
  for _, timer in ipairs(self.timers) do timer.is_premature = true end
  self:advance()
end

--[[ What is imitated ]]

-- Lua 5.1, other than nginx's LuaJIT, cannot yield from inside its own.
local function yieldable_pcall(task, ...)
  local thread = coroutine.create(task)
  local function pass(ok, ...)
    if not ok or coroutine.status(thread) == "dead" then return ok, ... end
    return pass(coroutine.resume(thread, coroutine.yield(...)))
  end
  return pass(coroutine.resume(thread, ...))
end

local function add_timer(self, timer, task, ...)
  if self.refuses_timers then return nil, "too many pending timers" end
  if self.is_exiting and timer.at > self.now then return nil, "process exiting" end
  timer.task, timer.is_premature, timer.count = task, false, select("#", ...)
  for i = 1, timer.count do timer[i] = (select(i, ...)) end
  table.insert(self.timers, timer)
  return true
end

local Semaphore = {}
Semaphore.__index = Semaphore

function Semaphore:wait(seconds)
  if self.posted > 0 then
    self.posted = self.posted - 1
    return true
  end
  if coroutine.yield(seconds, self) then return true end
  return nil, "timeout"
end

function Semaphore:post(count)
  self.posted = self.posted + (count or 1)
end

-- The waiting ones count negative, as nginx has it.
function Semaphore:count()
  local waiting = 0
  for _, thread in ipairs(self.nginx.waiting) do
    if thread.semaphore == self then waiting = waiting + 1 end
  end
  return self.posted - waiting
end

local function api(self)
  return {
    sleep = function(seconds) coroutine.yield(seconds) end,
    timer = {
      at = function(seconds, ...) return add_timer(self, { at = self.now + seconds }, ...) end,
      every = function(seconds, ...) return add_timer(self, { at = self.now + seconds, every = seconds }, ...) end,
    },
    worker = { exiting = function() return self.is_exiting end },
  }
end

--- Installs it, also in place of the core's monotonic clock. The caller calls remove.
---@return table nginx `now` seconds; `ngx`, which specs may add to; `refuses_timers`
function imitated_nginx.install()
  local self = setmetatable({
    now = 1000, is_exiting = false, refuses_timers = false, waiting = {}, timers = {}, monotonic = core.monotonic,
    pcall = pcall,
  }, Nginx)
  self.ngx = api(self)
  rawset(_G, "ngx", self.ngx)
  package.loaded["ngx.semaphore"] = {
    new = function(count) return setmetatable({ nginx = self, posted = count or 0 }, Semaphore) end,
  }
  core.monotonic = function() return self.now end
  if _VERSION == "Lua 5.1" and not rawget(_G, "jit") then rawset(_G, "pcall", yieldable_pcall) end
  return self
end

--- Loads a module anew.
---@param name string
---@return table
function Nginx.require(name)
  package.loaded[name] = nil
  return require(name)
end

function Nginx:remove()
  core.monotonic = self.monotonic
  rawset(_G, "pcall", self.pcall)
  rawset(_G, "ngx", nil)
  package.loaded["ngx.semaphore"] = nil
end

return imitated_nginx
