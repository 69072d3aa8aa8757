-- The steps of tools/mutate: mutate.lua STEP WORK ...
--
--   draw WORK SEED COUNT [FILE...]   writes mutants to WORK/mutants/N: path, kind, text (of the whole file), diff
--   try_tests WORK COPY              runs, in the copy of the source WORK/COPY, tests that no other copy runs, and
--                                    writes how long each takes to WORK/tests, unless it fails
--   try_mutants WORK COPY            runs tests there for mutants that no other copy tries
local mutants = require "mutants"

local STEP, WORK = arg[1], arg[2]

-- They look at what a mutant does not change, or build for minutes.
local LEFT_OUT = {}
for name in ("bench install_packages man packaging readme reference rockspec run_suites shell"):gmatch "%S+" do
  LEFT_OUT["spec/once/" .. name .. "_spec.lua"] = true
end
local SHORTEST_LIMIT = 20 -- seconds
local TIMES_AS_LONG = 5   -- a test that takes so many times what it took without a fault hangs

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:close())
end

local function run(command)
  return os.execute(command) == true
end

local function lines_of(command)
  local pipe, list = assert(io.popen(command)), {}
  for line in pipe:lines() do list[#list + 1] = line end
  pipe:close()
  return list
end

-- Whether this process is the first that wants it.
local function take(path)
  return run(("mkdir '%s' 2>/dev/null"):format(path))
end

--[[ Drawing ]]

local PRODUCT = "find lua simulator/lua -name '*.lua'; " ..
  "ls csrc/core/*.c csrc/server/*.c csrc/packages/*.c csrc/postgres/*.c csrc/redis/*.c csrc/sqlite/*.c csrc/lua/*.c"

local function files(first)
  local list = {}
  for i = first, #arg do
    for path in arg[i]:gmatch "%S+" do list[#list + 1] = path end
  end
  if #list == 0 then list = lines_of(PRODUCT) end
  table.sort(list)
  return list
end

local function language_of(path)
  return path:find "%.c$" and "c" or "lua"
end

local function compiles(path, text)
  if language_of(path) == "lua" then return load(text) ~= nil end
  local command = "cc -S -o /dev/null -std=c11 -D_GNU_SOURCE -Werror=return-type " ..
    "-Werror=incompatible-pointer-types -Werror=int-conversion " .. -- as later compilers have it
    "-iquote %s -Icsrc $(pkg-config --cflags lua5.4) -x c - 2>/dev/null"
  local compiler = assert(io.popen(command:format(path:match "^(.*)/"), "w"))
  compiler:write(text)
  return compiler:close() == true
end

local function all_places(paths)
  local places = {}
  for _, kind in ipairs(mutants.KINDS) do places[kind] = {} end
  for _, path in ipairs(paths) do
    assert(compiles(path, read(path)), path .. " does not compile as it is")
    for kind, list in pairs(mutants.find(read(path), language_of(path))) do
      for _, edits in ipairs(list) do table.insert(places[kind], { path = path, kind = kind, edits = edits }) end
    end
  end
  return places
end

local function draw_one(places)
  local kinds = {}
  for _, kind in ipairs(mutants.KINDS) do
    if #places[kind] > 0 then kinds[#kinds + 1] = kind end
  end
  if #kinds == 0 then return nil end
  local list = places[kinds[math.random(#kinds)]]
  return table.remove(list, math.random(#list))
end

local function save(mutant, number)
  local folder = ("%s/mutants/%03d"):format(WORK, number)
  assert(run(("mkdir '%s'"):format(folder)))
  write(folder .. "/path", mutant.path)
  write(folder .. "/kind", mutant.kind)
  write(folder .. "/text", mutant.text)
  local label = "--label a/" .. mutant.path .. " --label b/" .. mutant.path
  run(("diff -U 1 %s '%s' '%s/text' > '%s/diff'"):format(label, mutant.path, folder, folder))
end

local function draw(seed, count)
  math.randomseed(seed, 0)
  local places, drawn = all_places(files(5)), 0
  while drawn < count do
    local mutant = draw_one(places)
    if not mutant then return end
    mutant.text = mutants.apply(read(mutant.path), mutant.edits)
    if compiles(mutant.path, mutant.text) then
      drawn = drawn + 1
      save(mutant, drawn)
    end
  end
end

--[[ Tests: a spec or a C program by its path, or "torture" ]]

local function command_of(test)
  if test == "torture" then return "env LUAS=lua5.4 TORTURE_STRIDE=97 tools/torture build" end
  if test:find "^build/" then return test end
  return "tools/busted lua5.4 " .. test
end

local function passes(copy, test, seconds)
  return run(("cd '%s/%s' && TMPDIR='%s/%s.tmp' build/reap -t %d %s > output 2>&1 < /dev/null"):format(WORK, copy, WORK,
    copy, seconds, command_of(test)))
end

local function all_tests()
  local list = lines_of "ls spec/*_spec.lua spec/once/*_spec.lua build/test/*_test"
  for i = #list, 1, -1 do
    if LEFT_OUT[list[i]] then table.remove(list, i) end
  end
  list[#list + 1] = "torture"
  return list
end

local function now()
  return tonumber(lines_of("date +%s.%N")[1])
end

local function try_tests(copy)
  for _, test in ipairs(all_tests()) do
    local folder = WORK .. "/tests/" .. test:gsub("/", ",")
    if take(folder) then
      local began = now()
      if passes(copy, test, 300) then
        write(folder .. "/seconds", ("%.3f"):format(now() - began))
      else
        print(test .. " fails without a fault: it is left out")
      end
    end
  end
end

--[[ Which tests are near ]]

local function module_of(path)
  local part = path:match "^csrc/server/" and "http_server" or path:match "^csrc/redis/" and "redis" or
    path:match "^csrc/sqlite/" and "sqlite" or path:match "^csrc/postgres/" and "postgres" or
    path:match "^csrc/packages/" and "package_io" or path:match "^csrc/lua/(package_io)" or
    path:match "^csrc/lua/(http_server)" or path:match "^csrc/lua/(postgres)" or
    path:match "^csrc/lua/(redis)" or path:match "^csrc/lua/(sqlite)" or
    path:match "^csrc/lua/database" and "sqlite" or path:match "^csrc/" and "core"
  if part then return "marketplace." .. part end
  local name = path:match "lua/(marketplace.*)%.lua$"
  return name and name:gsub("/init$", ""):gsub("/", ".")
end

-- The modules that each file requires.
local function requires()
  local found = {}
  for _, path in ipairs(lines_of "find lua simulator/lua spec -name '*.lua'") do
    local list = {}
    for name in read(path):gmatch "require%s*[(,]?%s*[\"']([%w_.]+)[\"']" do list[#list + 1] = name end
    found[module_of(path) or path:match "^spec/(support/.*)%.lua$" and path:match "^spec/(.*)%.lua$":gsub("/", ".") or
      path] = list
  end
  return found
end

-- How many steps of `require` lead from each file to the module: itself 0.
local function distances(module, required)
  local distance, changed = { [module] = 0 }, true
  while changed do
    changed = false
    for from, list in pairs(required) do
      for _, name in ipairs(list) do
        local steps = distance[name] and distance[name] + 1
        if steps and steps < (distance[from] or math.huge) then distance[from], changed = steps, true end
      end
    end
  end
  return distance
end

-- 0: named like the file; 1: named like a part of it, or a part like it; nil: neither.
local function likeness(path, test)
  local stem = test:match "([%w_]+)_spec%.lua$" or test:match "([%w_]+)_test$" or test
  local words = path:gsub("^simulator/", ""):gsub("^lua/marketplace/", ""):gsub("^csrc/", ""):gsub("%.%w+$", "")
    :gsub("/init$", "")
  if stem == words:gsub("/", "_") or stem == words:match "[^/]+$" then return 0 end
  for word in words:gmatch "[^/]+" do
    if stem:find("^" .. word) or word:find("^" .. stem) then return 1 end
  end
end

local function in_order(path, tests, seconds)
  local distance, rank = distances(module_of(path) or path, requires()), {}
  for _, test in ipairs(tests) do rank[test] = likeness(path, test) or 1 + (distance[test] or 1000) end
  table.sort(tests, function(a, b)
    if rank[a] ~= rank[b] then return rank[a] < rank[b] end
    return seconds[a] ~= seconds[b] and seconds[a] < seconds[b] or seconds[a] == seconds[b] and a < b
  end)
  return tests
end

--[[ Trying ]]

local function times()
  local seconds, tests = {}, {}
  for _, test in ipairs(all_tests()) do
    local file = io.open(WORK .. "/tests/" .. test:gsub("/", ",") .. "/seconds")
    if file then
      seconds[test], tests[#tests + 1] = tonumber(file:read "*a"), test
      file:close()
    end
  end
  return seconds, tests
end

local function builds(copy)
  return run(("cd '%s/%s' && { make build test-programs torture-host LUA=lua5.4 && make build LUA=luajit; } " ..
    "> output 2>&1"):format(WORK, copy))
end

-- The test that fails; "the compiler"; or nil.
local function killer(copy, path, seconds, tests)
  if language_of(path) == "c" and not builds(copy) then return "the compiler" end
  for _, test in ipairs(in_order(path, tests, seconds)) do
    local limit = math.ceil(SHORTEST_LIMIT + TIMES_AS_LONG * seconds[test])
    if (language_of(path) == "c" or not test:find "^build/") and not passes(copy, test, limit) then return test end
  end
end

local function line_of(diff)
  return tonumber(diff:match "@@ %-(%d+)") + 1
end

local function try_mutants(copy)
  local seconds, tests = times()
  for _, folder in ipairs(lines_of(("ls -d '%s'/mutants/*"):format(WORK))) do
    if take(folder .. "/taken") then
      local path, diff = read(folder .. "/path"), read(folder .. "/diff")
      local source = ("%s/%s/%s"):format(WORK, copy, path)
      local original = read(source)
      write(source, read(folder .. "/text"))
      local test = killer(copy, path, seconds, tests)
      write(source, original)
      local what = ("%s:%d: %s"):format(path, line_of(diff), read(folder .. "/kind"))
      if not test then write(folder .. "/survived", ("SURVIVED %s\n%s"):format(what, diff)) end
      print(test and ("killed by %s: %s"):format(test, what) or "SURVIVED " .. what)
      io.flush()
    end
  end
end

if STEP == "draw" then draw(tonumber(arg[3]), tonumber(arg[4])) end
if STEP == "try_tests" then try_tests(arg[3]) end
if STEP == "try_mutants" then try_mutants(arg[3]) end
