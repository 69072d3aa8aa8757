--- Finalizers, on every Lua: what a garbage collection calls, in the midst of whatever is being made.
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

return finalizer
