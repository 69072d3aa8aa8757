-- Makes every allocation of every function fail once, and once it and all after it; then nothing may be lost, half-made
-- or different: the function says that memory was short, or does its work all the same; called again it gives what it
-- always gives; and of what it had taken nothing is left.
-- LuaJIT's machine code cannot be left where memory ends in the midst of it: that ends the process, here and anywhere
if rawget(_G, "jit") then rawget(_G, "jit").off() end

local scenarios = dofile(arg[0]:match "^(.*/)" .. "scenarios.lua")

local MOST_POINTS = 5000 -- of one scenario

local torture = _G.torture
local failures, points = 0, 0

local function complain(scenario, n, ...)
  failures = failures + 1
  local words = { ... }
  for i = 1, select("#", ...) do words[i] = tostring((select(i, ...))) end
  print(("%s, allocation %d: %s"):format(scenario.name, n, table.concat(words, " ")))
end

-- What is left of the core's when all garbage is gone: finalizers may leave garbage too.
local function settle()
  collectgarbage()
  collectgarbage()
  collectgarbage()
  return torture.live()
end

local function is_shortage(scenario, code)
  return code == "out_of_memory" or scenario.codes ~= nil and scenario.codes[code] == true
end

-- Whether there was an n-th allocation to fail.
local function fail_at(scenario, n, stays, expected)
  local state = scenario.make and scenario.make()
  torture.arm(n, stays)
  local ok, result, message, code = pcall(scenario.run, state)
  local _, failed = torture.disarm()
  if not failed then
    if not ok or result ~= expected then complain(scenario, n, "nothing failed, and yet:", result, message, code) end
    return false
  end
  points = points + 1
  if not ok then
    if not tostring(result):find "not enough memory" and not (scenario.codes and scenario.codes[tostring(result)]) then
      complain(scenario, n, "it raised", result)
    end
  elseif result == nil then
    if not is_shortage(scenario, code) then complain(scenario, n, "it gave nil,", message, code) end
  elseif result ~= expected then
    complain(scenario, n, "it gave", result, "and not", expected)
  end
  -- what was cut off may hold a lock, which goes with it
  collectgarbage()
  if scenario.make then state = scenario.again and state or scenario.make() end
  local again, given, problem = pcall(scenario.run, state)
  if not again or given ~= expected then complain(scenario, n, "called again it gave", given, problem) end
  return true
end

local function try(scenario, stays)
  local expected = scenario.run(scenario.make and scenario.make())
  local before = settle()
  for n = 1, MOST_POINTS do
    local went_on = fail_at(scenario, n, stays, expected)
    local after = settle()
    if after ~= before then
      complain(scenario, n, (after - before) .. " blocks are left")
      before = after
    end
    if not went_on then return end
  end
  complain(scenario, MOST_POINTS, "it takes more allocations than are tried")
end

-- With all garbage collected at every allocation, so that what nothing holds is gone at once.
local function try_collecting(scenario)
  local expected = scenario.run(scenario.make and scenario.make())
  torture.collect(true)
  local ok, result, message = pcall(scenario.run, scenario.make and scenario.make())
  torture.collect(false)
  -- where Lua is collecting already it does not collect and try again
  if not ok and tostring(result):find "not enough memory" then return end
  if not ok or result ~= expected then complain(scenario, 0, "with all garbage collected:", result, message) end
end

local COLLECTS = tonumber((_VERSION:match "%d%.%d")) >= 5.3

-- Every function of the modules, and every method of their objects, is in a scenario.
local function check_completeness()
  local covered = {}
  for _, scenario in ipairs(scenarios) do
    for name in scenario.name:gmatch "%S+" do covered[name] = true end
  end
  local function check(name)
    if not covered[name] then
      failures = failures + 1
      print("no scenario has " .. name)
    end
  end
  for _, module in ipairs { "core", "http_server", "redis" } do
    for name, value in pairs(require("marketplace." .. module)) do
      if type(value) == "function" then check(module .. "." .. name) end
    end
  end
  for class, metatable in pairs(debug.getregistry()) do
    local methods = type(class) == "string" and class:find "^marketplace%." and metatable.__index
    for name in pairs(type(methods) == "table" and methods or {}) do
      check(class:gsub("^marketplace%.", "") .. ":" .. name)
    end
  end
end

check_completeness()
for _, scenario in ipairs(scenarios) do
  try(scenario, false)
  try(scenario, true)
  if COLLECTS then try_collecting(scenario) end
end
print(("%d allocations failed, in %d scenarios, on %s"):format(points, #scenarios,
  rawget(_G, "jit") and "LuaJIT" or _VERSION))
if failures > 0 then
  print(failures .. " failures")
  os.exit(1)
end
print "[  PASSED  ] 1 test(s)."
