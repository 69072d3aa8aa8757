-- Handlers files: what they may be, what they may require, and what keeps them from being used.
local handlers = require "marketplace.handlers"
local shell = require "support.shell"

describe("marketplace.handlers", function()
  local folder, path, cpath_before, loaded

  before_each(function()
    folder, path, cpath_before, loaded = shell.run "mktemp -d", package.path, package.cpath, {}
    for name in pairs(package.loaded) do loaded[name] = true end
  end)

  after_each(function()
    shell.run("rm -rf " .. folder)
    package.path = path
    assert.equal(cpath_before, package.cpath)
    for name in pairs(package.loaded) do
      if not loaded[name] then package.loaded[name] = nil end
    end
  end)

  local function write(name, text)
    shell.run(("mkdir -p $(dirname %s/%s)"):format(folder, name))
    local file = assert(io.open(folder .. "/" .. name, "w"))
    file:write(text)
    file:close()
    return folder .. "/" .. name
  end

  -- What a handlers file was given, or the message.
  local function load(text)
    local added = {}
    local receiver = { on = function(_, name) added[#added + 1] = name end }
    local ok, message = handlers.load(write("handlers.lua", text), receiver)
    if ok then return table.concat(added, " ") end
    assert.is_nil(ok)
    return nil, message
  end

  it("are given the receiver", function()
    assert.equal("ping other", load 'return function(r) r:on("ping") r:on("other") end')
  end)

  it("may require what stands beside them, whatever folder the program runs in", function()
    write("chat.lua", 'return "a file"')
    write("catalogue/init.lua", 'return "a folder"')
    write("catalogue/rows.lua", 'return "in a folder"')
    assert.equal("a file, a folder, in a folder", load [[
      local found = { (require "chat"), (require "catalogue"), (require "catalogue.rows") }
      return function(r) r:on(table.concat(found, ", ")) end]])
  end)

  it("find what stands beside them before what has the same name elsewhere, also when they run", function()
    write("elsewhere/chat.lua", 'return "elsewhere"')
    write("chat.lua", 'return "beside"')
    package.path = folder .. "/elsewhere/?.lua;" .. package.path
    assert.equal("beside", load 'return function(r) r:on((require "chat")) end')
  end)

  it("may be named without a folder", function()
    write("chat.lua", 'return "beside"')
    write("bare.lua", 'return function() io.write((require "chat")) end')
    local output = shell.run(("lua=$PWD/lua; cd %s && LUA_PATH=$lua/?.lua %s -e '%s'"):format(folder, shell.LUA,
      'assert(require("marketplace.handlers").load("bare.lua", {}))'))
    assert.equal("beside", output)
  end)

  it("that fail are shown with where they were called from, and without our own frames", function()
    write("deep.lua", "return function() error 'no database' end")
    local file = folder .. "/handlers.lua"
    local _, message = load("local connect = require 'deep'\nlocal function open() connect() return 1 end\n" ..
      "return function(receiver)\n  open()\n  return receiver\nend")
    local expected = "the handlers file failed: %s/deep.lua:1: no database\n  called from %s:2\n  called from %s:4"
    assert.equal(expected:format(folder, file, file), message)
    _, message = load "error { code = 5 }"
    assert.equal("the handlers file failed: a table was raised in place of a message\n  called from " .. file .. ":1",
      message)
    _, message = load "error(setmetatable({}, { __tostring = function() return 'no database' end }))"
    assert.equal("the handlers file failed: no database\n  called from " .. file .. ":1", message)
    _, message = load "require 'nothing_of_this_name'"
    assert.equal("the handlers file failed: " .. file .. ":1: module 'nothing_of_this_name' not found, neither " ..
      "beside this file nor where Lua looks for modules (package.path, package.cpath)", message)
  end)

  it("are refused, and it is said why, if they cannot be read or run", function()
    local _, message = handlers.load(folder .. "/none.lua", {})
    assert.matches(folder .. "/none.lua", message, 1, true)
    for text, expected in pairs {
      ["return"] = "the handlers file must return function%(receiver%), and .*/handlers.lua returns nothing$",
      ["return {}"] = "returns a table$",
      ["syntax error"] = "handlers.lua:1:",
      ["error 'no settings'"] = "^the handlers file failed: .*handlers.lua:1: no settings$",
      ["return function() error 'no database' end"] = "^the handlers file failed: .*handlers.lua:1: no database$",
      ["return function() return nil, 'no database' end"] = "^the handlers file failed: no database$",
      ["return function() return false, 'no database' end"] = "^the handlers file failed: no database$",
      ["require 'nothing_of_this_name'"] = "the handlers file failed: .*nothing_of_this_name",
    } do
      local none, problem = load(text)
      assert.is_nil(none, text)
      assert.matches(expected, problem)
    end
  end)

  it("are content with any other result of the function", function()
    for _, result in ipairs { "", "return nil", "return false", "return true", "return 1, 'fine'" } do
      assert.equal("", load(("return function() %s end"):format(result)), result)
    end
  end)
end)
