-- The reference and the types for editors say what the source says, and what the modules have; the source's comments
-- say all that they need.
package.path = "tools/?.lua;" .. package.path
local luacats = require "luacats"
local marketplace = require "marketplace"
local operations = require "marketplace.operations"
local public = require "public"
local raw = require "support.raw_http"
local samples = require "marketplace.samples"
local shell = require "support.shell"

local function source_of(file) return luacats.read(raw.read_file(public.path_of(file))) end

local types = luacats.read(raw.read_file "types/marketplace.lua")

local function set_of_functions(source, owner)
  local set = {}
  for _, one in ipairs(source.functions) do
    if one.owner == owner then set[one.name] = true end
  end
  return set
end

-- The names of a table as sorted words, so that a difference can be read.
local function names(set)
  local list = {}
  for name in pairs(set) do list[#list + 1] = tostring(name) end
  table.sort(list)
  return list
end

local function fields_of(class_name, source)
  local fields = {}
  for _, block in ipairs((source or types).classes) do
    if luacats.tags(block, "class")[1].name == class_name then
      for _, tag in ipairs(luacats.tags(block, "field")) do fields[tag.name] = tag end
    end
  end
  return fields
end

local function methods_of(object)
  local methods = {}
  for name, value in pairs(getmetatable(object).__index) do
    if type(value) == "function" and name:sub(1, 2) ~= "__" then methods[name] = true end
  end
  return methods
end

describe("what `make docs` writes", function()
  local folder

  setup(function()
    folder = shell.run "mktemp -d"
    shell.run(('LUA_PATH="$(tools/lua-path tools)" %s tools/reference.lua "%s"'):format(shell.LUA, folder))
  end)

  teardown(function() shell.run(("rm -rf '%s'"):format(folder)) end)

  it("is what is there", function()
    local written = shell.run(("cd '%s' && find docs types -type f | sort"):format(folder))
    for path in written:gmatch "[^\n]+" do
      assert.is_true(raw.read_file(folder .. "/" .. path) == raw.read_file(path), path .. ": run make docs")
    end
    assert.are.equal((written:gsub("docs/[^\n]*\n", "")), shell.run "find types -type f | sort")
  end)
end)

describe("the comment of", function()
  local function check(where, one)
    it(where .. " names what it takes and gives", function()
      assert.is_truthy(one.block, "there is none")
      assert.is_truthy(table.concat(one.block.text):find "%S", "it does not say what the function does")
      local told, taken = {}, {}
      for _, tag in ipairs(luacats.tags(one.block, "param")) do told[tag.name] = true end
      for _, name in ipairs(one.parameters) do taken[name] = true end
      assert.are.same(names(taken), names(told))
      assert.are.equal(luacats.returns(one.body), #luacats.tags(one.block, "return") > 0, "@return")
    end)
  end

  for _, class in ipairs(public.CLASSES) do
    for _, one in ipairs(source_of(class.file).functions) do
      if one.owner == class.owner and class.owner then check(class.name .. ":" .. one.name, one) end
    end
  end
  for _, name in ipairs(public.MODULES) do
    for _, one in ipairs(source_of(name).functions) do
      if one.owner == name then check("marketplace." .. name .. "." .. one.name, one) end
    end
  end
  for _, of in ipairs(public.FACADE) do
    for _, one in ipairs(source_of(of[2]).functions) do
      if one.owner == of[2]:gsub("/init$", "") and one.name == of[3] then check("marketplace." .. of[1], one) end
    end
  end
end)

describe("the types for editors", function()
  local function kinds(module)
    local found = {}
    for name, value in pairs(module) do found[name] = type(value) end
    return found
  end

  it("have the names of the module marketplace, and no others", function()
    local expected = kinds(dofile "types/marketplace.lua")
    for name in pairs(fields_of "marketplace") do expected[name] = type(marketplace[name]) end
    assert.are.same(expected, kinds(marketplace))
  end)

  for _, name in ipairs(public.MODULES) do
    if name ~= "nginx" then
      it("have the names of the module marketplace." .. name .. ", and no others", function()
        local path = "types/marketplace/" .. name .. ".lua"
        local expected = kinds(dofile(path))
        for field, tag in pairs(fields_of("marketplace." .. name, luacats.read(raw.read_file(path)))) do
          expected[field] = tag.type
        end
        assert.are.same(expected, kinds(require("marketplace." .. name)))
      end)
    end
  end

  it("have the names of the module marketplace.nginx, and no others", function()
    -- as it loads in nginx, with stand-ins for nginx's own modules
    local listed = shell.run(([[%s -e '
      local function nothing() return setmetatable({}, { __index = function() return 0 end }) end
      ngx = nothing()
      package.loaded["ngx.semaphore"], package.loaded["ngx.errlog"] = nothing(), nothing()
      for name, value in pairs(require "marketplace.nginx") do print(name .. " " .. type(value)) end' | sort]])
      :format(shell.LUA))
    local expected = {}
    for name, kind in pairs(kinds(dofile "types/marketplace/nginx.lua")) do
      expected[#expected + 1] = name .. " " .. kind
    end
    table.sort(expected)
    assert.are.equal(table.concat(expected, "\n"), listed)
  end)

  -- One object of each class, with what the running program gives for it.
  local function objects()
    local receiver = marketplace.receiver { secrets = "s", log = function() end }
    local simulator = require("marketplace.simulator").new {}
    local settings = simulator:credentials()
    settings.transport = simulator:transport()
    local found = {
      Receiver = receiver, Dispatcher = marketplace.dispatcher { inbox = receiver.inbox }, Simulator = simulator,
      Client = assert(marketplace.client(settings)),
      Exchange = assert(require("marketplace.http").start { method = "GET", url = "http://127.0.0.1:1/" }),
      Server = assert(require("marketplace.server").open { receiver = receiver, log = function() end }),
    }
    receiver:on("*", function(_, ctx) found.Context = ctx end)
    local body = samples.body "app_unavailable"
    receiver:handle { method = "POST", body = body, headers = { ["x-apple-signature"] = marketplace.sign("s", body) } }
    receiver:dispatch()
    return found
  end

  it("have the methods of each class of objects, and no others", function()
    local found, checked = objects(), 0
    finally(function()
      found.Exchange:close()
      found.Server:stop()
    end)
    for _, class in ipairs(public.CLASSES) do
      if class.owner then
        local object = found[class.owner]
        assert.are.same(names(methods_of(object)), names(set_of_functions(types, class.owner)), class.name)
        for name, tag in pairs(fields_of(class.name)) do
          assert.is_true(tag.optional or object[name] ~= nil, class.name .. "." .. name)
        end
        checked = checked + 1
      end
    end
    assert.are.equal(7, checked)
  end)

  it("have the methods of each type of resource, and no others", function()
    local client, checked = objects().Client, 0
    for resource in pairs(operations.by_resource) do
      assert.are.same(names(methods_of(client[resource])), names(set_of_functions(types, resource)), resource)
      assert.is_truthy(fields_of("marketplace.Client")[resource], resource)
      checked = checked + 1
    end
    assert.are.equal(#operations.list() > 0 and 11, checked)
  end)

  -- by the message of the module itself, which lists what it knows
  local function options_told(call)
    local _, problem = pcall(call, { no_such_option = true })
    local known = {}
    for name in problem:match "unknown option 'no_such_option'; known: (.*)":gmatch "[%w_]+" do known[name] = true end
    return known
  end

  for class, call in pairs {
    ["marketplace.receiver.Options"] = marketplace.receiver, ["marketplace.client.Options"] = marketplace.client,
    ["marketplace.dispatcher.Options"] = marketplace.dispatcher,
    ["marketplace.reconcile.Options"] = marketplace.reconcile,
  } do
    it("have the options of " .. class .. ", and no others", function()
      assert.are.same(names(options_told(call)), names(fields_of(class)))
    end)
  end

  it("have the options of every kind of token, and no others", function()
    local known = {}
    for _, kind in ipairs { "api", "marketplace", "install" } do
      for name in pairs(options_told(function(given)
        given.kind = kind
        return marketplace.token(given)
      end)) do
        known[name] = true
      end
    end
    assert.are.same(names(known), names(fields_of "marketplace.token.Options"))
  end)

  for class, path in pairs {
    ["server.open"] = "server", ["simulator.new"] = "simulator", ["rotation.run"] = "rotation",
  } do
    it("have the options of marketplace." .. class .. ", and no others", function()
      local source = luacats.read(raw.read_file("types/marketplace/" .. path .. ".lua"))
      local told = options_told(require("marketplace." .. path)[class:match "%.(%w+)$"])
      assert.are.same(names(told), names(fields_of("marketplace." .. class .. ".Options", source)))
    end)
  end

  it("have the methods of an inbox, and no others", function()
    local expected = fields_of "marketplace.Inbox"
    expected.durable = nil
    assert.are.same(names(methods_of(marketplace.inbox "memory")), names(expected))
  end)

  it("have the fields that a notification can have, and no others", function()
    local seen = {}
    for _, sample in ipairs(samples.list()) do
      local n = assert(marketplace.parse(samples.body(sample.type)))
      for name in pairs(marketplace.to_table(n)) do seen[name] = true end
    end
    assert.are.same(names(seen), names(fields_of "marketplace.Notification"))
  end)
end)
