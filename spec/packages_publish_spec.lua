-- What is published, taken down and brought back, one after the other; spec/once/packages_crash_spec.lua has what
-- happens in between.
local collect = require "marketplace.packages.collect"
local core = require "marketplace.core"
local json = require "marketplace.json"
local package_folder = require "support.package_folder"
local packages = require "support.packages"
local publish = require "marketplace.packages.publish"
local restore = require "marketplace.packages.restore"
local shell = require "support.shell"
local sweep = require "marketplace.packages.sweep"
local verify = require "marketplace.packages.verify"
local withdraw = require "marketplace.packages.withdraw"

local COMPLETED = { state = "COMPLETED" }
local GRACE = 3600 -- seconds

describe("packages", function()
  local f

  before_each(function()
    f = package_folder.new(shell.run "mktemp -d")
    f:open()
  end)

  after_each(function()
    f:close()
    shell.run("rm -rf " .. f.root)
  end)

  local function make(id, given)
    local version = package_folder.version(id, given)
    f:stage(version, f.now)
    return version
  end

  local function published(id, given)
    f.now = f.now + 1
    local version = make(id, given)
    assert.equal("published", publish.run(f.p, id, COMPLETED))
    assert(f.p.store:job_done(f.p.store:jobs { version = id }[1]))
    return version
  end

  local function path(version, name)
    local place = f.p.folder:place(f:row(version.id))
    return name and ("%s/%s"):format(place, name) or place
  end

  local function expect_refusal(code, pattern, none, message, found)
    assert.is_nil(none)
    assert.equal(code, found)
    assert.is_truthy(message:find(pattern), message)
  end

  describe("are published", function()
    it("as they are, for everybody to read, and once", function()
      local version = published("v1", { deltas = { 3 } })
      for name, bytes in pairs(version.files) do
        local file = assert(io.open(path(version, name), "rb"))
        assert.equal(bytes, file:read "*a", name)
        file:close()
      end
      for _, place in ipairs { "", "/variant", "/delta", "/..", "/../..", "/../../.." } do
        assert.equal(493, core.stat(path(version) .. place).mode, place) -- 0755
      end
      assert.equal(448, core.stat(f.root .. "/state").mode) -- 0700
      assert.same({ "published v1" }, f.events)
      assert.equal("published", publish.run(f.p, "v1", COMPLETED))
      assert.same({ "published v1" }, f.events)
    end)

    it("with a folder for deltas that is empty, and without one", function()
      local version = make "v1"
      shell.run(("mkdir %s/delta"):format(path(version)))
      assert.equal("published", publish.run(f.p, "v1", COMPLETED))
    end)

    it("and a lower revision is told", function()
      published("v3", { revision = 3 })
      published("v2", { revision = 2 })
      assert.equal("v2", f.p.store:current(packages.ITEM).id)
      assert.same({ "lower revision: revision 2 replaces revision 3, as Apple has it" }, f.logged)
    end)

    it("only if they are known", function()
      expect_refusal("version_unknown", "there is no package version v9", publish.run(f.p, "v9", COMPLETED))
    end)

    it("only if all that should be there is said to be", function()
      local version = make "v1"
      f.p.store:asset_begun("v1", version.manifest.assets[2].public_id)
      expect_refusal("package_incomplete", "^variant/.*%.ipa of the package version v1 is not there",
        publish.run(f.p, "v1", COMPLETED))
    end)

    it("only with all key blobs", function()
      make "v1"
      f:close()
      shell.run(("rm %s/state/keys.db*"):format(f.root))
      f:open()
      expect_refusal("key_blob_missing", "^2 key blobs of the package version v1 are missing, first that of 0",
        publish.run(f.p, "v1", COMPLETED))
    end)

    it("only if it is known of which package they are", function()
      local version = package_folder.version "v1"
      version.package = nil
      assert(f.p.store:request { version = "v1" })
      assert(f.p.store:stage(version, version.manifest))
      for _, asset in ipairs(version.manifest.assets) do
        f.p.store:asset_done("v1", asset.public_id, { proof = "size" })
      end
      expect_refusal("package_unknown", "the package of the package version v1 is not known",
        publish.run(f.p, "v1", COMPLETED))
    end)

    local BAD = {
      ["a file too many"] = { "touch %s/.DS_Store", "%.DS_Store does not belong to it" },
      ["an asset too many"] = { "touch %s/variant/x.ipa.part", "variant/x%.ipa%.part does not belong to it" },
      ["a delta too many"] = { "mkdir %s/delta && touch %s/delta/x.ipa", "delta/x%.ipa does not belong to it" },
      ["no signature"] = { "rm %s/signature", "signature is missing" },
      ["no manifest"] = { "rm %s/manifest.json", "manifest%.json is missing" },
      ["no assets"] = { "rm -r %s/variant", "variant is missing" },
      ["an asset less"] = { "rm %s/variant/" .. packages.uuid(1) .. ".ipa", "variant/.*%.ipa is missing" },
      ["an asset that is too short"] = {
        "truncate -s -1 %s/variant/" .. packages.uuid(1) .. ".ipa", "has 250 bytes instead of 251",
      },
      ["an asset that is too long"] = {
        "truncate -s +1 %s/variant/" .. packages.uuid(1) .. ".ipa", "has 252 bytes instead of 251",
      },
      ["a link in place of an asset"] = {
        "cd %s/variant && mv " .. packages.uuid(1) .. ".ipa ../../x && ln -s ../../x " .. packages.uuid(1) .. ".ipa",
        "variant/.*%.ipa is a link",
      },
      ["a folder in place of the signature"] = { "rm %s/signature && mkdir %s/signature", "signature is a folder" },
      ["another manifest"] = { "sed -i s/42/43/ %s/manifest.json", nil },
      ["a manifest of another app"] = { "sed -i s/" .. packages.ITEM .. "/7/ %s/manifest.json", "is another one's" },
      ["a manifest of other assets"] = { "sed -i s/251/250/ %s/manifest.json", "its manifest" },
      ["a manifest that is none"] = { "echo '<html>' > %s/manifest.json", "it is not JSON" },
    }
    for what, bad in pairs(BAD) do
      it("not with " .. what, function()
        local version = make "v1"
        shell.run((bad[1]:gsub("%%s", (path(version):gsub("%%", "%%%%")))))
        if not bad[2] then return assert.equal("published", publish.run(f.p, "v1", COMPLETED)) end
        expect_refusal("package_incomplete", bad[2], publish.run(f.p, "v1", COMPLETED))
        assert.equal("staging", f:where(version))
      end)
    end

    it("not while the disk refuses, and then they stay where they are", function()
      local version = make "v1"
      f.p.io.rename = function() return nil, "no space left on device", "disk_full" end
      expect_refusal("disk_full", "no space left", publish.run(f.p, "v1", COMPLETED))
      assert.same({ "staging", "staged" }, { f:where(version), f:row("v1").state })
    end)

    it("only once their names are on the disk", function()
      local version, synced = make("v1", { deltas = { 3 } }), {}
      function f.p.io.sync(place)
        synced[#synced + 1] = place:match "v1(.*)$"
        if place:find "delta" then return nil, "input/output error", "file_failed" end
        return true
      end
      expect_refusal("file_failed", "input/output error", publish.run(f.p, "v1", COMPLETED))
      assert.same({ "/variant", "/delta" }, synced)
      assert.equal("staging", f:where(version))
    end)

    it("not if the store refuses, and then they are where they were", function()
      local version = make "v1"
      local methods = getmetatable(f.p.store).__index
      local change, fails = methods.change, true
      finally(function() methods.change = change end)
      function methods.change(store, id, work)
        if not fails then return change(store, id, work) end
        fails = false
        return change(store, id, function(...)
          work(...)
          error(setmetatable({ message = "the disk is full" }, getmetatable(select(2, pcall(function()
            require("marketplace.reconnecting").fail "x"
          end)))), 0)
        end)
      end
      expect_refusal("store_unavailable", "the disk is full", publish.run(f.p, "v1", COMPLETED))
      assert.same({ "staging", "staged" }, { f:where(version), f:row("v1").state })
      assert.equal("published", publish.run(f.p, "v1", COMPLETED))
    end)
  end)

  describe("are taken down and restored", function()
    it("and it is told which", function()
      published "v1"
      published("v2", { revision = 2 })
      published("w1", { apple_version = "870000002", package = "Q", variants = { 5 } })
      f.events = {}
      local done = assert(withdraw.run(f.p, { app = "A", at = 5000, event = "e" }))
      assert.same({ { "*" }, {}, { "v1", "v2", "w1" } }, { done.changed, done.older, done.withdrawn })
      assert.same({ "withdrawn v1", "withdrawn v2", "withdrawn w1" }, f.events)
      done = assert(withdraw.run(f.p, { app = "A", at = 5000, event = "e" }))
      assert.same({ {}, { "*" }, {} }, { done.changed, done.older, done.withdrawn })
      done = assert(restore.run(f.p, { app = "A", at = 6000 }))
      assert.same({ { "*" }, { "v2", "w1" }, {} }, { done.changed, done.restored, done.requested })
      assert.equal("published w1", f.events[#f.events])
    end)

    it("an event without territories changes nothing, and is logged", function()
      local version = published "v1"
      local said = "no territories: the event about A names none: nothing changes"
      assert(withdraw.run(f.p, { app = "A", territories = {}, at = 5000 }))
      assert(restore.run(f.p, { app = "A", territories = {}, at = 5000 }))
      assert.equal("public", f:where(version))
      assert.same({ said, said }, f.logged)
    end)

    it("what nobody knows yet, too", function()
      assert(withdraw.run(f.p, { package = "P", at = 5000 }))
      local version = make "v1"
      assert.equal("unavailable", publish.run(f.p, "v1", COMPLETED))
      assert.equal("withdrawn", f:where(version))
      assert(restore.run(f.p, { package = "P", at = 6000 }))
      assert.equal("public", f:where(version))
    end)

    it("by either id of the app, also if the other one becomes known later", function()
      local first = package_folder.version "v1"
      first.app = packages.ITEM
      f:stage(first)
      assert.equal("published", publish.run(f.p, "v1", COMPLETED))
      assert(withdraw.run(f.p, { app = "B", at = f.now + 5 }))
      assert.equal("public", f:where(first))
      f.now = f.now + 10
      local second = published("w1", { app = "B", apple_version = "870000002", variants = { 5 } })
      assert.same({ "withdrawn", "public" }, { f:where(first), f:where(second) })
      assert(restore.run(f.p, { app = packages.ITEM, at = f.now + 1 }))
      assert.equal("public", f:where(first))
    end)

    it("what was held stays held, whatever Apple says, until it is released", function()
      local version = published "v1"
      assert.same({ "v1" }, assert(withdraw.hold(f.p, { version = "v1" })).withdrawn)
      assert(restore.run(f.p, { version = "v1", at = 5000 }))
      assert.equal("withdrawn", f:where(version))
      assert.equal("held", restore.version(f.p, "v1"))
      assert.same({ "v1" }, assert(restore.release(f.p, { version = "v1" })).restored)
      assert.equal("public", f:where(version))
    end)

    it("a version alone, if there is one", function()
      assert.equal("missing", restore.version(f.p, "v9"))
      local version = published "v1"
      assert(withdraw.run(f.p, { app = "A", at = 5000 }))
      assert.equal("unavailable", restore.version(f.p, "v1"))
      assert(f.p.store:request { version = "v1", at = 6000 })
      assert.equal("published", restore.version(f.p, "v1"))
      assert.equal("public", f:where(version))
    end)

    it("by two at the same time", function()
      local version, other = published "v1", package_folder.new(f.root)
      assert(withdraw.run(f.p, { app = "A", at = 5000 }))
      other:open()
      local list, has_restored = f.p.io.list, false
      function f.p.io.list(place)
        if not has_restored then
          has_restored = true
          assert.same({ "v1" }, assert(restore.run(other.p, { app = "A", at = 6000 })).restored)
        end
        return list(place)
      end
      assert.same({}, assert(restore.run(f.p, { app = "A", at = 6000 })).restored)
      assert.equal("public", f:where(version))
      other:close()
    end)

    it("only one of app, package and version is named", function()
      for _, run in ipairs { withdraw.run, withdraw.hold, restore.run, restore.release } do
        assert.error_matches(function() run(f.p, {}) end, "name an app, a package or a version")
        assert.error_matches(function() run(f.p, { app = "A", package = "P" }) end,
          "name one of app, package and version")
      end
      expect_refusal("id_invalid", "'../..' is no id of an app", withdraw.run(f.p, { app = "../.." }))
    end)

    it("as far as the disk allows, and the rest the next time", function()
      local first, second = published "v1", published("w1", { apple_version = "870000002", variants = { 5 } })
      local rename, failed = f.p.io.rename, false
      function f.p.io.rename(...)
        if failed then return rename(...) end
        failed = true
        return nil, "input/output error", "file_failed"
      end
      expect_refusal("file_failed", "input/output error", withdraw.run(f.p, { app = "A", at = 5000 }))
      assert.same({ "public", "withdrawn" }, { f:where(first), f:where(second) })
      assert.is_false(f.p.store:current(packages.ITEM))
      assert(withdraw.run(f.p, { app = "A", at = 5000 }))
      assert.equal("withdrawn", f:where(first))
    end)

    it("and what is kept of a former time makes room", function()
      local version = published "v1"
      package_folder.write(version, f.p.folder:withdrawn "v1")
      assert(withdraw.run(f.p, { app = "A", at = 5000 }))
      assert.equal("withdrawn", f:where(version))
      assert(restore.run(f.p, { app = "A", at = 6000 }))
      f.now = f.now + 10000
      assert(collect.run(f.p, { older_than = GRACE }))
      assert.equal("", shell.run(("ls %s/withdrawn"):format(f.root)))
    end)
  end)

  describe("are collected", function()
    it("after the grace, and it is told which", function()
      published "v1"
      published("v2", { revision = 2 })
      assert.same({ collected = {}, bytes = 0 }, collect.run(f.p, { older_than = GRACE }))
      f.now = f.now + 3600
      assert.same({ collected = { "v1" }, bytes = 503 }, collect.run(f.p, { older_than = GRACE }))
      assert.equal("", shell.run(("ls %s/withdrawn"):format(f.root)))
    end)

    it("as far as the disk allows, and the rest the next time", function()
      for _, id in ipairs { "v1", "v2", "v3" } do published(id) end
      f.now = f.now + 3600
      local rename, failed = f.p.io.rename, false
      function f.p.io.rename(...)
        if failed then return rename(...) end
        failed = true
        return nil, "input/output error", "file_failed"
      end
      expect_refusal("file_failed", "input/output error", collect.run(f.p, { older_than = GRACE }))
      assert.same({ "published", "collected" }, { f:row("v1").state, f:row("v2").state })
      assert.same({ "v1" }, assert(collect.run(f.p, { older_than = GRACE })).collected)
      assert.equal("", shell.run(("ls %s/withdrawn"):format(f.root)))
    end)

    it("never if nothing else of the version is there", function()
      local first, second = published "v1", published("v2", { revision = 2 })
      shell.run(("rm -r %s"):format(path(second)))
      f.now = f.now + 10000
      assert.same({}, assert(collect.run(f.p, { older_than = GRACE })).collected)
      assert.equal("public", f:where(first))
    end)

    it("not while their takedown has only been recorded", function()
      local version = published "v1"
      assert(f.p.store:availability { scope = "app", id = "A", available = false, at = 5000 })
      assert.same({}, assert(collect.run(f.p, { older_than = 0 })).collected)
      assert(withdraw.run(f.p, { app = "A", at = 5000 }))
      assert.same({ "withdrawn", "withdrawn" }, { f:where(version), f:row("v1").state })
    end)

    it("with what a fetch left of which nobody knows", function()
      shell.run(("mkdir -p %s/staging/v9/variant %s/withdrawn/v8~ab"):format(f.root, f.root))
      assert(f.p.store:request { version = "v7" })
      shell.run(("mkdir %s/staging/v7"):format(f.root))
      assert(collect.run(f.p, { older_than = GRACE }))
      assert.equal("v7", shell.run(("cd %s && ls staging && ls withdrawn"):format(f.root)))
    end)

    it("and jobs that ended are forgotten later", function()
      assert(f.p.store:request { version = "v1" })
      f.p.store:job_failed(f.p.store:jobs()[1], { code = "gone", message = "x", ended = true })
      f.now = f.now + 89 * 86400
      assert(collect.run(f.p, { older_than = GRACE }))
      assert.equal(1, #f.p.store:jobs())
      f.now = f.now + 2 * 86400
      assert(collect.run(f.p, { older_than = GRACE }))
      assert.equal(0, #f.p.store:jobs())
    end)
  end)

  describe("are verified", function()
    it("byte by byte", function()
      published("v1", { deltas = { 3 } })
      published("w1", { apple_version = "870000002", variants = { 5 }, without_digests = true })
      local seen = {}
      local reports = assert(verify.run(f.p, {}, function(event)
        seen[#seen + 1] = ("%s %d of %d"):format(event.version, event.bytes, event.total)
      end))
      assert.same({
        { version = "v1", problems = {}, bytes = 756, assets = 3, unverified = 0 },
        { version = "w1", problems = {}, bytes = 255, assets = 1, unverified = 1 },
      }, reports)
      assert.same({ 4, "v1 756 of 756", "w1 255 of 255" }, { #seen, seen[3], seen[4] })
    end)

    local function problems(version, command)
      shell.run((command:gsub("%%s", (path(version):gsub("%%", "%%%%")))))
      local reports = assert(verify.run(f.p, { version = version.id }))
      assert.equal(1, #reports)
      return table.concat(reports[1].problems, "\n")
    end

    local FIRST = "%s/variant/" .. packages.uuid(1) .. ".ipa"

    it("and a wrong byte is found", function()
      assert.matches("chunk", problems(published "v1", "printf X | dd of=" .. FIRST .. " bs=1 seek=200 conv=notrunc"))
    end)

    it("and what is missing and too much", function()
      local found = problems(published "v1", "rm " .. FIRST .. "; touch %s/x")
      assert.matches("variant/.*%.ipa is missing; x does not belong to it", found)
    end)

    it("and another manifest or signature, be they as good", function()
      local version = published "v1"
      assert.matches("signature is not what it was", problems(version, "echo x > %s/signature"))
      assert.matches("manifest.json is not what it was", problems(version, "echo >> %s/manifest.json"))
      assert.matches("it is not JSON", problems(version, "echo x > %s/manifest.json"))
    end)

    it("also without digests, if a hash was taken when they were fetched", function()
      local version = package_folder.version("v1", { without_digests = true })
      f:stage(version)
      for _, asset in ipairs(version.manifest.assets) do
        f.p.store:asset_done("v1", asset.public_id, {
          proof = "checksum", sha256 = core.sha256(version.files[asset.path]),
        })
      end
      assert.equal("published", publish.run(f.p, "v1", COMPLETED))
      assert.equal(0, verify.run(f.p, {})[1].unverified)
      assert.matches("is not what it was when it was fetched",
        problems(version, "printf X | dd of=" .. FIRST .. " bs=1 seek=200 conv=notrunc"))
    end)

    it("also while they are withdrawn", function()
      local version = published "v1"
      assert(withdraw.run(f.p, { app = "A", at = 5000 }))
      assert.same({}, verify.run(f.p, {}))
      assert.same({}, verify.run(f.p, { version = "v1" })[1].problems)
      assert.equal("withdrawn", f:where(version))
    end)

    it("but not one that is taken down meanwhile", function()
      published "v1"
      local is_first = true
      assert.same({}, verify.run(f.p, {}, function()
        if is_first then assert(withdraw.run(f.p, { app = "A", at = 5000 })) end
        is_first = false
      end))
    end)

    it("if they are known", function()
      expect_refusal("version_unknown", "there is no package version v9", verify.run(f.p, { version = "v9" }))
    end)
  end)

  describe("that were found in public", function()
    local function lose_rows()
      f:close()
      shell.run(("rm %s/state/store.db*"):format(f.root))
      f:open()
    end

    it("are taken down once it is known whose they are", function()
      local version = published "v1"
      lose_rows()
      assert(sweep.run(f.p))
      assert.equal("public", f:where(version))
      assert(withdraw.run(f.p, { package = "P", at = 5000 }))
      assert.equal("public", f:where(version))
      assert(publish.identify(f.p, "v1", { package = "P" }))
      assert.equal("withdrawn", f:where(version))
    end)

    it("share what is known of another revision", function()
      published "v1"
      published("v2", { revision = 2 })
      lose_rows()
      assert(sweep.run(f.p))
      assert(publish.identify(f.p, "v2", { package = "P", app = "A" }))
      assert.same({ "P", "A" }, { f:row("v1").package, f:row("v1").app })
    end)

    it("are read whole", function()
      local version = published "v1"
      lose_rows()
      shell.run(("printf X | dd of=%s/variant/%s.ipa bs=1 seek=200 conv=notrunc"):format(
        f.p.folder:public { id = "v1", item_id = packages.ITEM, apple_version_id = packages.APPLE_VERSION },
        packages.uuid(1)))
      assert.equal(1, assert(sweep.run(f.p)).discarded)
      assert.equal("", f:where(version))
      assert.equal("v1", f.p.store:jobs { state = "wanted" }[1].version)
    end)

    it("are fetched again if they have a row, and are not whole", function()
      local version = make "v1"
      local place = f.p.folder:public(f:row "v1")
      package_folder.write(version, place)
      shell.run(("rm %s/signature"):format(place))
      assert(f.p.store:job_done(f.p.store:jobs()[1]))
      assert.equal(1, assert(sweep.run(f.p)).discarded)
      assert.equal("staging", f:where(version))
      assert.equal("v1", f.p.store:jobs { state = "wanted" }[1].version)
    end)

    it("again have to be what they were", function()
      local version = published "v1"
      local place = path(version)
      shell.run(("cp -a %s %s/copy"):format(place, f.root))
      assert(withdraw.run(f.p, { app = "A" }))
      f.now = f.now + 10000
      assert(collect.run(f.p, { older_than = GRACE }))
      assert(f.p.store:availability { scope = "app", id = "A", available = true })
      shell.run(("mv %s/copy %s && echo >> %s/manifest.json"):format(f.root, place, place))
      assert.equal(1, assert(sweep.run(f.p)).discarded)
      assert.equal("", f:where(version))
      assert.equal("v1", f.p.store:jobs { state = "wanted" }[1].version)
    end)

    it("are not taken for another app's", function()
      local version = package_folder.version("v1", { item = "7" })
      local place = { id = "v1", item_id = packages.ITEM, apple_version_id = packages.APPLE_VERSION }
      package_folder.write(version, f.p.folder:public(place))
      assert.equal(1, assert(sweep.run(f.p)).discarded)
      assert.same({}, f.p.store:versions())
    end)

    it("or withdrawn, and are not whole, are of no use", function()
      package_folder.write(package_folder.version "v1", f.p.folder:withdrawn "v1")
      shell.run(("rm %s/signature"):format(f.p.folder:withdrawn "v1"))
      assert.equal(1, assert(sweep.run(f.p)).discarded)
      assert.same({}, f.p.store:versions())
    end)

    it("and are there a second time, are collected once", function()
      local version = published "v1"
      package_folder.write(version, f.p.folder:staging "v1")
      assert(collect.run(f.p, { older_than = GRACE }))
      assert.equal("public", f:where(version))
    end)

    it("and cannot be read, keep no other from being looked at", function()
      local first = published "v1"
      local second = published("w1", { apple_version = "870000002", variants = { 5 }, package = "Q" })
      assert(f.p.store:availability { scope = "package", id = "P", available = false, at = 5000 })
      shell.run(("rm %s/signature"):format(f.p.folder:public(f:row "w1")))
      local rename = f.p.io.rename
      f.p.io.rename = function() return nil, "input/output error", "file_failed" end
      assert.equal(4, assert(sweep.run(f.p)).failed) -- each was found in public, and by its row
      assert.matches("not swept: input/output error", table.concat(f.logged, "\n"), 1, true)
      f.p.io.rename = rename
      assert.is_nil(assert(sweep.run(f.p)).failed)
      assert.same({ "withdrawn", "" }, { f:where(first), f:where(second) })
    end)

    it("are told if they are nothing that belongs there", function()
      shell.run(("cd %s/public && mkdir -p x 1/2 && touch robots.txt 1/2/.x"):format(f.root))
      assert(sweep.run(f.p))
      table.sort(f.logged)
      for i, name in ipairs { "1/2/.x", "robots.txt", "x" } do
        assert.equal(("does not belong there: %s/public/%s"):format(f.root, name), f.logged[i])
      end
    end)
  end)

  describe("are as they were if", function()
    local CALLS = {
      publish = function(p) return publish.run(p, "v2", COMPLETED) end,
      identify = function(p) return publish.identify(p, "v1", { package = "P" }) end,
      withdraw = function(p) return withdraw.run(p, { app = "A" }) end,
      hold = function(p) return withdraw.hold(p, { app = "A" }) end,
      restore = function(p) return restore.run(p, { app = "A" }) end,
      release = function(p) return restore.release(p, { app = "A" }) end,
      bring_back = function(p) return restore.version(p, "w1") end,
      sweep = sweep.run, collect = function(p) return collect.run(p, { older_than = GRACE }) end,
      verify = function(p) return verify.run(p, {}) end,
    }
    local NEED_KEYS = { "publish", "restore", "release", "bring_back" }

    local versions

    before_each(function()
      versions = {
        published "v1", published("w1", { apple_version = "870000002", variants = { 5 }, package = "Q" }),
      }
      assert(withdraw.run(f.p, { package = "Q", at = 5000 }))
      assert(f.p.store:availability { scope = "package", id = "Q", available = true, at = 6000 })
      versions[3] = make("v2", { revision = 2 })
    end)

    local function check(name)
      expect_refusal("store_unavailable", "%S", CALLS[name](f.p))
      assert.same({ "public", "withdrawn", "staging" },
        { f:where(versions[1]), f:where(versions[2]), f:where(versions[3]) })
    end

    for name in pairs(CALLS) do
      it("the store fails: " .. name, function()
        f.p.store:close()
        check(name)
      end)
    end

    for _, name in ipairs(NEED_KEYS) do
      it("the key blobs fail: " .. name, function()
        f.p.keys:close()
        check(name)
      end)
    end
  end)

  it("have manifests of which no byte is changed", function()
    local version = package_folder.version "v1"
    local document = json.decode(version.files["manifest.json"])
    version.files["manifest.json"] = "\n " .. json.encode(document) .. "\r\n\t"
    f:stage(version)
    assert.equal("published", publish.run(f.p, "v1", COMPLETED))
    assert.equal(core.sha256(version.files["manifest.json"]), f:row("v1").manifest_sha256)
    assert.equal(version.files["manifest.json"], core.read_file(path(version, "manifest.json")))
  end)
end)
