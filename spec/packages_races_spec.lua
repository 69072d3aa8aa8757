-- What happens at the same time as a package is fetched.
local core = require "marketplace.core"
local package_work = require "support.package_work"
local shell = require "support.shell"
local wait_until = require "support.wait_until"

describe("packages that are fetched while something else happens", function()
  local work

  setup(function() work = package_work.start() end)
  teardown(function() work:stop() end)
  before_each(function() work:reset() end)

  local VARIANTS = "GET /simulator/files/variants"

  -- Calls something once, in the middle of a job: at its first event of that kind.
  local function at(kind, act)
    local is_done = false
    work.on_event = function(event)
      if is_done or event.event ~= kind then return end
      is_done = true
      act()
    end
  end

  it("are not published if they are taken down before, during or after", function()
    local p = work:open { parallel = 1 }
    local before, during, after = work:add_version(), work:add_version(), work:add_version()
    p:withdraw { package = before.package, at = core.now() + 60 }
    local failed = work:fetch(p, before)
    assert.same({ "job_failed", "unavailable", true }, { failed.event, failed.code, failed.ended })
    at("asset_done", function() p:withdraw { package = during.package, at = core.now() + 60 } end)
    assert.equal("unavailable", work:fetch(p, during).code)
    assert.equal(1, #work:told "asset_done")
    work:fetch(p, after)
    work:expect_whole(1)
    p:withdraw { package = after.package, at = core.now() + 60 }
    work:expect_whole(0)
    assert.is_falsy(p:current(after.item_id))
  end)

  it("are not published if Apple replaced them meanwhile, although the clock went back", function()
    local p, version = work:open { parallel = 1 }, work:add_version { variants = 2 }
    at("asset_done", function()
      work:set_state(version, "REPLACED")
      work.later = -3600
    end)
    assert.equal("replaced", work:fetch(p, version).code)
    work:expect_whole(0)
  end)

  it("are published if they come back, also if they had not been fetched", function()
    local p, version = work:open(), work:add_version()
    p:withdraw { app = version.app, at = core.now() + 60 }
    work:fetch(p, version)
    work:expect_whole(0)
    p:restore { app = version.app, at = core.now() + 120 }
    assert.equal("job_done", work:finish(p).event)
    work:expect_whole(1)
    p:withdraw { app = version.app, at = core.now() + 180 }
    work:expect_whole(0)
    p:restore { app = version.app, at = core.now() + 240 }
    work:expect_whole(1)
  end)

  it("are published if they come back, although only App Store Connect says whose they are", function()
    for _, scope in ipairs { "package", "app" } do
      local p, version = work:open(), work:add_version()
      local id = scope == "package" and version.package or version.item_id
      p:withdraw { [scope] = id, at = core.now() + 60 }
      p:request { version = version.id }
      assert.equal("unavailable", work:finish(p).code)
      p:restore { [scope] = id, at = core.now() + 120 }
      assert.equal("job_done", work:finish(p).event)
      work:expect_whole(1)
      work:reset()
    end
  end)

  it("go on after a mistake in the program, which keeps no place from the others", function()
    local real, is_wrong = work.client.alternativeDistributionPackageVersions, false
    local versions = setmetatable({
      get = function(_, ...)
        if is_wrong then error "a mistake" end
        return real:get(...)
      end,
    }, { __index = real })
    local client = setmetatable({ alternativeDistributionPackageVersions = versions }, { __index = work.client })
    local p, version = work:open { parallel = 1, client = client }, work:add_version { variants = 2 }
    at("asset_done", function() is_wrong, work.later = true, 601 end)
    assert.equal("internal_error", work:fetch(p, version).code)
    is_wrong = false
    assert.equal("job_done", work:fetch(p, version).event)
    work:expect_whole(1)
  end)

  it("share the rate with no download that ended by a mistake in the program", function()
    local is_wrong = true
    local client = setmetatable({
      download = function(_, url, given)
        if not (is_wrong and url:find "variants") then return work.client:download(url, given) end
        given.started { head = function() end, limit = function() error "it has ended" end }
        error "a mistake"
      end,
    }, { __index = work.client })
    local p = work:open { client = client, max_bytes_per_second = 1e7 }
    local version = work:add_version { variants = 2 }
    assert.equal("internal_error", work:fetch(p, version).code)
    is_wrong = false
    work:fault("file_slow", { rate = 400000, path = "/simulator/files/variants" }) -- so that the rate is shared out
    assert.equal("job_done", work:fetch(p, version).event)
  end)

  it("are published although App Store Connect still says elsewhere that they were replaced", function()
    local real = work.client.alternativeDistributionPackageVersions
    local versions = setmetatable({
      get = function(_, ...)
        local found, message, code, detail = real:get(...)
        if found then found.state = "REPLACED" end
        return found, message, code, detail
      end,
    }, { __index = real })
    local client = setmetatable({ alternativeDistributionPackageVersions = versions }, { __index = work.client })
    local p, version = work:open { client = client }, work:add_version { variants = 1 }
    assert.equal("published", work:fetch(p, version).result)
  end)

  it("are taken down by what has no time, although the clock is behind", function()
    local p, version = work:open(), work:add_version()
    p:request { version = version.id, at = core.now() + 3600 }
    assert.equal("job_done", work:finish(p).event)
    assert.same({ version.id }, p:withdraw { package = version.package }.withdrawn)
    work:expect_whole(0)
  end)

  it("ignore a takedown that is older than what makes them available, and one that names no territory", function()
    local p, version = work:open(), work:add_version()
    p:request { version = version.id, package = version.package, app = version.app, at = 2000 }
    p:withdraw { package = version.package, at = 1000 }
    p:withdraw { app = version.app, at = 3000, territories = {} }
    assert.equal("job_done", work:finish(p).event)
    work:expect_whole(1)
  end)

  it("stay where they are if only some territories lose them", function()
    local p, version = work:open(), work:add_version()
    p:withdraw { app = version.app, at = core.now() + 60, territories = { "FRA" } }
    assert.equal("job_done", work:fetch(p, version).event)
    work:expect_whole(1)
  end)

  it("give way to a newer revision that comes while they download", function()
    local p, first, second = work:open { parallel = 2 }, work:add_version { variants = 3 }, nil
    at("asset_done", function()
      second = work:add_version { package = first.package, deltas = 1 }
      p:request { version = second.id, app = second.app }
    end)
    work:fault("file_slow", { rate = 150000, times = 3, path = "/simulator/files/variants" })
    local moved = work:fetch(p, first)
    assert.same({ "job_moved", second.id }, { moved.event, moved.moved_to })
    assert.equal("job_done", work:finish(p).event)
    assert.equal(second.id, p:current(first.item_id).id)
    work:expect_whole(1)
  end)

  it("wait for another version of their package, and keep no place from other packages meanwhile", function()
    local p, first = work:open { parallel = 2 }, work:add_version { variants = 1 }
    local second = work:add_version { package = first.package, deltas = 1 }
    work:set_state(first, "COMPLETED")
    local other = work:add_version { variants = 1, size = 1000 }
    work:fault("file_slow", { rate = 100000, path = "/simulator/files/variants" })
    p:request { version = first.id }
    at("asset_started", function()
      work:set_state(second, "COMPLETED")
      p:request { version = second.id }
      p:request { version = other.id }
    end)
    assert.same({ "job_done", other.id }, { work:finish(p).event, work.events[work.seen].version })
    assert.same({ "job_moved", first.id }, { work:finish(p).event, work.events[work.seen].version })
    assert.same({ "job_done", second.id }, { work:finish(p).event, work.events[work.seen].version })
    work:expect_whole(2)
  end)

  it("have one writer; another one waits, and takes over", function()
    local one, other, version = work:open(), work:open(), work:add_version()
    assert.is_true(one:lock())
    assert.same({ 1, "standby" }, { other:turn(0) })
    other:request { version = version.id }
    assert.same({ nil, "locked" }, { (other:lock()), select(3, other:lock()) })
    one:close()
    assert.equal("job_done", work:finish(other).event)
    work:expect_whole(1)
    assert.equal(1, #work:told "standby")
  end)

  it("go on where a writer that was stopped had come", function()
    local p = work:open { parallel = 1 }
    local version = work:add_version { variants = { {}, {}, { size = 1000000 } } }
    work:fault("file_slow", { rate = 300000, skip = 2, path = "/simulator/files/variants" })
    p:request { version = version.id }
    work:turn_until(p, function()
      local progress = work:told "asset_progress"
      return progress[#progress] and progress[#progress].version_bytes > 800000
    end)
    p:close()
    work:clear_faults()
    work:forget_requests()
    p = work:open()
    assert.equal("job_done", work:finish(p).event)
    assert.equal(1, (work:count_requests(VARIANTS)))
    work:expect_whole(1)
  end)

  it("go on where a process that was killed had come, with digests or an ETag", function()
    local version = work:add_version {
      variants = { { size = 1000000 }, { size = 1000000, digests = "unencrypted", checksum = "none" } },
    }
    local p = work:open()
    p:request { version = version.id }
    work:fault("file_slow", { rate = 500000, times = 2, path = "/simulator/files/variants" })
    local pid, pipe = work:start_writer()
    wait_until("it does not arrive", function()
      return shell.run(("find %s/staging -name '*.part' -size +400k | wc -l"):format(work.folder)) == "2"
    end)
    os.execute("kill -9 " .. pid)
    pipe:close()
    work:clear_faults()
    work:forget_requests()
    assert.equal("job_done", work:finish(p).event)
    local count, bytes = work:count_requests(VARIANTS)
    assert.equal(2, count)
    assert.is_true(bytes < 1300000, "fetched anew: " .. bytes)
    work:expect_whole(1)
  end)

  it("leave others their turn: a small package does not wait behind a large one", function()
    local p = work:open { parallel = 2 }
    local large = work:add_version { variants = 30, size = 70000 }
    local small = work:add_version { variants = 1 }
    work:fault("file_slow", { rate = 500000, times = 1000, path = "/simulator/files/variants" })
    p:request { version = large.id }
    p:request { version = small.id }
    assert.equal(small.id, work:finish(p).version)
    assert.equal(large.id, work:finish(p).version)
    work:expect_whole(2)
  end)

  it("keep to a rate", function()
    local p, version = work:open { max_bytes_per_second = 400000, parallel = 2 }, work:add_version { variants = 5 }
    local began = core.monotonic()
    assert.equal("job_done", work:fetch(p, version).event)
    assert.is_true(core.monotonic() - began > 1) -- 1,000,000 bytes, of which the first second's come at once
  end)
end)
