-- From a request to a published folder, against a simulated App Store Connect.
local package_work = require "support.package_work"
local shell = require "support.shell"

describe("packages that are fetched", function()
  local work

  setup(function() work = package_work.start() end)
  teardown(function() work:stop() end)
  before_each(function() work:reset() end)

  local FILES = "GET /simulator/files/"

  it("are published whole, with their key blobs, and are current", function()
    local p, version = work:open(), work:add_version { variants = 3, deltas = 2 }
    assert.equal("new", p:request { version = version.id, app = version.app })
    assert.equal("known", p:request { version = version.id, app = version.app })
    assert.equal("job_done", work:finish(p).event)
    assert.equal(1000000, work:expect_whole(1).bytes)
    assert.equal(version.id, p:current(version.item_id).id)
    for _, asset in ipairs(assert(p:show(version.id)).asset_list) do
      assert.equal("chunks", asset.proof)
      assert.is_string(p:key_blob(asset.public_id))
    end
    assert.equal("known", p:request { version = version.id })
    assert.equal(0, shell.run("find " .. work.folder .. "/staging -mindepth 1 | wc -l") + 0)
  end)

  it("are Apple's bytes, also manifest.json and signature", function()
    local p, version = work:open(), work:add_version { deltas = 1 }
    work:fetch(p, version)
    local archives = shell.run "mktemp -d"
    finally(function() shell.run("rm -rf " .. archives) end)
    local url = assert(work.client.alternativeDistributionPackageVersions:get(version.id)).url
    assert(work.client:download(url, { file = ("%s/%s.zip"):format(archives, version.id) }))
    assert.same({}, work:check(archives).problems)
    shell.run(("printf ' ' >> %s/manifest.json"):format(work:public(version)))
    assert.matches("is not what the archive has", work:check(archives).problems[1].message)
  end)

  it("can be read by a web server, whatever the umask", function()
    local version, p = work:add_version(), work:open()
    p:request { version = version.id }
    local pid, pipe = work:start_writer "umask 077;"
    work:turn_until(p, function() return work:check().folders == 1 end)
    os.execute("kill -TERM " .. pid)
    pipe:close()
    work:expect_whole(1)
  end)

  it("have no file too many, though a process was killed while it wrote one", function()
    local version, p = work:add_version(), work:open()
    local folder = ("%s/staging/%s"):format(work.folder, version.id)
    shell.run(("mkdir -p %s; touch %s/.manifest.json.0123456789abcdef.tmp"):format(folder, folder))
    assert.equal("job_done", work:fetch(p, version).event)
    work:expect_whole(1)
  end)

  it("are told on the way", function()
    local p, version = work:open { parallel = 1 }, work:add_version { variants = 2 }
    work:fetch(p, version)
    assert.equal(1, #work:told "job_started")
    assert.equal(2, #work:told "asset_started")
    local done = work:told "asset_done"
    assert.same({ 200000, 200000, 200000, 400000, "chunks" },
      { done[1].bytes, done[1].total, done[1].version_bytes, done[1].version_total, done[1].proof })
    assert.equal(400000, done[2].version_bytes)
    assert.equal(1, #work:told "published")
    assert.equal("published", work:told "job_done"[1].result)
  end)

  it("are only new files if a newer revision lists the old ones, which are linked", function()
    local p, first = work:open(), work:add_version { variants = 3 }
    work:fetch(p, first)
    work:forget_requests()
    local second = work:add_version { package = first.package, deltas = 2 }
    assert.equal("job_done", work:fetch(p, second).event)
    assert.equal(0, (work:count_requests(FILES .. "variants")))
    assert.same({ 2, 400000 }, { work:count_requests(FILES .. "deltas") })
    work:expect_whole(2)
    assert.equal(second.id, p:current(first.item_id).id)
    local links = shell.run(("stat -c %%h %s/variant/*.ipa | sort -u"):format(work:public(second)))
    assert.equal("2", links)
  end)

  it("leave nothing of a download that turns out not to be needed", function()
    local p, first = work:open(), work:add_version { variants = 1 }
    work:fetch(p, first)
    local path = p:show(first.id).asset_list[1].path
    local second = work:add_version { package = first.package, deltas = 1 }
    local folder = ("%s/staging/%s/variant"):format(work.folder, second.id)
    shell.run(("mkdir -p %s; head -c 1000 /dev/zero > %s/%s.part"):format(folder, folder, path:match "[^/]+$"))
    assert.equal("job_done", work:fetch(p, second).event)
    work:expect_whole(2)
  end)

  it("are fetched anew if their digests differ, although their ids are those of old ones", function()
    local p, first = work:open(), work:add_version { variants = 2 }
    work:fetch(p, first)
    local changed = p:show(first.id).asset_list[2].public_id
    work:change_file(changed)
    local second = work:add_version { package = first.package }
    work:forget_requests()
    assert.equal("job_done", work:fetch(p, second).event)
    assert.equal(1, (work:count_requests(FILES .. "variants/" .. changed)))
    assert.equal(1, (work:count_requests(FILES .. "variants")))
    work:expect_whole(2)
  end)

  it("follow Apple down to an older revision", function()
    local p, first = work:open(), work:add_version { variants = 1 }
    work:fetch(p, first)
    local second = work:add_version { package = first.package, deltas = 1 }
    work:fetch(p, second)
    assert.equal(second.id, p:current(first.item_id).id)
    work:set_state(first, "COMPLETED")
    work:forget_requests()
    assert.equal("job_done", work:fetch(p, first).event)
    assert.equal(0, (work:count_requests(FILES .. "variants")))
    assert.equal(first.id, p:current(first.item_id).id)
    work:expect_whole(2)
  end)

  it("stay current if an older revision is announced again that App Store Connect has as COMPLETED, too", function()
    local real = work.client.alternativeDistributionPackageVersions
    local versions = setmetatable({
      get = function(_, ...)
        local found, message, code, detail = real:get(...)
        if found then found.state = "COMPLETED" end
        return found, message, code, detail
      end,
    }, { __index = real })
    local p, first = work:open(), work:add_version { variants = 1 }
    work:fetch(p, first)
    local second = work:add_version { package = first.package, deltas = 1 }
    work:fetch(p, second)
    p.client = setmetatable({ alternativeDistributionPackageVersions = versions }, { __index = work.client })
    local moved = work:fetch(p, first)
    assert.same({ "job_moved", second.id }, { moved.event, moved.moved_to })
    assert.equal("job_done", work:finish(p).event)
    assert.equal(second.id, p:current(first.item_id).id)
  end)

  it("are the newest version if an old notification names one that was replaced", function()
    local p, first = work:open(), work:add_version { variants = 1 }
    local second = work:add_version { package = first.package, deltas = 1 }
    local moved = work:fetch(p, first)
    assert.same({ "job_moved", second.id }, { moved.event, moved.moved_to })
    assert.equal("job_done", work:finish(p).event)
    assert.equal(second.id, p:current(first.item_id).id)
    work:expect_whole(1)
  end)

  it("can be named by their package", function()
    local p, version = work:open(), work:add_version { variants = 1 }
    p:request { package = version.package }
    assert.equal("job_moved", work:finish(p).event)
    assert.equal("job_done", work:finish(p).event)
    assert.equal(version.id, p:current(version.item_id).id)
  end)

  it("may have 84 deltas", function()
    local p, version = work:open { parallel = 8 }, work:add_version { variants = 6, deltas = 84, size = 70000 }
    assert.equal("job_done", work:fetch(p, version).event)
    local found = work:expect_whole(1)
    assert.same({ 90, 90 * 70000 }, { found.assets, found.bytes })
  end)

  it("are proved by what there is: digests, fileChecksum or the size, and the last is told", function()
    local p, version = work:open(), work:add_version {
      variants = {
        {}, { digests = "unencrypted", checksum = "sha256" }, { digests = "unencrypted", checksum = "md5_base64" },
        { digests = "unencrypted", checksum = "none" }, { digests = "unencrypted", checksum = "unknown" },
        { checksum = "wrong" },
      },
    }
    assert.equal("job_done", work:fetch(p, version).event)
    local proofs = {}
    for i, asset in ipairs(p:show(version.id).asset_list) do proofs[i] = asset.proof end
    assert.same({ "chunks", "checksum", "checksum", "size", "size", "chunks" }, proofs)
    local unverified = 0
    for _, entry in ipairs(work.logged) do
      if entry.message == "unverified" then unverified = unverified + 1 end
    end
    assert.equal(2, unverified)
    work:expect_whole(1)
  end)

  it("are bad if fileChecksum is wrong and nothing else proves them, or if it is always to be right", function()
    local p = work:open()
    local version = work:add_version { variants = { { digests = "unencrypted", checksum = "wrong" } } }
    local failed = work:fetch(p, version)
    assert.same({ "job_failed", "asset_corrupt" }, { failed.event, failed.code })
    assert.matches("^variant/.*%.ipa is not what its fileChecksum says", failed.message)
    local strict = work:add_version { variants = { { checksum = "wrong" } }, checksum = "sha256" }
    p:close()
    p = work:open { checksum = "always" }
    assert.equal("asset_corrupt", work:fetch(p, strict).code)
    p:close()
    p = work:open { checksum = "never" }
    assert.equal("job_done", work:fetch(p, version).event)
  end)
end)
