-- marketplace packages as a process, with the simulator in the place of App Store Connect and its CDN.
local json = require "marketplace.json"
local marketplace = require "marketplace"
local shell = require "support.shell"
local simulated_api = require "support.simulated_api"
local wait_until = require "support.wait_until"

describe("marketplace packages, run", function()
  local api, folder

  setup(function() api = simulated_api.start() end)
  teardown(function() api:stop() end)
  before_each(function() folder = shell.run "mktemp -d" end)
  after_each(function() shell.run("rm -rf " .. folder) end)

  local function command(arguments)
    return shell.marketplace("packages " .. arguments, ("env %s MARKETPLACE_PACKAGES=%s/p"):format(api:environment(),
      folder))
  end

  local function expect(status, arguments, pattern)
    local output, got = shell.capture(command(arguments))
    assert.equal(status, got, arguments .. "\n" .. output)
    if pattern then assert.matches(pattern, output) end
    return output
  end

  local count = 0

  -- A package of its own with one version; their ids.
  local function new_version(given)
    count = count + 1
    given = given or {}
    given.package, given.package_version = given.package or "p" .. count, "v" .. count
    api:control("POST", "/versions", given)
    return given.package_version, given.package
  end

  -- As a callback does.
  local function want(version)
    local packages = assert(marketplace.packages { folder = folder .. "/p" })
    assert(packages:request { version = version })
    packages:close()
  end

  local function row_of(version)
    return json.decode(expect(0, ("show %s --json"):format(version)))
  end

  it("fetch fails if it cannot become the one that fetches", function()
    want "none"
    shell.run(("rm -f %s/p/state/lock && mkdir %s/p/state/lock"):format(folder, folder))
    expect(1, "fetch --version none", "^marketplace: [^\n]*state/lock: the lock cannot be opened")
  end)

  it("fetch brings a version, or a package's newest, and says so if it is here", function()
    local version, package = new_version { deltas = 1 }
    expect(0, "fetch --version " .. version, ("^%s is published\n$"):format(version))
    expect(0, "fetch --version " .. version, ("^marketplace: %s is published already\n$"):format(version))
    local newer = new_version { package = package }
    expect(0, "fetch --package " .. package, ("^%s is published\n$"):format(newer))
    assert.is_true(row_of(newer).is_current)
    assert.is_false(row_of(version).is_current)
    expect(0, "fetch", "^marketplace: nothing is wanted now\n$")
  end)

  it("fetch tells programs what happens, and people what fails", function()
    local version = new_version()
    local events = {}
    for line in expect(0, ("fetch --version %s --json"):format(version)):gmatch "[^\n]+" do
      events[#events + 1] = json.decode(line).event
    end
    assert.equal("job_started", events[1])
    assert.equal("job_done", events[#events])
    expect(1, "fetch --version unknown", "^marketplace: unknown is not fetched: .*404.*; it is tried again in %d+ s\n$")
    expect(0, "list --state wanted", '"code":"gone"')
    expect(0, "fetch", "^marketplace: nothing is due now; waiting for their next try: 1; when, and why: [^\n]*\n$")
  end)

  it("verify names a file that was damaged, one too many and one that is gone", function()
    local version = new_version()
    expect(0, "fetch --version " .. version)
    expect(0, "verify --all", "is as its manifest says: 2 assets, 300 kB\n$")
    local place = ("%s/p/public/%s"):format(folder, row_of(version).path)
    shell.run(("touch %s/.DS_Store"):format(place))
    expect(1, "verify " .. version, "has problems.*%.DS_Store.*versions that are not as their manifests say: 1 of 1\n$")
    shell.run(("rm %s/.DS_Store; for f in %s/variant/*; do printf x | dd of=$f conv=notrunc 2>&1; done"):format(place,
      place))
    expect(1, "verify --all", "variant/")
    shell.run(("rm %s/signature"):format(place))
    expect(1, "verify --all", "signature")
  end)

  it("hold keeps from being served what is fetched later, and release ends that", function()
    local version, package = new_version()
    expect(0, ("fetch --version %s"):format(version))
    expect(0, ("hold --package %s --reason 'a complaint'"):format(package), ("^%s is withdrawn\n$"):format(version))
    expect(0, "list --table", ("package %s is held: a complaint\n$"):format(package:gsub("%-", "%%-")))
    expect(0, "show " .. version, ("\nhold scope         package\nhold id            %s\n"):format(
      package:gsub("%-", "%%-")))
    assert.equal("a complaint", row_of(version).hold.reason)
    expect(0, "release --version " .. version, "^nothing changes: no hold is on exactly this; .*list\n$")
    local newer = new_version { package = package }
    expect(1, "fetch --version " .. newer, "is here, and is not published, as it is held\n$")
    expect(0, "list --current", "^$")
    expect(0, "release --package " .. package, newer .. " is published again")
    assert.is_true(row_of(newer).is_current)
    assert.is_nil(row_of(newer).hold)
  end)

  it("collect deletes what was withdrawn, and restore has it fetched again", function()
    local version = new_version()
    expect(0, "fetch --version " .. version)
    expect(0, "withdraw --version " .. version)
    expect(0, "collect --older-than 1h", "^deleted: 0 versions, 0 B\n$")
    expect(0, "collect --older-than 0s", "^deleted: 1 versions, 300 kB\n$")
    expect(0, "restore --version " .. version, "is not here any more, and is fetched again\n$")
    expect(0, "fetch", version .. " is published\n$")
  end)

  it("sync wants what is newer at App Store Connect", function()
    local version, package = new_version()
    expect(0, "fetch --version " .. version)
    local newer = new_version { package = package }
    expect(0, "sync", "^App Store Connect has 1 versions; newly wanted: 1\n$")
    expect(0, "fetch", newer .. " is published\n$")
  end)

  it("work is stopped by a signal, and a second one takes over", function()
    local pids = {}
    finally(function()
      for _, one in ipairs(pids) do os.execute(("kill -KILL %d 2> /dev/null"):format(one)) end
    end)
    local function work()
      local pipe, pid = shell.in_background(command "work")
      pids[#pids + 1] = pid
      return pipe, pid
    end
    local first, pid = work()
    assert.matches("new folder of packages", first:read "*l")
    assert.matches("^    reason=", first:read "*l")
    assert.matches("fetching packages", first:read "*l")
    local version = new_version()
    local second, second_pid = work()
    assert.matches("fetching packages", second:read "*l")
    assert.matches("standing by", second:read "*l")
    expect(0, "fetch --version " .. version, "another process fetches for this folder")
    assert.matches("info .* version=" .. version .. "$", first:read "*l")
    os.execute("kill -TERM " .. pid)
    assert.matches(" stopped\n$", first:read "*a")
    local newer = new_version()
    want(newer)
    assert.matches("info .* version=" .. newer .. "$", second:read "*l")
    os.execute("kill -INT " .. second_pid)
    assert.matches(" stopped\n$", second:read "*a")
    wait_until("they did not end", function()
      return not shell.is_alive(pid) and not shell.is_alive(second_pid)
    end)
    first:close()
    second:close()
  end)
end)
