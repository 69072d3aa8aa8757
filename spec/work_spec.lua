-- marketplace work, in this process.
local cli = require "marketplace.cli"
local core = require "marketplace.core"
local dispatcher = require "marketplace.dispatcher"
local shell = require "support.shell"

describe("marketplace work", function()
  local folder

  before_each(function() folder = shell.run "mktemp -d" end)
  after_each(function() shell.run("rm -rf " .. folder) end)

  it("gives the dispatcher what its options say", function()
    local given
    local stubs = {
      stub(core, "catch_signals"), stub(core, "stop_asked", function() return true end),
      stub(dispatcher, "new", function(settings)
        given = settings
        return { inbox = settings.inbox, on = function() end, close = function(self) self.inbox:close() end }
      end),
    }
    finally(function() for _, one in ipairs(stubs) do one:revert() end end)
    shell.run(("echo 'return function() end' > %s/handlers.lua"):format(folder))
    assert.equal(0, cli.main {
      "work", folder .. "/handlers.lua", "--inbox", "sqlite:" .. folder .. "/inbox.db", "--lease", "5",
      "--attempts", "3", "--keep", "12h", "--alert-command", "true", "--alert-age", "1h",
    })
    assert.same({ 5, { attempts = 3 }, 43200, "true", 3600, folder .. "/inbox.db-alerts" }, {
      given.lease, given.retry, given.keep, given.alert_command, given.alert_age, given.alert_state,
    })
  end)

  it("pauses between turns as long as a turn says, and not at all if it says 0", function()
    local pauses, slept = { 0.5, 0, 0.25 }, {}
    local stubs = {
      stub(core, "catch_signals"),
      stub(core, "stop_asked", function() return #pauses == 0 end),
      stub(core, "sleep", function(seconds) slept[#slept + 1] = seconds end),
      stub(dispatcher, "new", function(given)
        return { inbox = given.inbox, turn = function() return table.remove(pauses, 1) end, on = function() end,
          close = function(self) self.inbox:close() end }
      end),
    }
    finally(function() for _, one in ipairs(stubs) do one:revert() end end)
    shell.run(("echo 'return function() end' > %s/handlers.lua"):format(folder))
    local status = cli.main {
      "work", folder .. "/handlers.lua", "--inbox", "sqlite:" .. folder .. "/inbox.db",
    }
    assert.equal(0, status)
    assert.same({ 0.5, 0.25 }, slept)
  end)
end)
