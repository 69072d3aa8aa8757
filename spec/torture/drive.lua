--- What `make torture` runs in csrc/torture/host.c: drive.lua FILE N takes scenario N of
--- spec/torture/scenarios/FILE.lua, and lets every allocation of its run fail, one after another: Lua's once, Lua's and
--- all after it, the system's once, the system's and all after it. After each the same run must give what it gives
--- without a failure, and nothing may stay allocated.
---
--- A scenario: `covers`, a list of the names that it calls; `run(context)`, which gives values; and, where needed,
--- `setup()`, which gives the context, and `teardown(context)`. `codes` are those that it may fail with, by default
--- only `out_of_memory`, and `raises` is a pattern of what it may raise beside "memory". `only_lua`: the system's
--- allocations do not fail. `leaks_in`: a library that keeps what it has when an allocation of its own fails.
--- `recovers`: in how many runs it must be as before. Ends with status 1 where there is one after this.
local torture = _G.torture
local serialize = require "torture.serialize"

local FILE, N = ...

-- LuaJIT itself crashes where memory ends in what it has compiled
if _G.jit then _G.jit.off() end

local WAYS = { { "lua", "once" }, { "lua", "onward" }, { "system", "once" }, { "system", "onward" } }
local ALWAYS = 1e9 -- an allocation that never comes
local MOST_POINTS = 20000
-- reading a key takes OpenSSL thousands of allocations: `make test` tries some of them
local DENSE = 400
local STRIDE = tonumber(os.getenv "TORTURE_STRIDE" or 1)
local SETTLES = 20 -- OpenSSL keeps the texts of up to 16 errors

local scenarios = require("torture.scenarios." .. FILE)
local scenario = assert(scenarios[tonumber(N)])
local name = table.concat(scenario.covers, ", ")

local function fail(way, n, library, message)
  io.stderr:write(("FAILED: %s: %s, %s allocation %d%s: %s\n"):format(name, way[2], way[1], n,
    library ~= "" and " of " .. library or "", message))
  return false
end

local function collect()
  collectgarbage()
  collectgarbage()
end

local function is_code(code)
  for _, allowed in ipairs(scenario.codes or { "out_of_memory" }) do
    if code == allowed then return true end
  end
  return false
end

local function is_memory_error(message)
  if type(message) ~= "string" then return false end
  return message:find "memory" ~= nil or scenario.raises ~= nil and message:find(scenario.raises) ~= nil
end

--- What may come of a run in which an allocation failed: what comes without, an error that says so, or nil, message,
--- code.
local function judge(expected, ok, ...)
  if not ok then
    if is_memory_error((...)) then return true end
    return false, "raised " .. tostring((...))
  end
  local first, message, code = ...
  if not first and type(message) == "string" and is_code(code) then return true end
  local got = serialize(...)
  return got == expected, "gave " .. got .. ", not " .. expected
end

local function plain(context)
  local function outcome(_, _, ok, ...)
    return ok, ok and serialize(...) or tostring((...))
  end
  return outcome(torture.call("lua", "once", ALWAYS, scenario.run, context))
end

--- Runs until it gives what it should; a scenario whose peer needs to notice first may have some runs for that.
local function recover(context, expected)
  local ok, again
  for _ = 1, scenario.recovers or 1 do
    ok, again = plain(context)
    if ok and again == expected then return true, again end
  end
  return false, again
end

--- Whether one more failure of the kind leaves more blocks, time after time.
local function leaks(way, n, context, expected)
  local grew = 0
  for _ = 1, SETTLES do
    local before = torture.system_blocks()
    torture.call(way[1], way[2], n, scenario.run, context)
    collect()
    recover(context, expected)
    collect()
    if torture.system_blocks() > before then grew = grew + 1 end
  end
  return grew == SETTLES
end

--- One point: true where an allocation failed and all was well, false where it was not, nil where none failed.
local function try(way, n, context, expected)
  torture.doing(("%s: %s, %s allocation %d"):format(name, way[2], way[1], n))
  collect()
  local before = torture.system_blocks()
  local function after(failed, library, ...)
    if not failed then return nil end
    local well, problem = judge(expected, ...)
    if not well then return fail(way, n, library, problem) end
    collect()
    local ok, again = recover(context, expected)
    if not ok then
      return fail(way, n, library, ("afterwards it gave %s, not %s"):format(again, expected))
    end
    collect()
    local is_theirs = scenario.leaks_in and library:find(scenario.leaks_in, 1, true)
    if torture.system_blocks() > before and not is_theirs and leaks(way, n, context, expected) then
      return fail(way, n, library, "leaks")
    end
    return true
  end
  return after(torture.call(way[1], way[2], n, scenario.run, context))
end

local points, failures = 0, 0

local function try_all(way, context, expected)
  local n = 1
  while n <= MOST_POINTS do
    local well = try(way, n, context, expected)
    if well == nil then return end
    n = n + (n > DENSE and STRIDE or 1)
    points = points + 1
    if not well then failures = failures + 1 end
  end
  failures = failures + 1
  fail(way, MOST_POINTS, "", "the allocations never end")
end

torture.doing(name .. ": setup")
local context = scenario.setup and scenario.setup()
local ok, expected = plain(context)
assert(ok, name .. " fails without a failure of memory: " .. expected)
local _, again = plain(context)
assert(expected == again, name .. " gives something else each time: " .. expected .. ", " .. again)
-- LuaJIT 2.1 itself crashes where memory ends in string.sub and others of its own functions
local without_lua = _G.jit and scenarios.in_lua
for _, way in ipairs(WAYS) do
  local skipped
  if way[1] == "lua" then skipped = without_lua else skipped = scenario.only_lua end
  if not skipped then try_all(way, context, expected) end
end
torture.doing(name .. ": teardown")
if scenario.teardown then scenario.teardown(context) end
print(("%d points, %d failures: %s"):format(points, failures, name))
if failures > 0 then error(name .. " failed", 0) end
return scenarios[tonumber(N) + 1] and 1 or 0
