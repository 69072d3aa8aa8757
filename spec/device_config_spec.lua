-- The file with a device's options.
local config = require "marketplace.device.config"
local shell = require "support.shell"
local support = require "support.device"

describe("marketplace.device.config", function()
  local folder, entries, path_before

  before_each(function() folder, entries, path_before = shell.run "mktemp -d", {}, package.path end)

  after_each(function()
    shell.run("rm -rf " .. folder)
    package.path = path_before
  end)

  local function write(name, text)
    local file = assert(io.open(folder .. "/" .. name, "w"))
    file:write(text)
    file:close()
    return folder .. "/" .. name
  end

  local function log(entry) entries[#entries + 1] = entry end

  local OPTIONS = [[return {
    packages = %q, token = { key_id = "K", marketplace_id = "67", key = %q },
    base_url = "https://market.example/device", authenticate = require("who_%s").authenticate, %s
  }]]

  local names = 0

  local function write_options(more)
    names = names + 1
    write(("who_%d.lua"):format(names), "return { authenticate = function() return 'somebody', 'DEU' end }")
    return write("device.lua", OPTIONS:format(folder .. "/packages", support.KEY, names, more or ""))
  end

  it("gives the options that the file returns, which may use the files beside it", function()
    local given = assert(config.load(write_options()))
    assert.equal("https://market.example/device", given.base_url)
    assert.same({ "somebody", "DEU" }, { given.authenticate {} })
  end)

  it("opens the device, and the packages in the folder that it names", function()
    local device = assert(config.open(write_options(), log))
    local status, document = support.ask(device, "updates", {
      apps = { { appleItemId = "1", appleVersionId = "0" } }, platform = "iOS", osVersion = "18.0",
    })
    assert.same({ 200, 404 }, { status, document.failures[1].failure.code })
    device:close()
    status = support.ask(device, "updates", { apps = { { appleItemId = "1", appleVersionId = "0" } },
      platform = "iOS", osVersion = "18.0" })
    assert.equal(503, status)
    assert.equal("devices not answered", entries[#entries].message)
  end)

  it("has the device write to the given log, unless it names another", function()
    local path = write_options "log = function() end"
    local device = assert(config.open(path, log))
    device:close()
    assert.equal(503, (support.ask(device, "updates", { apps = { { appleItemId = "1", appleVersionId = "0" } },
      platform = "iOS", osVersion = "18.0" })))
    assert.same({}, entries)
  end)

  it("says what is wrong", function()
    for pattern, text in pairs {
      ["device.lua returns nothing"] = "",
      ["must return a table of options, and "] = "return function() end",
      ["the device's file failed: "] = "error('no database')",
      ["no database"] = "error('no database')",
      ["device.lua:1:"] = "return {",
    } do
      local given, problem = config.load(write("device.lua", text))
      assert.is_nil(given)
      assert.is_truthy(problem:find(pattern, 1, true), problem)
    end
    local given, problem = config.load(folder .. "/missing.lua")
    assert.is_nil(given)
    assert.is_truthy(problem:find("missing.lua", 1, true), problem)
  end)

  it("names the file if the options are wrong", function()
    for pattern, more in pairs {
      ["device.lua: marketplace.device: unknown option 'pakages'"] = "pakages = 1",
      ["device.lua: marketplace.device: option 'polling_interval' is 43200"] = "polling_interval = 43200",
      ["device.lua: "] = "token = { key_id = 'K', marketplace_id = '67', key_file = '/nowhere.p8' }",
      ["/nowhere.p8"] = "token = { key_id = 'K', marketplace_id = '67', key_file = '/nowhere.p8' }",
      ["/dev/null: it cannot be made a folder"] = "packages = '/dev/null/packages'",
    } do
      local device, problem = config.open(write_options(more), log)
      assert.is_nil(device)
      assert.is_truthy(problem:find(pattern, 1, true), problem)
    end
  end)
end)
