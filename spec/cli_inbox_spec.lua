-- Which inbox a command uses, and what says so.
local chosen = require "marketplace.cli.support.inbox"
local config = require "marketplace.cli.support.config"
local core = require "marketplace.core"
local marketplace = require "marketplace"
local shell = require "support.shell"

describe("the command's inbox", function()
  local folder, environment
  local getenv = os.getenv

  before_each(function()
    folder = shell.run "mktemp -d"
    environment = {}
    rawset(os, "getenv", function(name) return environment[name] end)
  end)

  after_each(function()
    rawset(os, "getenv", getenv)
    shell.run("rm -rf " .. folder)
  end)

  local function write(text)
    assert(core.replace_file(folder .. "/config", text))
    return folder .. "/config"
  end

  local function resolved(parsed)
    local problem = chosen.resolve(parsed)
    return problem and { problem } or { parsed.inbox, parsed.inbox_source }
  end

  it("is that of --inbox, then MARKETPLACE_INBOX, then the config file, then the default", function()
    assert.same({ "sqlite:marketplace.db", "the default" }, resolved {})
    environment.MARKETPLACE_CONFIG = write "key_id = a\ninbox = redis://host:6379/0?prefix=m\n"
    assert.same({ "redis://host:6379/0?prefix=m", "inbox in " .. folder .. "/config" }, resolved {})
    environment.MARKETPLACE_INBOX = ""
    assert.same({ "redis://host:6379/0?prefix=m", "inbox in " .. folder .. "/config" }, resolved {})
    environment.MARKETPLACE_INBOX = "postgres://u@h/d"
    assert.same({ "postgres://u@h/d", "MARKETPLACE_INBOX" }, resolved {})
    assert.same({ "memory", "--inbox" }, resolved { inbox = "memory" })
    environment.MARKETPLACE_CONFIG, environment.MARKETPLACE_INBOX = nil, nil
    assert.same({ "redis://host:6379/0?prefix=m", "inbox in " .. folder .. "/config" },
      resolved { config = folder .. "/config" })
  end)

  it("in SQLite is found from the config file's folder", function()
    local path = write "inbox = sqlite:var/inbox.db\n"
    assert.equal("sqlite:" .. folder .. "/var/inbox.db", resolved({ config = path })[1])
    write "inbox = sqlite:/var/inbox.db\n"
    assert.equal("sqlite:/var/inbox.db", resolved({ config = path })[1])
  end)

  it("does not need a config file that cannot be read if something else names it", function()
    environment.MARKETPLACE_CONFIG = write "inbox\n"
    assert.matches("config:1: a line must be name = value$", resolved({})[1])
    assert.same({ "memory", "--inbox" }, resolved { inbox = "memory" })
    environment.MARKETPLACE_INBOX = "memory"
    assert.same({ "memory", "MARKETPLACE_INBOX" }, resolved {})
  end)

  it("may be a URL with a password, which no message shows", function()
    local path = write "inbox = paper://user:hunter2@host\n"
    local settings, message = config.read { config = path }
    assert.is_nil(settings)
    assert.matches("config:1: inbox cannot be read: unknown kind of inbox 'paper'", message)
    assert.is_nil(message:find("hunter2", 1, true))
  end)

  it("is named with what set it if it cannot be opened", function()
    rawset(os, "getenv", getenv)
    local missing = "sqlite:" .. folder .. "/missing.db"
    local path = write("inbox = " .. missing .. "\n")
    for source, command in pairs {
      ["--inbox"] = "inbox stats --inbox " .. missing,
      MARKETPLACE_INBOX = "inbox stats",
      ["inbox in " .. path] = "inbox stats --config " .. path,
    } do
      local output, status = shell.capture(shell.marketplace(command,
        source == "MARKETPLACE_INBOX" and "MARKETPLACE_INBOX=" .. missing or "env -u MARKETPLACE_INBOX"))
      assert.equal(1, status, output)
      assert.is_truthy(output:find("missing.db", 1, true), output)
      assert.is_truthy(output:find("(the inbox is set by " .. source .. ")", 1, true), output)
    end
  end)

  it("can be named in the config file for every command that has one", function()
    rawset(os, "getenv", getenv)
    local path = write "inbox = paper:x\n"
    for _, command in ipairs {
      "serve x.lua", "work x.lua", "inbox list", "inbox show a", "inbox replay a", "inbox run a", "inbox cancel a",
      "inbox prune --bodies-before 1d", "inbox stats", "reconcile --app 1",
      "webhooks rotate-secret a --yes --secret-file x",
    } do
      local line = shell.marketplace(command .. " --config " .. path, "env -u MARKETPLACE_INBOX")
      local output, status = shell.capture(line)
      assert.equal(1, status, output)
      assert.matches("config:1: inbox cannot be read: unknown kind of inbox 'paper'", output)
    end
  end)

  it("is the one of the environment for every command that has one", function()
    rawset(os, "getenv", getenv)
    local box = "sqlite:" .. folder .. "/inbox.db"
    assert(marketplace.inbox(box)):close()
    for _, command in ipairs {
      "inbox list", "inbox stats", "inbox prune --ids-before 90d", "inbox replay --dead", "inbox stats --json",
    } do
      local output, status = shell.capture(shell.marketplace(command, "MARKETPLACE_INBOX=" .. box))
      assert.equal(0, status, output)
    end
    for _, command in ipairs { "work x.lua", "inbox stats", "reconcile --app 1", "serve x.lua --no-dispatch" } do
      local output, status = shell.capture(shell.marketplace(command, "MARKETPLACE_INBOX=memory"))
      assert.equal(2, status, output)
      assert.matches("an inbox in memory belongs to the process that receives: name one that several can use; it is " ..
        "set by MARKETPLACE_INBOX", output)
    end
  end)
end)
