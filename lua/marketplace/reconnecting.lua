--- A connection that is made when it is first needed, and again after every failure.
---
--- What fails raises with `reconnecting.fail`. `use` turns that into nil and a message, and closes the connection,
--- whose state is unknown then. Other errors, which are mistakes in the program, pass through.
local core = require "marketplace.core"

local reconnecting = {}

-- A failure that took longer may have done so because this process itself stood still, in a paused container or a
-- virtual machine that was moved: that is no reason to stay away from a server that works.
local MOST_REFUSED_SECONDS = 30

local Failure = {}

--- Raises a failure.
---@param message any
---@param code? string "timeout": it took the whole time that it was given
function reconnecting.fail(message, code)
  error(setmetatable({ message = tostring(message), code = code }, Failure), 0)
end

--- What a module in C returned; raises if it failed.
---@generic T
---@param result T|nil
---@param message? string
---@param code? string
---@return T
function reconnecting.checked(result, message, code)
  if result == nil then reconnecting.fail(message, code) end
  return result
end

--[[ Refusals ]]

-- Until when to refuse after a failure, by marketplace.core's monotonic clock: for as long as it took.
local function refused_until(started, least)
  local now = core.monotonic()
  return now + math.max(least, math.min(now - started, MOST_REFUSED_SECONDS))
end

local Refusals = {}
Refusals.__index = Refusals

--- The failure with which whatever comes next is to fail at once, or nil.
function Refusals:current()
  return core.monotonic() < self.refused_until and self.failure or nil
end

--- Notes a failure: what took its whole time held up everything else meanwhile, and for as long as that, up to half a
--- minute, what comes next is refused.
---@param failure any
---@param started number by marketplace.core's monotonic clock
function Refusals:note(failure, started)
  if getmetatable(failure) ~= Failure or failure.code ~= "timeout" then return end
  self.refused_until, self.failure = refused_until(started, 0), failure
end

--- What is refused because a server did not answer.
function reconnecting.refusals()
  return setmetatable({ refused_until = 0, failure = nil }, Refusals)
end

--[[ Connections ]]

--- A function that connects, except soon after it failed. An attempt can take its whole time limit, during which a
--- server answers nothing else, so attempts take at most half of the time; in between, the last failure is reported.
---@param connect fun(...): table
---@param pause number seconds after a failed attempt in which none is made; at least as long as that took, up to half
--- a minute
---@return fun(...): table
function reconnecting.patient(connect, pause)
  local until_then, refusal = 0, nil
  return function(...)
    local started = core.monotonic()
    if started < until_then then reconnecting.fail(refusal) end
    local ok, link = pcall(connect, ...)
    if ok then return link end
    if getmetatable(link) == Failure then
      until_then, refusal = refused_until(started, pause), link.message
    end
    error(link, 0)
  end
end

--- The results of a pcall as `use` returns them.
---@param ok boolean
---@param result any
---@return any|nil
---@return string? message
function reconnecting.outcome(ok, result)
  if ok then return result end
  if getmetatable(result) ~= Failure then error(result, 0) end
  return nil, result.message
end

local Reconnecting = {}
Reconnecting.__index = Reconnecting

local function always() return true end

local function work_with(self, work, ...)
  if self.link and not self.is_current(self.link) then self:close() end
  self.link = self.link or self.connect(...)
  return work(self.link)
end

--- What work(link) returns, or nil and a message if it failed.
---@param work fun(link: table): any not nil
---@param ... any for `connect`
---@return any|nil
---@return string? message
function Reconnecting:use(work, ...)
  local started, refusal = core.monotonic(), self.refusals:current()
  if refusal then return reconnecting.outcome(false, refusal) end
  local ok, result = pcall(work_with, self, work, ...)
  if not ok then
    self:close()
    self.refusals:note(result, started)
  end
  return reconnecting.outcome(ok, result)
end

function Reconnecting:close()
  if self.link then self.link:close() end
  self.link = nil
end

--- A connection.
---@param given {connect: (fun(...): table), is_current?: (fun(link: table): boolean), pause?: number}
--- connect: returns a connection, with close; is_current: whether it still leads to what it was made for; pause:
--- seconds after a failed connect in which none is tried, default 0; at least as long as that took
function reconnecting.new(given)
  return setmetatable({
    connect = reconnecting.patient(given.connect, given.pause or 0), is_current = given.is_current or always,
    link = nil, refusals = reconnecting.refusals(),
  }, Reconnecting)
end

return reconnecting
