--- Random operations on an inbox, beside the model (support.inbox_model), and what must hold whatever happened.
local making = require "support.inbox_model.making"
local model = require "support.inbox_model"
local random = require "support.inbox_model.random"
local running = require "support.inbox_model.running"

local walk = {}

walk.ROUND = 2000        -- operations on one inbox
local CHECK_EVERY = 25   -- operations: all that the inbox holds
local BEGIN = 400 * 86400
local SHRINK_SECONDS = 60 -- to leave out operations of a round that failed

local WEIGHTS = {
  put = 20, claim = 20, finish = 20, clock = 12, extend = 5, recover = 4, replay = 4, run = 3, cancel = 3, forget = 3,
  list = 3, get = 2, totals = 3, later = 1, apps = 1, crash = 1,
}

local NAMES = {} -- each as often as its weight says
for name, weight in pairs(WEIGHTS) do
  for _ = 1, weight do NAMES[#NAMES + 1] = name end
end
table.sort(NAMES)

-- An empty inbox of an engine, open once for each holder.
local function begin(engine)
  local self = { model = model.new(), inboxes = {}, claims = {}, labels = 0, tokens = {}, acknowledged = {} }
  self.model.now, self.sees_death, self.in_slices = BEGIN, engine.sees_death, engine.in_slices
  local function clock() return self.model.now end
  engine.empty()
  function self.reopen(holder)
    local box = self.inboxes[holder]
    if box and not engine.is_shared then box:close() end
    self.inboxes[holder] = engine.open(clock)
  end
  for holder = 1, making.HOLDERS do self.reopen(holder) end
  return self
end

local function finish(self)
  for _, box in pairs(self.inboxes) do box:close() end
end

--[[ What must hold ]]

local function check_entries(self, listed)
  local kept, leased = {}, {}
  for _, entry in ipairs(listed) do
    local lane = entry.app_id or entry.id
    kept[entry.id] = true
    if entry.state == "leased" and leased[lane] then
      error(("two of one app are leased: %s and %s"):format(leased[lane], entry.id), 0)
    end
    if entry.state == "leased" then leased[lane] = entry.id end
  end
  for id in pairs(self.acknowledged) do
    if not kept[id] then error("it was acknowledged and is lost: " .. id, 0) end
  end
end

local function check(self)
  running.list(self, { holder = 1 })
  running.totals(self, { holder = 2 })
  check_entries(self, running.call(self, { holder = 3 }, "list"))
end

-- Lanes, with the ids that are live, in order.
local function live_ones(self)
  local lanes, count = {}, 0
  for _, entry in ipairs(running.call(self, { holder = 1 }, "list")) do
    if entry.state == "ready" or entry.state == "leased" then
      local lane = entry.app_id or entry.id
      lanes[lane] = lanes[lane] or {}
      table.insert(lanes[lane], entry.id)
      count = count + 1
    end
  end
  return lanes, count
end

local function run_next(self, lanes)
  self.labels = self.labels + 1
  local claim = { holder = 1, label = self.labels, limit = 50, lease = making.LONGEST, recovers = true }
  local claimed, items = running.claim(self, claim), {}
  for i, item in ipairs(claimed) do
    local lane = lanes[self.model:find(item.id).app_id or item.id]
    if table.remove(lane, 1) ~= item.id then error("it is not the next of its app: " .. item.id, 0) end
    items[i] = { place = i, state = "done" }
  end
  running.finish(self, { holder = 1, label = claim.label, items = items })
  return #claimed
end

-- Once nobody sets the clock, all that is live can be run, in order, and one is always there to be run within the time
-- of a lease and a wait. A lease that ends can make one lead that was set ahead of the clock: the next recover sees it.
local function drain(self)
  local lanes, left = live_ones(self)
  local waited, in_vain = 0, 0
  while left > 0 do
    local count = run_next(self, lanes)
    local next_in = count == 0 and running.call(self, { holder = 1 }, "next_in") or 0
    self.model.now = self.model.now + next_in
    waited, in_vain = count == 0 and waited + next_in or 0, count == 0 and next_in == 0 and in_vain + 1 or 0
    if waited > 2 * making.LONGEST or in_vain > 1 then error("they are stuck: " .. running.show(lanes), 0) end
    left = left - count
  end
  local _, live = live_ones(self)
  if live > 0 then error(live .. " are live and were not run", 0) end
  check(self)
  for _, entry in ipairs(self.model.entries) do running.get(self, { holder = 1, id = entry.id }) end
end

--[[ Rounds ]]

local function run_one(self, operation, place)
  running[operation.name](self, operation)
  if place % CHECK_EVERY == 0 then check(self) end
end

-- Runs what `next_one(self, place)` gives until that is nil; what is wrong, or nil.
local function run(engine, next_one)
  local self = begin(engine)
  local ok, problem = pcall(function()
    local place = 1
    for operation in next_one, self do
      run_one(self, operation, place)
      place = place + 1
    end
    drain(self)
  end)
  finish(self)
  if not ok then return tostring(problem) end
end

local function run_list(engine, operations)
  local place = 0
  return run(engine, function()
    place = place + 1
    return operations[place]
  end)
end

local function run_random(engine, seed, count)
  local operations, numbers = {}, random.new(seed)
  local problem = run(engine, function(self)
    if #operations == count then return nil end
    self.random = numbers
    local name = numbers:pick(NAMES)
    local operation = making[name](self)
    operation.name, operation.holder = name, numbers:below(making.HOLDERS)
    operations[#operations + 1] = operation
    return operation
  end)
  return problem, operations
end

-- Leaves out what can be left out while it fails: halves, and so on down to single ones.
local function shrink(engine, operations, problem)
  local size, stop = math.ceil(#operations / 2), os.time() + SHRINK_SECONDS
  while size >= 1 and os.time() < stop do
    local first = 1
    while first <= #operations and os.time() < stop do
      local fewer = {}
      for i, operation in ipairs(operations) do
        if i < first or i >= first + size then fewer[#fewer + 1] = operation end
      end
      local still = run_list(engine, fewer)
      if still then operations, problem = fewer, still else first = first + size end
    end
    size = size > 1 and math.ceil(size / 2) or 0
  end
  return operations, problem
end

local function report(engine, seed, problem, operations)
  local lines = { ("%s, SEED=%d OPERATIONS=%d: %s"):format(engine.name, seed, walk.ROUND, problem) }
  operations, problem = shrink(engine, operations, problem)
  lines[2] = ("%d operations do it: %s"):format(#operations, problem)
  for _, operation in ipairs(operations) do lines[#lines + 1] = "  " .. running.show(operation) end
  return table.concat(lines, "\n")
end

--- Runs so many operations, in rounds that each have an inbox and a seed of their own: `seed` and those that follow.
---@param engine table of support.inbox_model.engines
---@param seed integer
---@param count integer
---@return string|nil problem with the seed and the operations that do it
function walk.run(engine, seed, count)
  while count > 0 do
    local problem, operations = run_random(engine, seed, math.min(count, walk.ROUND))
    if problem then return report(engine, seed, problem, operations) end
    seed, count = seed + 1, count - walk.ROUND
  end
end

return walk
