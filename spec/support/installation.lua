--- What is installed below a folder for one Lua, and whether it runs; how C modules are protected.
local assert = require "luassert"
local shell = require "support.shell"

local installation = {
  --- The C modules.
  MODULES = { "core", "http_server", "package_io", "postgres", "redis", "sqlite" },
}

-- Receives a notification, and tells which of the modules and C modules that it loaded are not below the root.
local PROGRAM = [[
  local marketplace = require "marketplace"
  require "marketplace.http_server"
  require "marketplace.package_io"
  require "marketplace.postgres"
  require "marketplace.redis"
  require "marketplace.sqlite"
  require "marketplace.simulator"
  local inbox = assert(marketplace.receiver { secrets = "s" })
  local body = [=[{"data":{"type":"webhookPingCreated","id":"p1"}}]=]
  print((inbox:handle { method = "POST", headers = { ["x-apple-signature"] = marketplace.sign("s", body) },
    body = body }))
  local function path_of(name)
    for _, templates in ipairs { package.path, package.cpath } do
      for template in templates:gmatch "[^;]+" do
        local path = template:gsub("%?", (name:gsub("%.", "/")))
        local file = io.open(path)
        if file then file:close() return path end
      end
    end
  end
  for name in pairs(package.loaded) do
    if name:find "^marketplace" and path_of(name):sub(1, #arg[1]) ~= arg[1] then print(name, path_of(name)) end
  end
]]

local Installation = {}
Installation.__index = Installation

--- The environment of programs that use it.
function Installation:paths()
  return (("LUA_PATH='<r>/share/lua/<v>/?.lua;<r>/share/lua/<v>/?/init.lua;;' LUA_CPATH='<r>/lib/lua/<v>/?.so;;'")
    :gsub("<(.)>", { r = self.root, v = self.version }))
end

--- The path of one of its C modules.
function Installation:module(name)
  return ("%s/lib/lua/%s/marketplace/%s.so"):format(self.root, self.version, name)
end

--- The folder of its Lua files.
function Installation:lua_folder()
  return ("%s/share/lua/%s"):format(self.root, self.version)
end

--- Runs a program and the command, in a folder that is no checkout, with Lua's own paths and its own. `by_itself`: the
--- command is not told the paths, as LuaRocks's without dependencies needs to be.
function Installation:check(elsewhere, by_itself)
  local program = elsewhere .. "/program.lua"
  local file = assert(io.open(program, "w"))
  file:write(PROGRAM)
  file:close()
  local run = "cd " .. elsewhere .. " && unset LUA_PATH LUA_CPATH && "
  assert.equal("200", shell.run(("%s %s %s program.lua %s"):format(run, self:paths(), self.lua, self.root)))
  local paths = by_itself and "" or self:paths()
  local command = ("%s %s MARKETPLACE_SECRET=s %s/bin/marketplace "):format(run, paths, self.root)
  assert.matches("^hmacsha256=%x+$", shell.run(command .. "sign program.lua"))
  assert.matches("redeliver", shell.run(command .. "simulate --help"), 1, true)
end

--- Runs the command that `serve` shows, as it is shown, elsewhere.
function Installation:check_shown_command(elsewhere, by_itself)
  local paths = by_itself and "" or self:paths()
  local handlers = elsewhere .. "/handlers.lua"
  shell.run("echo 'return function() end' > " .. handlers)
  local serve = ("env -u LUA_PATH -u LUA_CPATH MARKETPLACE_SECRET=s %s %s/bin/marketplace serve %s --port 0 " ..
    "--inbox memory"):format(paths, self.root, handlers)
  shell.with_server(serve, function(_, _, pipe)
    local shown
    repeat shown = pipe:read "*l" until not shown or shown:find "^try it: "
    assert.matches(self.root .. "/bin/marketplace send", shown, 1, true)
    assert.matches("^200 ", shell.run(("cd %s && unset LUA_PATH LUA_CPATH && export MARKETPLACE_SECRET=s %s && %s")
      :format(elsewhere, paths, shown:match "^try it: +(.*)$")))
  end)
end

local function symbols_of(path, arguments)
  local symbols = {}
  local said = shell.run(("nm -D %s %s"):format(arguments, path))
  for symbol in said:gmatch "%a (%S+)" do symbols[#symbols + 1] = symbol end
  return symbols
end

--- Checks that a C module checks the sizes that it copies.
function installation.check_copies(path)
  local checked = {}
  for _, symbol in ipairs(symbols_of(path, "--undefined-only")) do
    if symbol:find "^__%w+_chk@" then checked[#checked + 1] = symbol end
  end
  assert.is_true(#checked > 0, path .. " does not check the sizes that it copies")
end

--- Checks that a C module shows only what opens it, and has what compilers and linkers protect programs with.
function installation.check_protected(path)
  assert.same({ "luaopen_marketplace_" .. path:match "([%w_]+)%.so$" }, symbols_of(path, "--defined-only"))
  installation.check_copies(path)
  local undefined = table.concat(symbols_of(path, "--undefined-only"), "\n")
  assert.matches("__stack_chk_fail@", undefined, 1, true)
  assert.matches("BIND_NOW", shell.run("readelf -dW " .. path))
  local segments = shell.run("readelf -lW " .. path)
  assert.matches("GNU_RELRO", segments)
  assert.matches("GNU_STACK[^\n]* RW ", segments)
  assert.is_nil(segments:match "[^\n]* RWE [^\n]*")
end

--- The version in the paths of a Lua's modules.
---@param lua string such as "luajit"
---@return string
function installation.version_of(lua)
  return lua == "luajit" and "5.1" or lua:match "%d%.%d"
end

--- An installation.
---@param root string folder with bin, lib and share, without a space
---@param lua string such as "luajit"
function installation.at(root, lua)
  return setmetatable({ root = root, lua = lua, version = installation.version_of(lua) }, Installation)
end

return installation
