-- The object of packages: how it is opened, what it tells, and what asks App Store Connect beside its jobs.
local core = require "marketplace.core"
local marketplace = require "marketplace"
local package_work = require "support.package_work"
local samples = require "marketplace.samples"
local shell = require "support.shell"

describe("marketplace.packages", function()
  local work

  setup(function() work = package_work.start() end)
  teardown(function() work:stop() end)
  before_each(function() work:reset() end)

  it("raises for options that are wrong", function()
    for pattern, given in pairs {
      ["option 'folder' is missing"] = {}, ["option 'folder' is empty"] = { folder = "" },
      ["'parallel' must be an integer from 1 to 64"] = { folder = "x", parallel = 0 },
      ["'max_calls_per_hour' must be an integer"] = { folder = "x", max_calls_per_hour = 1.5 },
      ["'min_free' must not be negative"] = { folder = "x", min_free = -1 },
      ["'grace' must not be negative"] = { folder = "x", grace = 0 / 0 },
      ["'checksum' must be when_needed, always or never"] = { folder = "x", checksum = "often" },
    } do
      local ok, problem = pcall(marketplace.packages, given)
      assert.is_false(ok)
      assert.matches(pattern, problem)
    end
    local p = work:open()
    p.client = nil
    for _, method in ipairs { "turn", "lock", "sync" } do
      assert.has_error(function() p[method](p, method == "turn" and 0 or nil) end,
        ("packages:%s: option 'client' of marketplace.packages is needed"):format(method))
    end
    for _, method in ipairs { "withdraw", "restore", "hold", "release" } do
      local problem = ("packages:%s: one of 'app', 'package' and 'version' is needed"):format(method)
      assert.has_error(function() p[method](p, {}) end, problem)
      assert.has_error(function() p[method](p, { app = "1", package = "2" }) end, problem)
    end
    assert.has_error(function() p:request {} end, "packages:request: option 'version' or 'package' is needed")
  end)

  it("says which rock is missing", function()
    local said = shell.run(([[%s -e '
      package.preload["marketplace.package_io"] = function() error "not there" end
      print(select(2, require("marketplace").packages { folder = "/nowhere/at/all" }))']]):format(shell.LUA))
    assert.equal("marketplace.packages needs marketplace.package_io: luarocks install lua-marketplace-packages\t" ..
      "not_installed", said)
  end)

  it("tells if the folder cannot be made", function()
    local p, message, code = marketplace.packages { folder = "/proc/nothing" }
    assert.same({ nil, "file_missing" }, { p, code })
    assert.matches("/proc/nothing", message)
  end)

  it("tells that a folder is new, and that the key blobs are lost: a disk may not be mounted", function()
    local folder, entries = shell.run "mktemp -d", {}
    local function open()
      entries = {}
      local log = { wants_info = true, write = function(entry) entries[#entries + 1] = entry end }
      assert(marketplace.packages { folder = folder, log = log }):close()
      return entries[1] or {}
    end
    local first = open()
    assert.same({ "info", "new folder of packages" }, { first.level, first.message })
    assert.matches(folder .. ": if there were packages before, stop what uses it, and mount the disk", first.reason,
      1, true)
    assert.same({}, open())
    shell.run(("rm %s/state/keys.db*"):format(folder))
    local lost = open()
    assert.same({ "warning", "advice" }, { lost.level, lost.message })
    assert.matches("/state/keys.db was gone, and is empty now: restore it from a backup", lost.reason, 1, true)
    assert.same({}, open())
    shell.run("rm -r " .. folder)
  end)

  it("refuses ids that could be paths", function()
    local p = work:open()
    for _, id in ipairs { "../x", "a/b", ".hidden", "" } do
      assert.same({ nil, "id_invalid" }, { p:request { version = id }, select(3, p:request { version = id }) })
    end
  end)

  it("does not fail with the program that follows it", function()
    local p, version = work:open { on_event = function() error "broken" end }, work:add_version()
    p:request { version = version.id }
    work:turn_until(p, function() return p:current(version.item_id) end)
    local told = 0
    for _, entry in ipairs(work.logged) do
      if entry.message == "on_event failed" then told = told + 1 end
    end
    assert.is_true(told > 0)
  end)

  it("does from callbacks what Apple's events say", function()
    local p, version = work:open(), work:add_version()
    local receiver = marketplace.receiver { secrets = "s", log = function() end }
    p:add_callbacks(receiver)
    local now = core.now()
    local function receive(event, generation, seconds)
      local body = samples.body(event, {
        generation = generation, time = now + seconds, app_id = version.app, package_id = version.package,
        package_version_id = version.id,
      })
      local headers = { ["x-apple-signature"] = marketplace.sign("s", body) }
      receiver:handle { method = "POST", body = body, headers = headers }
      receiver:dispatch()
    end
    local function is_served() return p:current(version.item_id) ~= false end
    receive("version_available", 2, 1)
    work:finish(p)
    assert.is_true(is_served())
    receive("app_unavailable", 1, 2)
    assert.is_false(is_served())
    receive("version_available", 1, 3)
    work:finish(p)
    assert.is_true(is_served())
    receive("versions_unavailable", 1, 4)
    assert.is_false(is_served())
    receive("versions_restored", 2, 5) -- in some territories, which is enough to serve it there
    assert.is_true(is_served())
    receive("versions_unavailable", 1, 0)
    assert.is_true(is_served())
    receiver:close()
  end)

  it("tells its metrics", function()
    local p = work:open()
    local version = work:add_version { variants = { {}, { digests = "unencrypted", checksum = "none" } } }
    work:fetch(p, version)
    p:request { version = "not-there" }
    work.later = 100
    local text = assert(p:metrics())
    for name, value in pairs {
      ['jobs{state="wanted"}'] = "1", ['jobs{state="ended"}'] = "0", served = "1", unverified = "1", missing_keys = "0",
      bytes_total = "400000", oldest_wanted_seconds = "100%.?%d*", disk_free_bytes = "%d+",
    } do
      assert.matches(("\nmarketplace_packages_%s %s\n"):format(name:gsub("%p", "%%%0"), value), "\n" .. text)
    end
  end)

  describe("sync", function()
    it("requests what is new of the packages that are known", function()
      local p, first = work:open(), work:add_version { variants = 1 }
      work:fetch(p, first)
      assert.same({ seen = 1, known = 1, requested = {} }, p:sync())
      local second = work:add_version { package = first.package, deltas = 1 }
      assert.same({ seen = 1, known = 0, requested = { second.id } }, p:sync())
      assert.same({ seen = 1, known = 1, requested = {} }, p:sync())
      assert.same({ seen = 0, known = 0, requested = {} }, p:sync { apps = { "1" } })
      assert.equal("job_done", work:finish(p).event)
      assert.equal(second.id, p:current(first.item_id).id)
    end)

    it("asks for the packages of one's own apps", function()
      local p = work:open()
      local asked, client = {}, { rate_limit = {} }
      function client.request(_, _, path)
        asked[#asked + 1] = path
        return { data = { { id = "v1" }, { id = "v2" } }, links = {} }
      end
      client.alternativeDistributionPackages = {
        get = function(_, given)
          if given.appStoreVersion == "v1" then return { id = "p1" } end
          return nil, "there is no such resource", "api_error", { status = 200 }
        end,
      }
      client.alternativeDistributionPackageVersions = {
        each = function(_, given)
          asked[#asked + 1] = given.alternativeDistributionPackage
          local left = { { id = "n1", version = "9" }, { id = "n2", version = "10" } }
          return function() return table.remove(left, 1) end, { list = {}, index = 0, page = {} }
        end,
      }
      p.client = client
      assert.same({ seen = 1, known = 0, requested = { "n2" } }, p:sync { apps = { "77" } })
      assert.same({ "/v1/apps/77/appStoreVersions?limit=200", "p1" }, asked)
    end)

    it("requests what it can although App Store Connect refuses a package, and tells that", function()
      local p = work:open()
      local first, second = work:add_version { variants = 1 }, work:add_version { variants = 1 }
      work:fetch(p, first)
      work:fetch(p, second)
      for _, one in ipairs { first, second } do work:add_version { package = one.package, deltas = 1 } end
      work:fault("403", { times = 1 })
      local result, message, code = p:sync()
      assert.same({ nil, "forbidden" }, { result, code })
      assert.matches("403", message)
      assert.equal(1, #p:jobs { state = "wanted" })
    end)

    it("reads no page of one's own app twice, and fails if an answer cannot be read", function()
      local p, count, code = work:open(), 0, "api_error"
      p.client = {
        rate_limit = {},
        request = function(_, _, path)
          count = count + 1
          assert(count < 3, "it goes on for ever")
          return { data = { { id = "v1" } }, links = { next = path } }
        end,
        alternativeDistributionPackages = { get = function() return nil, "why", code, { status = 200 } end },
      }
      assert.same({ seen = 0, known = 0, requested = {} }, p:sync { apps = { "77" } })
      assert.equal(1, count)
      code = "answer_invalid"
      assert.same({ nil, "why", "answer_invalid" }, { p:sync { apps = { "77" } } })
      for _, version in ipairs { "v1", { id = 1 } } do
        p.client.request = function(_, _, path)
          assert.equal("/v1/apps/7%2F7/appStoreVersions?limit=200", path)
          return { data = { version }, links = {} }
        end
        assert.same({ nil, "answer_invalid" }, { (function(a, _, c) return a, c end)(p:sync { apps = { "7/7" } }) })
      end
    end)

    it("tells what fails", function()
      local p, version = work:open(), work:add_version()
      work:fetch(p, version)
      work:fault("500", { times = 100 })
      local result, message, code = p:sync()
      assert.same({ nil, "api_error" }, { result, code })
      assert.matches("500", message)
    end)
  end)
end)
