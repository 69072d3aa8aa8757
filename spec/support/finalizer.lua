--- Finalizers, on every Lua: what a garbage collection calls, in the midst of whatever is being made.
local runtime = require "marketplace.runtime"

local finalizer = {}

local function mortal(f)
  if not _G.newproxy then return setmetatable({}, { __gc = f }) end
  local object = _G.newproxy(true)
  getmetatable(object).__gc = f
  return object
end

--- Whether the function has been called and has not returned.
---@param f function
---@return boolean
function finalizer.is_within(f)
  for level = 2, math.huge do
    local frame = debug.getinfo(level, "f")
    if not frame then return false end
    if frame.func == f then return true end
  end
end

-- With these each step is a whole collection, and one step follows another: in Lua 5.1 and LuaJIT 0 stands for a step
-- without end.
local MULTIPLIERS = { ["Lua 5.1"] = 0, ["Lua 5.3"] = 1000000000, ["Lua 5.4"] = 1000 }
local LARGEST_STEP, USUAL_STEP = 30, 13 -- of Lua 5.4, as powers of two

local function hurry()
  local pause, multiplier = collectgarbage("setpause", 0), collectgarbage("setstepmul", MULTIPLIERS[_VERSION])
  local is_5_4 = _VERSION == "Lua 5.4"
  if is_5_4 then collectgarbage("incremental", 0, 0, LARGEST_STEP) end
  return function()
    if is_5_4 then collectgarbage("incremental", 0, 0, USUAL_STEP) end
    collectgarbage("setpause", pause)
    collectgarbage("setstepmul", multiplier)
  end
end

--- Runs `run` while the collector is as busy as it can be, and calls `f` as a finalizer in each collection until it
--- gives something: that. Fails where it gave nothing.
---@param run fun()
---@param f fun(): any
---@return any
function finalizer.during(run, f)
  local calm = hurry()
  local is_over, result = false, nil
  local function again()
    if is_over then return end
    result = f()
    if result == nil then
      -- the next one is for the next collection, and not for one within this call, of which Lua 5.1 may have many; what
      -- called this goes on as it was
      collectgarbage "stop"
      mortal(again)
    else
      is_over = true
      calm()
    end
  end
  mortal(again)
  collectgarbage "step"
  local ran, problem = pcall(run)
  is_over = true
  calm()
  assert(ran, problem)
  assert(result ~= nil, "no finalizer came when it should")
  return result
end

-- Empties a table and the tables in it; what it held is counted by length in `lengths`.
local function empty(victim, lengths)
  for name, value in pairs(victim) do
    victim[name] = nil
    for _, held in ipairs { name, value } do
      if type(held) == "table" then empty(held, lengths) end
      if type(held) == "string" then lengths[#held] = true end
    end
  end
end

local REUSED = 16 -- blocks of a length: the allocator gives again what was freed last

-- Takes the memory of strings that were freed: of what is borrowed and not kept, nothing is left.
local function overwrite(lengths, kept)
  for length in pairs(lengths) do
    for _ = 1, REUSED do kept[#kept + 1] = (("!%d"):format(#kept)):rep(length):sub(1, length) end
  end
end

-- A finalizer that, in the collection of this number, empties the table, and in those that follow overwrites what was
-- freed. Gives a function that ends this, and says whether it came so far.
local function empty_in(collection, given)
  local collections, is_over, is_emptied = 0, false, false
  local lengths, kept = {}, {}
  local function again()
    if is_over then return end
    collectgarbage "stop" -- as above
    collections = collections + 1
    if collections == collection then
      is_emptied = true
      empty(given, lengths)
      collectgarbage() -- which Lua 5.4 leaves for when this is over
      collectgarbage "stop"
    end
    overwrite(lengths, kept)
    mortal(again)
  end
  mortal(again)
  return function()
    is_over = true
    return is_emptied
  end
end

local function pack(...)
  return { n = select("#", ...), ... }
end

--- Calls a function with what `make` makes, time after time: the first time, the first garbage collection's finalizer
--- empties that table, the next time, the second's, and so on until the function is over before. What only the table
--- kept is gone then, and overwritten. `check` gets the number of the time, and what pcall gives.
---@param make fun(time: integer): table with strings of its own, which nothing else keeps
---@param call fun(given: table): any
---@param check fun(time: integer, ...: any)
---@return integer times that it was emptied
function finalizer.empties(make, call, check)
  for time = 1, math.huge do
    local given = make(time)
    local calm = hurry()
    collectgarbage "step"
    local stop = empty_in(time, given)
    local results = pack(pcall(call, given))
    local was_emptied = stop()
    calm()
    check(time, runtime.unpack(results, 1, results.n))
    if not was_emptied then return time - 1 end
  end
end

return finalizer
