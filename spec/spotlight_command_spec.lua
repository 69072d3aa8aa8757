-- marketplace spotlight: what it writes and says, whose packages it takes, and what it says against a file.
local json = require "marketplace.json"
local raw = require "support.raw_http"
local shell = require "support.shell"
local support = require "support.device"

describe("marketplace spotlight", function()
  local setup_, site

  before_each(function()
    setup_ = support.open()
    site = setup_.root .. "/site"
    for _, item in ipairs { "1", "2" } do
      setup_:publish("v" .. item, { appleItemId = item, appleVersionId = "1", bundleId = "com.example." .. item })
    end
  end)

  after_each(function()
    raw.remove_files()
    setup_:close()
  end)

  local function run(lines, more)
    local file = raw.write_file(lines)
    local output, status = shell.capture(("HOME=/nowhere %s"):format(
      shell.marketplace(("spotlight %s %s %s"):format(file, site, more or ""))))
    return status, output, file
  end

  local function options(more)
    return ("return { base_url = 'https://market.example', packages = '%s', %s }"):format(setup_.root, more or "")
  end

  it("writes the files, and says how many", function()
    local status, output = run(options "app = function(version) return { name = 'App ' .. version.item_id } end")
    assert.same({ 0, "apps listed: 2; files written: 3, left as they were: 0, removed: 0\n" }, { status, output })
    assert.matches("<h1 dir=\"auto\">App 2</h1>", raw.read_file(site .. "/apps/2.html"), 1, true)
    status, output = run(options "app = { ['1'] = { name = 'App 1' } }", "--json")
    assert.same({ 0, { apps = 1, written = 1, unchanged = 1, removed = 1 } }, { status, json.decode(output) })
  end)

  it("warns of what is left out, once for each", function()
    local status, output = run(options "app = function() return { popularity = 101 } end")
    assert.equal(0, status)
    assert.equal(2, select(2, output:gsub("marketplace: warning: catalogue entry incomplete app=%d", "")), output)
    assert.matches("'popularity' must be a number from 0 to 100", output, 1, true)
  end)

  it("warns of files that a web server may not be able to read", function()
    local file = raw.write_file(options())
    local output, status = shell.capture(("umask 077; HOME=/nowhere %s"):format(
      shell.marketplace(("spotlight %s %s"):format(file, site))))
    assert.equal(0, status)
    assert.matches(("warning: advice reason=\"only its owner and group can read what is written into %s: if the web " ..
      "server runs as somebody else, use umask 022\""):format(site), output, 1, true)
    output, status = shell.capture(("umask 022; HOME=/nowhere %s"):format(
      shell.marketplace(("spotlight %s %s"):format(file, site))))
    assert.same({ 0, "apps listed: 2; files written: 3, left as they were: 0, removed: 0\n" }, { status, output })
    assert.equal("644\n644\n644", shell.run(("stat -c %%a %s/apps/* %s/*.xml"):format(site, site)))
  end)

  it("takes the packages of --folder, the file, or the configuration", function()
    local without = "return { base_url = 'https://market.example' }"
    assert.equal(0, (run(without, "--folder " .. setup_.root)))
    local other = "return { base_url = 'https://market.example', packages = '/nowhere' }"
    assert.equal(0, (run(other, "--folder " .. setup_.root)))
    local status, output, file = run(other)
    assert.equal(1, status)
    assert.matches(("(the folder of the packages is set by packages in %s)"):format(file), output, 1, true)
    assert.matches("there are no packages in /nowhere: ", output, 1, true)
    status, output = run(([[
      local marketplace = require "marketplace"
      return { base_url = "https://m.example", packages = assert(marketplace.packages { folder = "%s" }) }
    ]]):format(setup_.root))
    assert.equal(0, status, output)
  end)

  it("says what is wrong", function()
    for expected, lines in pairs {
      ["the catalogue's file must return a table of options, and "] = "return nil",
      ["the catalogue's file failed: "] = "error 'oh'",
      ["near"] = "return {",
      ["option 'base_url' must be an https:// URL without a query"] = options "base_url = 'http://market.example'",
      ["unknown option 'titles'"] = options "titles = {}",
      ["option 'app' failed for app 1: "] = options "app = function() error 'the database is down' end",
    } do
      local status, output = run(lines)
      assert.equal(1, status, expected)
      assert.matches(expected, output, 1, true)
      assert.is_nil(output:find("<html", 1, true))
    end
    local output, status = shell.capture(shell.marketplace "spotlight")
    assert.equal(2, status)
    assert.matches("Usage: marketplace spotlight", output, 1, true)
  end)
end)
