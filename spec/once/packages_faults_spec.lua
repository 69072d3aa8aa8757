-- What goes wrong while packages are fetched, against a simulated App Store Connect. Nothing incomplete or wrong is
-- served, what was served stays, and what can get better is tried again.
local certificates = require "support.certificates"
local package_work = require "support.package_work"
local shell = require "support.shell"
local simulated_api = require "support.simulated_api"

describe("packages that cannot be fetched as they should", function()
  local work

  setup(function() work = package_work.start() end)
  teardown(function() work:stop() end)
  before_each(function() work:reset() end)

  local FILES = "/simulator/files/variants"
  local VARIANTS = "GET " .. FILES

  local function is_refused(event, code, pattern)
    assert.same({ "job_failed", code }, { event.event, event.code })
    assert.matches(pattern, event.message)
  end

  it("fail if the manifest is bad, and leave what is served", function()
    local p, first = work:open(), work:add_version { variants = 1 }
    work:fetch(p, first)
    for text, pattern in pairs { ["{"] = "JSON", ["{}"] = "is missing", ["[1]"] = "JSON" } do
      local second = work:add_version { package = first.package, manifest = text }
      is_refused(work:fetch(p, second), "manifest_invalid", pattern)
    end
    assert.equal(first.id, p:current(first.item_id).id)
    work:expect_whole(1)
  end)

  it("fail if the archive is bad", function()
    local p = work:open()
    for _, problem in ipairs { "third_entry", "path", "link", "encrypted", "no_signature", "truncated" } do
      is_refused(work:fetch(p, work:add_version { archive = problem }), "archive_invalid", "^the archive: ")
    end
    work:expect_whole(0)
  end)

  it("fail if an asset is shorter, longer or without end, or a page, and come if it gets better", function()
    local p, version = work:open(), work:add_version { variants = 1 }
    for _, kind in ipairs { "file_short", "file_long", "file_endless", "file_html" } do
      work:fault(kind, { path = FILES, times = 3 })
      is_refused(work:fetch(p, version), "asset_size", "variant/[%w-]+%.ipa")
      work:expect_whole(0)
      work:clear_faults()
    end
    assert.equal("job_done", work:fetch(p, version).event)
    work:expect_whole(1)
  end)

  it("fetch a chunk that is wrong again, and what comes behind it", function()
    local p, version = work:open { parallel = 1 }, work:add_version { variants = 1 }
    work:fault("file_corrupt", { at = 70000, path = FILES })
    assert.equal("job_done", work:fetch(p, version).event)
    assert.equal(2, (work:count_requests(VARIANTS)))
    work:expect_whole(1)
  end)

  it("fail if a chunk is wrong again and again, but keep the other assets", function()
    local p, version = work:open { parallel = 1 }, work:add_version { variants = 3 }
    work:fault("file_corrupt", { at = 70000, times = 3, path = FILES })
    is_refused(work:fetch(p, version), "asset_corrupt", "variant/[%w-]+%.ipa.*chunk")
    assert.equal(5, (work:count_requests(VARIANTS)))
    work:expect_whole(0)
    assert.equal("job_done", work:fetch(p, version).event)
    assert.equal(6, (work:count_requests(VARIANTS)))
    work:expect_whole(1)
  end)

  it("go on where the connection was cut", function()
    local p, version = work:open(), work:add_version { variants = { {}, { digests = "unencrypted" } } }
    work:fault("file_cut", { at = 150000, times = 2, path = FILES })
    assert.equal("job_done", work:fetch(p, version).event)
    assert.equal(4, (work:count_requests(VARIANTS)))
    work:expect_whole(1)
  end)

  it("begin anew if the server knows no ranges, gives another one, or has another file", function()
    local p = work:open()
    for _, kind in ipairs { "file_no_range", "file_wrong_range", "file_etag_change" } do
      local version = work:add_version { variants = { { digests = "unencrypted" } } }
      work:fault("file_cut", { at = 150000, path = FILES })
      work:fault(kind, { skip = 1, path = FILES })
      assert.equal("job_done", work:fetch(p, version).event)
      work:clear_faults()
    end
    work:expect_whole(3)
  end)

  it("are cut too often, and fail with what is there kept", function()
    local p, version = work:open { parallel = 1 }, work:add_version { variants = 1 }
    work:fault("file_cut", { at = 70000, path = FILES })
    work:fault("file_cut", { at = 0, times = 5, path = FILES })
    is_refused(work:fetch(p, version), "http_failed", "^variant/[%w-]+%.ipa: ")
    work:clear_faults()
    assert.equal("job_done", work:fetch(p, version).event)
    work:expect_whole(1)
  end)

  it("ask for a new address if one has expired", function()
    local p, version = work:open(), work:add_version { variants = 2 }
    for _, kind in ipairs { "file_403", "file_410" } do work:fault(kind, { path = FILES }) end
    work:fault("file_403", { path = "/simulator/files/versions" })
    assert.equal("job_done", work:fetch(p, version).event)
    work:expect_whole(1)
  end)

  it("follow a redirect, but not for ever", function()
    local p, version = work:open { parallel = 1 }, work:add_version { variants = 1 }
    work:fault("file_redirect", { path = FILES })
    assert.equal("job_done", work:fetch(p, version).event)
    local second = work:add_version { variants = 1 }
    work:fault("file_redirect", { path = FILES, times = 100 })
    is_refused(work:fetch(p, second), "http_failed", "more than 5 redirects")
  end)

  it("fail if the certificate of a file's server has expired", function()
    local folder = shell.run "mktemp -d"
    certificates.make(folder, certificates.EXPIRED)
    local expired = simulated_api.start(("--tls-cert %s/server.crt --tls-key %s/server.key"):format(folder, folder))
    finally(function()
      expired:stop()
      shell.run("rm -rf " .. folder)
    end)
    local p, version = work:open { client = work.api:client { ca_file = folder .. "/ca.crt" } }, work:add_version()
    local address = expired.url:gsub("127%.0%.0%.1", "localhost")
    work:fault("file_redirect", { path = FILES, times = 100, location = address .. FILES })
    is_refused(work:fetch(p, version), "tls_failed", "variant/[%w-]+%.ipa: .*certificate has expired")
    work:expect_whole(0)
    work:clear_faults()
    assert.equal("job_done", work:fetch(p, version).event)
    work:expect_whole(1)
  end)

  it("wait for an agreement, and say that it may be one", function()
    local p, version = work:open(), work:add_version { variants = 1 }
    work:fault("403", { times = 1000 })
    is_refused(work:fetch(p, version), "forbidden", "agreement that its developer has not signed")
    assert.is_true(work:told "job_failed"[1].again_in >= 30)
    work:clear_faults()
    work.later = 61
    assert.equal("job_done", work:finish(p).event)
    work:expect_whole(1)
  end)

  it("end if App Store Connect has not known them for an hour", function()
    local p, version = work:open(), work:add_version { variants = 1 }
    work.api:control("POST", "/versions/remove", { version = version.id })
    assert.is_falsy(work:fetch(p, version).ended)
    work.later = 3601
    local failed = work:finish(p)
    assert.same({ "job_failed", "gone", true }, { failed.event, failed.code, failed.ended })
  end)

  it("end if they were replaced, and there is nothing in their place", function()
    local p, version = work:open(), work:add_version { state = "REPLACED" }
    local failed = work:fetch(p, version)
    assert.same({ "job_failed", "replaced", true }, { failed.event, failed.code, failed.ended })
  end)

  it("fail without a key blob, which no device could do without", function()
    local p, version = work:open(), work:add_version { variants = { {}, { blob = false } } }
    is_refused(work:fetch(p, version), "key_blob_missing", "^App Store Connect gives no key blob for variant/")
    assert.equal(0, (work:count_requests(VARIANTS)))
  end)

  it("need room for all of it, and for what is to stay free", function()
    local p, version = work:open { min_free = 2 ^ 52 }, work:add_version { variants = 1 }
    is_refused(work:fetch(p, version), "disk_full", "has no room for 200 kB")
    assert.equal(0, (work:count_requests(VARIANTS)))
  end)
end)
