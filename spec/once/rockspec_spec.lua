-- The rockspec of what is in Lua lists files one by one; these specs fail when the lists and the folders part.
local function load_rockspec(path)
  local rockspec = {}
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  for list in text:gmatch "sources = (%b{})" do
    rockspec.sources = {}
    for source in list:gmatch '"([^"]+)"' do rockspec.sources[source] = true end
  end
  rockspec.modules = {}
  for name, source in text:gmatch '%["([%w_.]+)"%] = "([^"]+)"' do rockspec.modules[name] = source end
  return rockspec
end

local function files(command)
  local found = {}
  local pipe = assert(io.popen(command))
  for path in pipe:lines() do found[path] = true end
  pipe:close()
  return found
end

describe("the rockspec of", function()
  it("lua-marketplace builds every C file but those of the server and of Redis", function()
    local expected = files "ls csrc/core/*.c csrc/lua/*.c | grep -v -e lua/http_server.c -e lua/redis"
    assert.are.same(expected, load_rockspec("lua-marketplace-scm-1.rockspec").sources)
  end)

  it("lua-marketplace installs every Lua file under its module's name", function()
    local expected = {}
    for path in pairs(files "find lua -name '*.lua'") do
      expected[path:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", ".")] = path
    end
    assert.are.same(expected, load_rockspec("lua-marketplace-scm-1.rockspec").modules)
  end)
end)
