-- The rockspecs list C files and the simulator's Lua files one by one; these specs fail when lists and folders part.
local shell = require "support.shell"

local ROCKS = {}
for path in shell.run "ls *.rockspec":gmatch "%S+" do ROCKS[#ROCKS + 1] = path:match "^(.*)%-scm%-1%.rockspec$" end

local function load_rockspec(rock)
  local path, rockspec = rock .. "-scm-1.rockspec", {}
  local setfenv = rawget(_G, "setfenv")
  if setfenv then setfenv(assert(loadfile(path)), rockspec)() else assert(loadfile(path, "t", rockspec))() end
  return rockspec
end

-- What the shell command lists, with the name that `name_of` gives each.
local function files(command, name_of)
  local found = {}
  for path in shell.run(command):gmatch "[^\n]+" do found[name_of and name_of(path) or path] = path end
  return found
end

local function module_name(path)
  return (path:gsub("^.-lua/", ""):gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", "."))
end

-- The main rock's Lua modules are not listed: LuaRocks copies the folder lua/ for it.
local function modules_of(rock)
  local build = load_rockspec(rock).build
  local modules = rock == "lua-marketplace" and files("find lua -name '*.lua'", module_name) or {}
  for name, source in pairs(build.modules or build.install.lua or build.install.lib) do
    modules[name:gsub("%.init$", "")] = source
  end
  return modules
end

-- The modules that a rock brings, and those of the rocks that it declares.
local function modules_within_reach(rock, found)
  for name in pairs(modules_of(rock)) do found[name] = true end
  for _, dependency in ipairs(load_rockspec(rock).dependencies) do
    if dependency:find "^lua%-marketplace" then modules_within_reach(dependency:match "^%S+", found) end
  end
  return found
end

-- What a module needs as soon as it is loaded, and not only if it is there.
local function needed_by(path)
  local needed, file = {}, assert(io.open(path))
  for line in file:lines() do
    local name = line:match '^local [%w_]+ = require%(? ?"(marketplace[%w_.]*)"'
    if name then needed[#needed + 1] = name end
  end
  file:close()
  return needed
end

local function differences(expected, found)
  local list = {}
  for name, path in pairs(expected) do
    if found[name] ~= path then list[#list + 1] = "it lacks " .. path end
  end
  for name, path in pairs(found) do
    if expected[name] ~= path then list[#list + 1] = ("it has %s, which is not there"):format(path) end
  end
  return list
end

describe("the rockspec of", function()
  it("lua-marketplace builds every C file but those of the server, the databases and packages", function()
    local sources = {}
    for _, path in ipairs(load_rockspec("lua-marketplace").build.modules["marketplace.core"].sources) do
      sources[path] = path
    end
    local expected = files("ls csrc/core/*.c csrc/lua/*.c | " ..
      "grep -v -e lua/database -e lua/http_server -e lua/package_io -e lua/postgres -e lua/redis -e lua/sqlite")
    assert.same({}, differences(expected, sources))
  end)

  it("lua-marketplace-simulator installs every Lua file under its module's name", function()
    local expected = files("find simulator/lua -name '*.lua'", module_name)
    assert.same({}, differences(expected, modules_of "lua-marketplace-simulator"))
  end)

  for _, rock in ipairs(ROCKS) do
    it(rock .. " declares the main rock, if it is not that, and all that its modules need", function()
      local reached = modules_within_reach(rock, {})
      assert.is_true(reached["marketplace"])
      for module, path in pairs(modules_of(rock)) do
        for _, name in ipairs(tostring(path):find "%.lua$" and needed_by(path) or {}) do
          assert.is_true(reached[name], ("%s needs %s"):format(module, name))
        end
      end
    end)
  end
end)
