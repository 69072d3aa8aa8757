-- The reference says what the source says. The source's comments, which editors read too, say all that they need, and
-- what the modules and objects have in a running program.
package.path = "tools/?.lua;" .. package.path
local core = require "marketplace.core"
local luacats = require "luacats"
local marketplace = require "marketplace"
local operations = require "marketplace.operations"
local public = require "public"
local raw = require "support.raw_http"
local samples = require "marketplace.samples"
local shell = require "support.shell"

local function source_of(file) return luacats.read(raw.read_file(public.path_of(file))) end

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

local function fields_of(class_name, file)
  local fields = {}
  for _, block in ipairs(source_of(file).classes) do
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
    shell.run(("tools/with-lua %s %s tools/reference.lua '%s'"):format(shell.LUA, shell.LUA, folder))
  end)

  teardown(function() shell.run(("rm -rf '%s'"):format(folder)) end)

  it("is what is there", function()
    local path = "docs/reference.md"
    assert.is_true(raw.read_file(folder .. "/" .. path) == raw.read_file(path), "run make docs")
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
      if one.owner == public.table_of(name) then check("marketplace." .. name .. "." .. one.name, one) end
    end
  end
  for _, of in ipairs(public.FACADE) do
    for _, one in ipairs(source_of(of[2]).functions) do
      if one.owner == of[2]:gsub("/init$", "") and one.name == of[3] then check("marketplace." .. of[1], one) end
    end
  end
end)

describe("the source's comments", function()
  it("have the names of the module marketplace, and no others", function()
    local told = { null = true, _VERSION = true }
    for _, of in ipairs(public.FACADE) do told[of[1]] = true end
    assert.are.same(names(told), names(marketplace))
  end)

  local function told_of(name)
    local source, owner = source_of(name), public.table_of(name)
    local told = set_of_functions(source, owner)
    for _, one in ipairs(source.values) do
      if one.owner == owner then told[one.name] = true end
    end
    return told
  end

  for _, name in ipairs(public.MODULES) do
    if name ~= "nginx" then
      it("have the names of the module marketplace." .. name .. ", and no others", function()
        assert.are.same(names(told_of(name)), names(require("marketplace." .. name)))
      end)
    end
  end

  it("have the names of the module marketplace.nginx, and no others", function()
    -- as it loads in nginx, with stand-ins for nginx's own modules
    local listed = shell.run(([[%s -e '
      local function nothing() return setmetatable({}, { __index = function() return 0 end }) end
      ngx = nothing()
      package.loaded["ngx.semaphore"], package.loaded["ngx.errlog"] = nothing(), nothing()
      for name in pairs(require "marketplace.nginx") do print(name) end' | sort]])
      :format(shell.LUA))
    assert.are.equal(table.concat(names(told_of "nginx"), "\n"), listed)
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
      Forward = assert(marketplace.forward { url = "https://example.com/" }),
      SimulatedDevice = assert(require("marketplace.simulator.device").open {}),
    }
    receiver:on("*", function(_, ctx) found.Context = ctx end)
    local body = samples.body "app_unavailable"
    receiver:handle { method = "POST", body = body, headers = { ["x-apple-signature"] = marketplace.sign("s", body) } }
    receiver:dispatch()
    return found
  end

  it("have the methods of each class of objects, and no others", function()
    local found, checked, root = objects(), 0, shell.run "mktemp -d"
    found.Packages = assert(marketplace.packages { folder = root })
    local key = assert(core.generate_key())
    found.Device = assert(marketplace.device {
      packages = found.Packages, base_url = "https://market.example", authenticate = function() end,
      token = { key_id = "K", marketplace_id = "67", key = key:private_pem() },
    })
    found.Dashboard = assert(marketplace.dashboard {
      inbox = assert(marketplace.inbox "memory"), token = ("t"):rep(32),
    })
    found.Spotlight = assert(marketplace.spotlight { packages = root, base_url = "https://market.example" })
    finally(function()
      found.Exchange:close()
      found.Server:stop()
      found.Spotlight:close()
      found.Packages:close()
      shell.run("rm -rf " .. root)
    end)
    for _, class in ipairs(public.CLASSES) do
      if class.owner then
        local object = found[class.owner]
        assert.are.same(names(methods_of(object)), names(set_of_functions(source_of(class.file), class.owner)),
          class.name)
        for name, tag in pairs(fields_of(class.name, class.file)) do
          assert.is_true(tag.optional or object[name] ~= nil, class.name .. "." .. name)
        end
        checked = checked + 1
      end
    end
    assert.are.equal(13, checked)
  end)

  it("have the objects of a client, one for each type of resource, and no others", function()
    local told = {}
    for name, tag in pairs(fields_of("marketplace.Client", "client/init")) do
      if tag.type == "marketplace.client.resources" then told[name] = true end
    end
    assert.are.same(names(operations.by_resource), names(told))
  end)

  it("have the methods of the types of resources, and no others", function()
    local client, expected = objects().Client, {}
    for resource in pairs(operations.by_resource) do
      for name in pairs(methods_of(client[resource])) do expected[name] = true end
    end
    assert.are.same(names(expected), names(fields_of("marketplace.client.resources", "client/resources")))
  end)

  it("have the methods of an inbox, and no others", function()
    local expected = fields_of("marketplace.Inbox", "inbox/init")
    expected.durable = nil
    assert.are.same(names(methods_of(marketplace.inbox "memory")), names(expected))
  end)

  it("have the fields that a notification can have, and no others", function()
    local seen = {}
    for _, sample in ipairs(samples.list()) do
      local n = assert(marketplace.parse(samples.body(sample.type)))
      for name in pairs(marketplace.to_table(n)) do seen[name] = true end
    end
    assert.are.same(names(seen), names(fields_of("marketplace.Notification", "notification")))
  end)
end)
