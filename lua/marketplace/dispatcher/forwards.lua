--- What is sent on to other systems (marketplace.forward): how it gets into the inbox, and out of it.
---
--- A forward's callback puts a record of its own for each notification, with the same body. Its key is made of the
--- forward's name and the notification's id, so that a notification whose callbacks run again is not forwarded again.
--- Its lane is that of the name and the app: another system gets an app's notifications in their order, and one that
--- is away holds up nothing else. Its event, "forward", no notification has. Its digest is that of a body without a
--- signature: such a record is never too old, and another one like it changes nothing (marketplace.inbox).
---
--- To deliver one blocks nobody: while it is under way, callbacks run, and other forwards begin. Only so many are under
--- way to one system; the others wait for about as long as those will take.
local core = require "marketplace.core"
local delivery = require "marketplace.forward.delivery"
local call = require "marketplace.dispatcher.call"
local context = require "marketplace.dispatcher.context"
local forward = require "marketplace.forward"
local http = require "marketplace.http"
local notification = require "marketplace.notification"
local outcome = require "marketplace.dispatcher.outcome"
local records = require "marketplace.inbox.record"

local forwards = {}

local MOST_UNDER_WAY = 8        -- to one system
local SHORTEST_WAIT, LONGEST_WAIT = 0.05, 60 -- seconds of those for which there is no room
local SHARE_OF_LEASE = 0.9      -- that an exchange may take
local WEIGHT = 0.2              -- of the last exchange in how long they take on average

---@class marketplace.dispatcher.Forwards
---@field by_name table<string, {forward: marketplace.Forward, under_way: integer, took: number, room_at: number}>
---@field under_way {item: table, delivery: marketplace.forward.Delivery, target: table, began_at: number}[]
---@field over table[] items that have ended, and that the inbox is to be told of
local Forwards = {}
Forwards.__index = Forwards

--- Whether a claimed item is to be sent on.
---@param item table
---@return boolean
function forwards.is_one(item)
  return item.event == records.FORWARD
end

--[[ Into the inbox ]]

local function record_of(one, item)
  local digest, message, code = records.unsigned_digest(item.body)
  if not digest then return nil, message, code end
  return {
    key = ("forward:%s:%s"):format(one.name, item.id), digest = digest, body = item.body, type = item.type,
    event = records.FORWARD, app_id = item.app_id and one.name .. "/" .. item.app_id, traceparent = item.traceparent,
  }
end

local function put(self, one, n, ctx)
  if one.when and not one.when(n) then return true end
  local record, message = record_of(one, context.item(ctx, "forward"))
  if not record then return nil, message end
  local outcomes
  outcomes, message = self.dispatcher.inbox:put { record }
  if not outcomes then return nil, ("not yet to be forwarded to %s: %s"):format(one.name, message) end
  return true
end

local function add(self, one, where)
  local known = self.by_name[one.name]
  if known and known.forward ~= one then
    error(("%s: there is another forward called '%s': give one of them another name"):format(where, one.name), 4)
  end
  if known then return end
  self.by_name[one.name] = { forward = one, under_way = 0, took = SHORTEST_WAIT, room_at = 0 }
  self.dispatcher.report:knows_forward(one.name)
  for _, advice in ipairs(one.advice) do
    self.dispatcher.log.write { level = "warning", message = "advice", at = self.dispatcher.clock(), reason = advice }
  end
end

--- The callback that is meant by what `on` was given: a forward's, or what it was given.
---@param given any
---@param where string the public function's name, for messages; its caller is blamed
---@return any
function Forwards:callback_of(given, where)
  if not forward.is(given) then return given end
  add(self, given, where)
  return function(n, ctx) return put(self, given, n, ctx) end
end

--[[ Out of it ]]

local function retry_of(self, one)
  local retry = self.dispatcher.retry
  if not one.attempts then return retry end
  return { attempts = one.attempts, base = retry.base, cap = retry.cap, random = retry.random }
end

local function report(self, name, item, took)
  self.dispatcher.report:forwarded(name, item, took, self.dispatcher.clock)
end

-- Those for which there is no room come one after another, about when there will be some.
local function wait_for_room(self, target, item)
  local now = core.monotonic()
  local room_at = math.max(target.room_at, now + SHORTEST_WAIT)
  local latest = now + LONGEST_WAIT * (0.5 + self.dispatcher.retry.random() / 2)
  target.room_at = math.min(room_at + target.took / MOST_UNDER_WAY, now + LONGEST_WAIT)
  item.state, item.wait, item.uncounted = "ready", math.min(room_at, latest) - now, true
