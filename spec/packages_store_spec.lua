local core = require "marketplace.core"
local folder = require "marketplace.packages.folder"
local json = require "marketplace.json"
local keys = require "marketplace.packages.keys"
local manifest = require "marketplace.packages.manifest"
local packages = require "support.packages"
local shell = require "support.shell"
local store = require "marketplace.packages.store"

local DAY = 86400

describe("the store of packages", function()
  local root, place, now, opened

  local function open(more)
    local given = { folder = place, clock = function() return now end }
    for name, value in pairs(more or {}) do given[name] = value end
    return store.open(given)
  end

  before_each(function()
    root, now = shell.run "mktemp -d", 1000
    shell.run(("mkdir -m 700 %s/state"):format(root))
    place = folder.new(root)
    opened = assert(open())
  end)

  after_each(function()
    opened:close()
    shell.run("rm -rf " .. root)
  end)

  local function manifest_of(more, variants, deltas)
    return assert(manifest.parse(json.encode(packages.document(
      variants or { packages.variant(1, 10, {}), packages.variant(2, 20, {}) }, deltas, more))))
  end

  local function stage(id, more, variants)
    assert(opened:stage({ id = id, package = "P", app = "A" }, manifest_of(more, variants)))
  end

  local function publish(id)
    assert(opened:change(id, function(_, change)
      change:published { manifest_sha256 = "m", signature_sha256 = "s" }
      return true
    end))
  end

  local function state_of(id)
    local version = opened:versions { id = id }[1]
    return version and version.state
  end

  it("is its owner's alone, whatever the umask", function()
    for _, file in ipairs { "store.db", "store.db-wal" } do
      assert.equal(384, core.stat(place:state(file)).mode) -- 0600
    end
  end)

  it("is refused if it is another program's, or another version's", function()
    opened:close()
    shell.run(("sqlite3 %s 'PRAGMA user_version = 2'"):format(place:state "store.db"))
    local none, message, code = open()
    assert.same({ nil, "store_unavailable" }, { none, code })
    assert.matches("have version 2, and this program needs version 1: use the release that made them", message)
    shell.run(("rm %s; sqlite3 %s 'CREATE TABLE x (y)'"):format(place:state "store.db", place:state "store.db"))
    none, message, code = open()
    assert.same({ nil, "store_unavailable" }, { none, code })
    assert.matches("is another program's database", message)
  end)

  it("says so if its file is gone, or it is closed", function()
    shell.run("rm " .. place:state "store.db*")
    local none, message, code = opened:jobs()
    assert.same({ nil, "store_unavailable" }, { none, code })
    assert.matches("store.db is gone: put it back, or restore a backup of it, and restart", message)
    opened:close()
    none, message, code = opened:request { version = "v1" }
    assert.same({ nil, "store_unavailable" }, { none, code })
    assert.matches("store.db is closed", message)
  end)

  it("is used on if a backup takes its place while it is open, and says so once", function()
    opened:request { version = "v1" }
    opened:close()
    shell.run(("cp %s %s/backup"):format(place:state "store.db", root))
    opened = assert(open())
    opened:request { version = "v2" }
    assert.is_false(opened:take_replaced())
    shell.run(("rm %s; mv %s/backup %s"):format(place:state "store.db*", root, place:state "store.db"))
    assert.equal(1, #opened:jobs())
    assert.same({ true, false }, { opened:take_replaced(), opened:take_replaced() })
  end)

  describe("jobs", function()
    local function next_job(running)
      local job, pause = opened:next_job(nil, running)
      return job and (job.version or job.package) or pause
    end

    it("are durable, and asked for once", function()
      assert.equal("new", opened:request { version = "v1", app = "A" })
      assert.equal("known", opened:request { version = "v1" })
      assert.equal("new", opened:request { package = "P" })
      assert.equal("known", opened:request { package = "P" })
      opened:close()
      opened = assert(open())
      assert.equal("known", opened:request { version = "v1" })
      assert.equal(2, #opened:jobs { state = "wanted" })
    end)

    it("are due at once if somebody cannot wait", function()
      opened:request { version = "v1" }
      opened:job_failed(opened:next_job(), { code = "forbidden", message = "no" })
      assert.is_number(next_job())
      assert.equal("known", opened:request { version = "v1" })
      assert.is_number(next_job())
      assert.equal("known", opened:request { version = "v1", now = true })
      assert.equal("v1", next_job())
    end)

    it("look at what was replaced, as Apple may have gone back to it", function()
      for _, id in ipairs { "v1", "v2" } do
        stage(id)
        publish(id)
      end
      assert.equal("known", opened:request { version = "v2" })
      assert.equal("new", opened:request { version = "v1" })
    end)

    it("are of ids", function()
      for _, given in ipairs { {}, { version = "../x" }, { package = "" }, { version = 7 } } do
        local none, _, code = opened:request(given)
        assert.same({ nil, "id_invalid" }, { none, code })
      end
    end)

    it("go one after the other, and those that were begun last", function()
      for _, id in ipairs { "v1", "v2", "v3" } do
        opened:request { version = id }
        now = now + 1
      end
      for _, id in ipairs { "v1", "v2", "v3", "v1" } do
        assert.equal(id, next_job())
        now = now + 1
      end
      opened:close()
      opened = assert(open())
      assert.equal("v2", next_job())
    end)

    it("are one at a time of one package", function()
      opened:request { version = "v1" }
      opened:request { version = "v2" }
      opened:request { version = "v3" }
      local running = { opened:next_job() }
      running[1].package = "P"
      running[1] = assert(opened:job_moved(running[1], "v1"))
      local second = opened:jobs { version = "v2" }[1]
      second.package = "P"
      assert(opened:job_moved(second, "v2"))
      assert.equal("v3", next_job(running))
      assert.equal(math.huge, next_job { running[1], opened:jobs { version = "v3" }[1] })
    end)

    it("are tried again later and later, for thirty days", function()
      opened:request { version = "v1" }
      local waits = {}
      for i = 1, 9 do
        local job = assert(opened:next_job())
        waits[i] = assert(opened:job_failed(job, { code = "http_failed", message = "why" })).again_in
        assert.equal(waits[i], (select(2, opened:next_job())))
        now = now + waits[i]
      end
      for i, most in ipairs { 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600 } do
        assert.is_true(waits[i] >= most / 2 and waits[i] <= most, waits[i])
      end
      now = 1000 + 30 * DAY -- a clock that jumps ends nothing
      for _ = 10, 19 do
        local outcome = opened:job_failed(assert(opened:next_job()), { code = "x", message = "why" })
        assert.is_false(outcome.ended)
        now = now + outcome.again_in
      end
      assert.same({ ended = true }, opened:job_failed(assert(opened:next_job()), { code = "x", message = "why" }))
      assert.equal(math.huge, next_job())
      local job = opened:jobs { state = "ended" }[1]
      assert.same({ "v1", "x", "why", 20, now }, { job.version, job.code, job.message, job.attempts, job.ended_at })
    end)

    it("wait no longer than they were to, whatever the clock said", function()
      opened:request { version = "v1" }
      now = 10 * DAY
      opened:job_failed(assert(opened:next_job()), { code = "x", message = "why" })
      now = 2000
      assert.equal("v1", next_job())
    end)

    it("that ended are wanted again if somebody asks", function()
      opened:request { version = "v1" }
      opened:job_failed(assert(opened:next_job()), { code = "not_found", message = "why", ended = true })
      now = now + 40 * DAY
      assert.equal("new", opened:request { version = "v1" })
      local job = assert(opened:next_job())
      assert.same({ 0, now }, { job.attempts, job.since })
    end)

    it("that are done are gone, and are not wanted again", function()
      opened:request { version = "v1" }
      stage "v1"
      publish "v1"
      assert(opened:job_done(assert(opened:next_job())))
      assert.same({}, opened:jobs())
      assert.equal("known", opened:request { version = "v1" })
      assert.same({}, opened:jobs())
    end)

    it("of a package become those of its version", function()
      opened:request { package = "P", app = "A", at = 500 }
      local job = assert(opened:next_job())
      job = assert(opened:job_moved(job, "v1"))
      assert.same({ "v1", "P", "A" }, { job.version, job.package, job.app })
      assert.equal("known", opened:request { version = "v1" })
      assert.equal("new", opened:request { package = "P" })
    end)

    it("that stand for the same version become one, with the newest time", function()
      opened:request { version = "v1", at = 700 }
      opened:request { version = "v2", at = 500 }
      assert(opened:availability { scope = "app", id = "A", available = false, at = 600 })
      local older = opened:jobs { version = "v1" }[1]
      local job = assert(opened:job_moved(older, "v2"))
      assert.equal("v2", job.version)
      assert.equal(1, #opened:jobs())
      assert.is_false(opened:refusal { id = "v2", app = "A" })
    end)

    it("are wanted again once what made them unavailable is over", function()
      for _, given in ipairs { { version = "v1", app = "A" }, { version = "v2" }, { version = "v3", app = "B" } } do
        opened:request(given)
      end
      stage("v2")
      opened:request { version = "v4", app = "A" }
      opened:request { version = "v5", app = "A" }
      local codes = { v1 = "unavailable", v2 = "unavailable", v3 = "unavailable", v4 = "replaced", v5 = "gone" }
      for id, code in pairs(codes) do
        opened:job_failed(opened:jobs { version = id }[1], { code = code, message = "why", ended = true })
      end
      assert(opened:availability { scope = "app", id = "A", available = true, at = 900, event = "e" })
      local wanted = {}
      for i, job in ipairs(opened:jobs { state = "wanted" }) do wanted[i] = job.version end
      table.sort(wanted)
      assert.same({ "v1", "v2", "v5" }, wanted)
    end)
  end)

  describe("versions", function()
    it("have what the manifest says", function()
      stage("v1", { distributionPackageRevision = 2 })
      local version = opened:versions()[1]
      assert.same({ "v1", "P", "A", packages.ITEM, packages.APPLE_VERSION, 2, "2.0", "42", "staged", 30, 2, 2, 0 }, {
        version.id, version.package, version.app, version.item_id, version.apple_version_id, version.revision,
        version.version, version.build, version.state, version.bytes, version.assets, version.missing,
        version.unverified,
      })
      assert.same({ { "ios" }, { ios = "17.2" }, { "arm64", "metal" }, false },
        { version.platforms, version.minimum_systems, version.capabilities, version.is_current })
    end)

    it("keep what is there when their manifest is read once more", function()
      stage "v1"
      assert(opened:asset_begun("v1", packages.uuid(2), '"etag"'))
      assert(opened:asset_done("v1", packages.uuid(1), { proof = "chunks", checksum = "c", sha256 = "s" }))
      stage("v1", nil, { packages.variant(1, 10, {}), packages.variant(2, 21, {}), packages.variant(3, 1, {}) })
      local list = opened:assets "v1"
      assert.same({ "chunks", "c", "s", 10 }, { list[1].proof, list[1].checksum, list[1].sha256, list[1].size })
      assert.same({ 21, 1 }, { list[2].size, list[3].size })
      assert.same({}, { list[2].proof, list[2].etag, list[3].proof })
    end)

    it("that are published do not change", function()
      stage "v1"
      publish "v1"
      local none, message, code = opened:stage({ id = "v1" }, manifest_of())
      assert.same({ nil, "version_published" }, { none, code })
      assert.matches("v1 is published already", message)
    end)

    it("tell where an asset lies already", function()
      assert.is_false(opened:reusable(packages.uuid(1)))
      stage "v1"
      assert.is_false(opened:reusable(packages.uuid(1)))
      opened:asset_done("v1", packages.uuid(1), { proof = "size", checksum = "c", sha256 = "s" })
      local found = opened:reusable(packages.uuid(1))
      local path = ("/variant/%s.ipa"):format(packages.uuid(1))
      assert.same({ root .. "/staging/v1" .. path, "v1", 10, "size", "c", "s" },
        { found.path, found.version, found.size, found.proof, found.checksum, found.sha256 })
      assert.is_false(opened:reusable(packages.uuid(1), "v1"))
      publish "v1"
      local public = ("%s/public/%s/%s/v1"):format(root, packages.ITEM, packages.APPLE_VERSION)
      assert.equal(public .. path, opened:reusable(packages.uuid(1)).path)
      opened:change("v1", function(_, change)
        change:withdrawn "unavailable"
        return true
      end)
      assert.equal(root .. "/withdrawn/v1" .. path, opened:reusable(packages.uuid(1)).path)
    end)

    it("are found by each of what they belong to", function()
      stage "v1"
      stage("v2", { appleItemId = "7", appleVersionId = "9" })
      local function found(filter)
        local list = {}
        for i, version in ipairs(opened:versions(filter)) do list[i] = version.id end
        return table.concat(list, " ")
      end
      publish "v1"
      assert.same({ "v1 v2", "v1", "v1 v2", "v2", "v2", "v1", "v1", "v2", "" }, {
        found(), found { app = packages.ITEM }, found { app = "A" }, found { app = "7" },
        found { apple_version_id = "9" }, found { state = "published" }, found { current = true },
        found { current = false }, found { package = "Q" },
      })
    end)

    it("are found by their own id", function()
      stage "v1"
      stage("v2", { appleVersionId = "9" })
      publish "v2"
      for _, id in ipairs { "v1", "v2" } do assert.same(opened:versions { id = id }[1], opened:version(id)) end
      assert.is_false(opened:version "v3")
    end)

    it("share the other id of their app", function()
      assert(opened:stage({ id = "v1", package = "P" }, manifest_of()))
      stage("v2", { appleVersionId = "9" })
      assert(opened:stage({ id = "v3", package = "Q" }, manifest_of { appleVersionId = "10" }))
      for _, version in ipairs(opened:versions()) do assert.equal("A", version.app) end
    end)
  end)

  describe("what is current", function()
    local function current(item, apple_version)
      local found = opened:current(item or packages.ITEM, apple_version)
      return found and found.id
    end

    local function withdraw(id)
      opened:change(id, function(_, change)
        change:withdrawn "unavailable"
        return true
      end)
    end

    it("is the last that was published of each version of the app", function()
      assert.is_false(current())
      for _, id in ipairs { "v1", "v2" } do stage(id) end
      stage("w1", { appleVersionId = "99" })
      publish "v1"
      assert.equal("v1", current(nil, packages.APPLE_VERSION))
      publish "v2"
      publish "w1"
      assert.same({ "v2", "w1", "v2" }, { current(nil, packages.APPLE_VERSION), current(nil, "99"), current() })
      assert.equal("v2", current "A")
      assert.is_false(current("A", "100"))
      local v1, v2 = opened:versions { id = "v1" }[1], opened:versions { id = "v2" }[1]
      assert.same({ now, nil, false, true }, { v1.replaced_at, v2.replaced_at, v1.is_current, v2.is_current })
    end)

    it("is an older one if Apple goes back to it", function()
      for _, id in ipairs { "v1", "v2" } do
        stage(id)
        publish(id)
      end
      opened:change("v1", function(_, change)
        change:made_current()
        return true
      end)
      assert.equal("v1", current())
      assert.is_nil(opened:versions { id = "v1" }[1].replaced_at)
      assert.equal(now, opened:versions { id = "v2" }[1].replaced_at)
    end)

    it("compares the app's versions as numbers", function()
      for i, apple_version in ipairs { "9", "10", "0100", "000002" } do
        stage("v" .. i, { appleVersionId = apple_version })
        publish("v" .. i)
      end
      assert.equal("v3", current())
    end)

    it("goes back to the one before if it is withdrawn, and to itself if it comes back", function()
      for _, id in ipairs { "v1", "v2" } do
        stage(id)
        publish(id)
      end
      now = 2000
      withdraw "v2"
      assert.equal("v1", current())
      assert.is_nil(opened:versions { id = "v1" }[1].replaced_at)
      local found = opened:current(packages.ITEM)
      assert.same({ 1000, 2000 }, { found.published_at, found.current_since })
      assert.is_nil(opened:versions { id = "v2" }[1].current_since)
      publish "v2"
      assert.equal("v2", current())
      assert.equal(2000, opened:versions { id = "v1" }[1].replaced_at)
      withdraw "v2"
      withdraw "v1"
      assert.is_false(current())
    end)

    it("is settled in the transaction of a takedown", function()
      stage "v1"
      publish "v1"
      local outcome = assert(opened:availability { scope = "package", id = "P", available = false, at = 5 })
      assert.same({ { "v1" }, { "v1" } }, { outcome.versions, outcome.withdrawn })
      assert.same({ false, "withdrawn" }, { current(), state_of "v1" })
      outcome = assert(opened:availability { scope = "package", id = "P", available = false, at = 5 })
      assert.same({ { "v1" }, {} }, { outcome.versions, outcome.withdrawn })
    end)

    it("stays while a territory is open", function()
      stage "v1"
      publish "v1"
      opened:availability { scope = "app", id = "A", available = false, at = 5, territories = { "FRA" } }
      assert.equal("v1", current())
      assert.same({ ["*"] = true, FRA = false }, opened:territories(opened:versions()[1]))
      opened:availability { scope = "app", id = packages.ITEM, available = false, at = 5 }
      assert.is_false(current())
    end)

    it("is not what the operator holds", function()
      stage "v1"
      publish "v1"
      assert.same({ "v1" }, assert(opened:hold { scope = "app", id = packages.ITEM, reason = "why" }).withdrawn)
      assert.is_false(current())
      local version = opened:versions()[1]
      assert.same({ "withdrawn", "held" }, { version.state, version.why })
      assert.same({ { scope = "app", id = packages.ITEM, reason = "why", since = now } }, opened:holds())
      assert.same({ was_held = true, versions = { "v1" } }, opened:release { scope = "app", id = packages.ITEM })
    end)
  end)

  it("counts what there is", function()
    opened:request { version = "v1" }
    stage "v1"
    stage("v2", nil, { packages.variant(3, 7, {}), packages.variant(4, 8, {}) })
    opened:asset_done("v2", packages.uuid(3), { proof = "size" })
    opened:asset_done("v2", packages.uuid(4), { proof = "chunks" })
    publish "v2"
    now = now + 60
    assert.same({
      jobs = { wanted = 1, ended = 0 }, versions = { staged = 1, published = 1, withdrawn = 0, collected = 0 },
      oldest_wanted = 60, bytes = 15, unverified = 1,
    }, opened:totals())
  end)

  it("is used by several at once", function()
    local other = assert(open())
    assert.equal("new", other:request { version = "v1" })
    assert.equal("known", opened:request { version = "v1" })
    other:close()
  end)

  describe("of key blobs", function()
    local blobs

    before_each(function() blobs = assert(keys.open { folder = place, clock = function() return now end }) end)
    after_each(function() blobs:close() end)

    it("keeps those of each version, and gives the last", function()
      assert.equal(384, core.stat(place:state "keys.db").mode) -- 0600
      assert(blobs:put {
        { public_id = "a", version = "v1", blob = "QQ==", kind = "variant" },
        { public_id = "b", version = "v1", blob = "Qg==" },
      })
      now = now + 1
      assert(blobs:put { { public_id = "a", version = "v2", blob = "Qw==" } })
      assert.same({ "Qw==", "QQ==", "Qg==", false }, {
        blobs:get "a", blobs:get("a", "v1"), blobs:get "b", blobs:get("b", "v2"),
      })
      assert.same({ "c" }, blobs:missing("v1", { "a", "b", "c" }))
      assert.same({ "b" }, blobs:missing("v2", { "a", "b" }))
      assert.same({}, blobs:missing("v2", {}))
    end)

    it("takes another one for the same asset", function()
      assert(blobs:put { { public_id = "a", version = "v1", blob = "QQ==" } })
      assert(blobs:put { { public_id = "a", version = "v1", blob = "Qg==" } })
      assert.equal("Qg==", blobs:get("a", "v1"))
    end)

    it("takes all or none, and none that is empty", function()
      for _, blob in ipairs { "", false, json.null, 7 } do
        local none, message, code = blobs:put {
          { public_id = "a", version = "v1", blob = "QQ==" }, { public_id = "b", version = "v1", blob = blob },
        }
        assert.same({ nil, "key_blob_invalid" }, { none, code })
        assert.equal("the key blob of b is missing or not a text", message)
      end
      assert.is_false(blobs:get "a")
    end)
  end)
end)
