-- coverage.lua RUN: what tools/coverage counted in the folder RUN, as a table of files, then each line that nothing
-- ran. Ends with status 1 if a part of the source is covered less than it must be.
local RUN = arg[1]

-- Name, folders, least share of covered lines.
local PARTS = {
  { "C core and bindings", { "csrc/core/", "csrc/lua/" }, 0.95 },
  { "C server, databases and packages",
    { "csrc/server/", "csrc/sqlite/", "csrc/postgres/", "csrc/redis/", "csrc/packages/" }, 0.90 },
  { "Lua", { "lua/marketplace/", "simulator/lua/marketplace/" }, 0.95 },
}

local function lines_of(command)
  local pipe = assert(io.popen(command, "r"))
  local list = {}
  for line in pipe:lines() do list[#list + 1] = line end
  assert(pipe:close(), command .. " failed")
  return list
end

local function trim(text)
  return (text:gsub("^%s+", ""):gsub("%s+$", ""))
end

-- { [path] = { [line] = { text =, covered = } } }
local files = {}

local function count(path, line, text, covered)
  local file = files[path] or {}
  files[path] = file
  local known = file[line] or { text = trim(text), covered = false }
  file[line] = known
  known.covered = known.covered or covered
end

-- gcov writes "count:line:text", with ##### for the count of a line that never ran and - of one that holds no code.
local function count_c()
  local objects = ("core/*.o server/*.o packages/*.o postgres/*.o redis/*.o sqlite/*.o 5.4/lua/*.o"):gsub("%S+",
    "build/coverage/%0")
  local path
  for _, line in ipairs(lines_of("gcov --stdout " .. objects)) do
    local times, number, text = line:match "^%s*([^:]+):%s*(%d+):(.*)$"
    path = number == "0" and text:match "^Source:(.*)" or path
    if number and tonumber(number) > 0 and path:find "^csrc/" and times ~= "-" then
      count(path, tonumber(number), text, times:find "^%d" ~= nil)
    end
  end
end

-- Lines on which only a block, a list or a call ends: their instructions, if any, jump or return, and may be
-- unreachable.
local function ends_only(text)
  return text:gsub("%f[%w]end%f[%W]", ""):gsub("%f[%w]else%f[%W]", ""):find "^[%s%p]*$" ~= nil
end

-- The lines for which a Lua file has instructions. The first of a main function and the last of any are of no source.
local function active_lines(path)
  local active, last = {}, nil
  for _, line in ipairs(lines_of("luac5.4 -l -p " .. path)) do
    local number, instruction = line:match "^%s+%d+%s+%[(%d+)%]%s+(%u+)"
    if not number then
      last = nil
    else
      if last then active[last] = true end
      last = instruction ~= "VARARGPREP" and tonumber(number) or nil
    end
  end
  return active
end

local function read(path)
  local file = io.open(path, "rb")
  if not file then return "" end
  local text = file:read "*a"
  file:close()
  return text
end

local function count_lua()
  for _, path in ipairs(lines_of "find lua simulator -name '*.lua'") do
    local active, marks = active_lines(path), read(RUN .. "/lines/" .. path:gsub("^.-lua/", ""):gsub("/", ","))
    local number = 0
    for text in io.lines(path) do
      number = number + 1
      if active[number] and not ends_only(text) then count(path, number, text, marks:byte(number + 1) == 1) end
    end
  end
end

local function sorted(map)
  local keys = {}
  for key in pairs(map) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

local function show_uncovered(path, file)
  for _, number in ipairs(sorted(file)) do
    if not file[number].covered then print(("%s:%d: %s"):format(path, number, file[number].text)) end
  end
end

local function show(name, covered, all)
  print(("%6d of %6d  %6.2f %%  %s"):format(covered, all, 100 * covered / all, name))
end

local function tally(file)
  local covered, all = 0, 0
  for _, line in pairs(file) do
    all = all + 1
    if line.covered then covered = covered + 1 end
  end
  return covered, all
end

local function is_below(path, folders)
  for _, folder in ipairs(folders) do
    if path:sub(1, #folder) == folder then return true end
  end
  return false
end

-- Shows the files of a part; its sums.
local function report_part(part)
  local covered, all = 0, 0
  for _, path in ipairs(sorted(files)) do
    if is_below(path, part[2]) then
      local some, of = tally(files[path])
      show(path, some, of)
      covered, all = covered + some, all + of
    end
  end
  assert(all > 0, "nothing was counted of " .. part[1])
  return covered, all
end

count_c()
count_lua()

local sums, is_enough = {}, true
for i, part in ipairs(PARTS) do sums[i] = { report_part(part) } end
for _, path in ipairs(sorted(files)) do show_uncovered(path, files[path]) end
for i, part in ipairs(PARTS) do
  local covered, all = sums[i][1], sums[i][2]
  show(part[1], covered, all)
  if covered < part[3] * all then
    print(("!! %s: less than %d %%"):format(part[1], 100 * part[3]))
    is_enough = false
  end
end
os.exit(is_enough and 0 or 1)
