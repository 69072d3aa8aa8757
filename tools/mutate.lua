-- mutate.lua TREE SHARE OF: applies its share of tools/mutations.lua, one at a time, to the source in TREE, which is a
-- copy of this one, and runs the tests that must see each. Prints a line for each fault and, where one was not seen,
-- ends with status 1.
local mutations = require "mutations"

local TREE, SHARE, OF = arg[1], tonumber(arg[2]), tonumber(arg[3])
local SECONDS = 180 -- a test that takes longer hangs, which is seen too

local function run(command)
  local ok = os.execute(("cd '%s' && ( %s ) > output 2>&1 < /dev/null"):format(TREE, command))
  return ok == true or ok == 0
end

local function output()
  local file = assert(io.open(TREE .. "/output"))
  local text = file:read "*a"
  file:close()
  return text
end

local function is_program(test)
  return test:find "_test$" ~= nil
end

local function target_of(test)
  return test:match "^(.*)_fuzzer$"
end

local function lua_of(test)
  return test:find "^nginx" and "luajit" or "lua5.4"
end

local function build(test)
  if is_program(test) then return run("make build/test/" .. test) end
  if target_of(test) then return run("make FUZZ=1 build/fuzz/fuzz/" .. test) end
  return run("make build preloads LUA=" .. lua_of(test))
end

-- A target is given its corpus and no more: what libFuzzer makes of that sees a fault one day, and not the next.
local function fuzzes(test)
  local options = "-runs=0 -timeout=10 -rss_limit_mb=2048 -artifact_prefix=build/fuzz/"
  return run(("build/fuzz/fuzz/%s %s csrc/fuzz/corpus/%s"):format(test, options, target_of(test)))
end

local function passes(test)
  if target_of(test) then return fuzzes(test) end
  if is_program(test) then return run(("timeout -k 5 %d build/test/%s"):format(SECONDS, test)) end
  return run(("timeout -k 5 %d tools/busted %s $(ls spec/%s.lua spec/once/%s.lua 2>/dev/null)"):format(SECONDS,
    lua_of(test), test, test))
end

local function read(path)
  local file = assert(io.open(TREE .. "/" .. path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

local function write(path, text)
  local file = assert(io.open(TREE .. "/" .. path, "wb"))
  assert(file:write(text))
  assert(file:close())
end

local function check_baseline(list)
  local checked = {}
  for _, mutation in ipairs(list) do
    for i = 5, #mutation do
      local test = mutation[i]
      if not checked[test] and not (build(test) and passes(test)) then
        io.write(output(), "\n", test, " fails without any fault\n")
        os.exit(1)
      end
      checked[test] = true
    end
  end
end

-- The first test that sees the fault, or nil and what is wrong.
local function seen_by(mutation)
  for i = 5, #mutation do
    if not build(mutation[i]) then return nil, "it does not build:\n" .. output() end
    if not passes(mutation[i]) then return mutation[i] end
  end
  return nil, "no test sees it"
end

local function try(mutation)
  local what, path, from, to = mutation[1], mutation[2], mutation[3], mutation[4]
  local text = read(path)
  local first, last = text:find(from, 1, true)
  if not first or text:find(from, last + 1, true) then
    io.write("NOT APPLIED: ", what, ": its text does not stand once in ", path, "\n")
    return false
  end
  write(path, text:sub(1, first - 1) .. to .. text:sub(last + 1))
  local test, problem = seen_by(mutation)
  write(path, text)
  io.write(test and "caught by " .. test or "SURVIVED", ": ", what, problem and " (" .. problem .. ")" or "", "\n")
  return test ~= nil
end

local list, caught = {}, 0
for i = SHARE, #mutations, OF do list[#list + 1] = mutations[i] end
check_baseline(list)
for _, mutation in ipairs(list) do
  if try(mutation) then caught = caught + 1 end
  io.flush()
end
os.exit(caught == #list and 0 or 1)
