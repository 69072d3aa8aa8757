-- The options that serve and work have in common.
local core = require "marketplace.core"
local running = require "marketplace.cli.support.running"
local shell = require "support.shell"

describe("serve's and work's options", function()
  local folder
  local getenv = os.getenv

  before_each(function()
    folder = shell.run "mktemp -d"
    rawset(os, "getenv", function() end)
  end)

  after_each(function()
    rawset(os, "getenv", getenv)
    shell.run("rm -rf " .. folder)
  end)

  local function config(text)
    assert(core.replace_file(folder .. "/config", text))
    return folder .. "/config"
  end

  local function resolved(parsed)
    local problem = running.resolve(parsed) or running.usage_problem(parsed)
    return problem or { parsed.attempts, parsed.keep }
  end

  it("say how often a notification is tried and how long bodies are kept, over the config file", function()
    assert.same({}, resolved {})
    assert.same({ 3, 43200 }, resolved { attempts = "3", keep = "12h" })
    local path = config "attempts = 40\nkeep = 30d\n"
    assert.same({ 40, 2592000 }, resolved { config = path })
    assert.same({ 1, 2592000 }, resolved { config = path, attempts = "1" })
    assert.same({ 40, 0 }, resolved { config = path, keep = "0s" })
  end)

  it("are checked, the least and the most included", function()
    for _, value in ipairs { "1", "1000" } do assert.same({ tonumber(value) }, resolved { attempts = value }) end
    for _, value in ipairs { "0", "1001", "1.5", "x", "" } do
      assert.equal("--attempts must be a whole number from 1 to 1000", resolved { attempts = value })
    end
    assert.same({ nil, 90 * 86400 }, resolved { keep = "90d" })
    for _, value in ipairs { "91d", "7", "2026-01-31", "" } do
      assert.equal("--keep must be a length of time of at most 90d, such as 7d or 12h", resolved { keep = value })
    end
  end)

  it("are checked in the config file, too", function()
    assert.matches("config:1: attempts must be a whole number from 1 to 1000$",
      resolved { config = config "attempts = 0\n" })
    assert.matches("config:2: keep must be a length of time of at most 90d, such as 7d or 12h$",
      resolved { config = config "attempts = 2\nkeep = for ever\n" })
    assert.matches("the config file cannot be used", resolved { inbox = "memory", config = "/nowhere", attempts = "2" })
  end)
end)