end

local function begin(target, item, id)
  local n, problem = notification.parse(item.body)
  if not n then
    outcome.dead(item, "invalid", problem)
    return nil
  end
  return delivery.begin(target.forward, n, {
    id = id, traceparent = item.traceparent, timeout = SHARE_OF_LEASE * (item.lease_ends_at - core.monotonic()),
  })
end

local function no_forward(name)
  return ("there is no forward called '%s': add one, then replay this"):format(name)
end

-- Why one cannot be sent at all: its code and the reason.
local function obstacle(self, target, name, item)
  if not target then return "no_callback", no_forward(name) end
  local attempts = retry_of(self, target.forward).attempts
  if item.attempt > attempts then
    return "failed", ("attempt %d of %d ended its process, or took longer than its lease: replay it"):format(attempts,
      attempts)
  end
end

--- Begins to send an item on.
---@param item table as the inbox's claim returned it
---@return boolean is_under_way if not, the item says what becomes of it
function Forwards:begin(item)
  local name, id = item.id:match "^forward:([%w_.-]+):(.*)$"
  name = name or "unknown"
  local target, began_at = self.by_name[name], core.monotonic()
  local code, reason = obstacle(self, target, name, item)
  if not code and target.under_way >= MOST_UNDER_WAY then
    wait_for_room(self, target, item)
    return false
  end
  if code then
    outcome.dead(item, code, reason)
  else
    local ok, begun, problem = pcall(begin, target, item, id)
    if ok and begun then
      self.under_way[#self.under_way + 1] = { item = item, delivery = begun, target = target, began_at = began_at }
      target.under_way = target.under_way + 1
      return true
    end
    if not item.state then outcome.failed(retry_of(self, target.forward), item, problem or tostring(begun)) end
  end
  report(self, name, item, 0)
  return false
end

local function settle(self, one, result)
  local target, item = one.target, one.item
  local took = core.monotonic() - one.began_at
  target.under_way = target.under_way - 1
  target.took = target.took + WEIGHT * (took - target.took)
  if result.state == "done" then
    outcome.done(item)
  elseif result.state == "gone" then
    outcome.dead(item, "cancelled", call.reason(result.reason))
  else
    outcome.failed(retry_of(self, target.forward), item, call.reason(result.reason))
    if item.state == "ready" then item.wait = math.max(item.wait, result.wait or 0) end
  end
  report(self, target.forward.name, item, took)
  self.over[#self.over + 1] = item
end

local function collect(self)
  local staying = {}
  for _, one in ipairs(self.under_way) do
    local ok, result = pcall(one.delivery.outcome, one.delivery)
    if not ok then result = { state = "failed", reason = tostring(result) } end
    if result then settle(self, one, result) else staying[#staying + 1] = one end
  end
  self.under_way = staying
end

--- Whether something is under way.
---@return boolean
function Forwards:is_busy()
  return #self.under_way > 0
end

--- The items that have ended since this was asked last: the caller's, who tells the inbox.
---@return table[]
function Forwards:ended()
  if self:is_busy() then
    http.poll(0)
    collect(self)
  end
  local over = self.over
  self.over = {}
  return over
end

--- Waits until one has ended.
---@param deadline? number by core.monotonic, default none: exchanges have their own
---@return boolean false if nothing is under way
function Forwards:wait(deadline)
  if not self:is_busy() then return #self.over > 0 end
  while self:is_busy() and #self.over == 0 and core.monotonic() < (deadline or math.huge) do
    http.wait(math.max(0, math.min(1, (deadline or math.huge) - core.monotonic())))
    collect(self)
  end
  return true
end

--- Ends what is under way.
---@return table[] items to be given back: the caller's, who tells the inbox
function Forwards:give_back()
  local items = {}
  for i, one in ipairs(self.under_way) do
    one.delivery:close()
    one.target.under_way = one.target.under_way - 1
    outcome.give_back(one.item)
    items[i] = one.item
  end
  self.under_way = {}
  return items
end

---@param dispatcher marketplace.Dispatcher
---@return marketplace.dispatcher.Forwards
function forwards.new(dispatcher)
  return setmetatable({ dispatcher = dispatcher, by_name = {}, under_way = {}, over = {} }, Forwards)
end

return forwards
