-- The packages of marketplace.simulator: versions, revisions, manifests, and the API's answers about them.
local core = require "marketplace.core"
local json = require "marketplace.json"
local openapi = require "support.openapi"
local api_check = require "support.api_check"
local shell = require "support.shell"
local simulation = require "support.simulation"

local VERSIONS = "GET /v1/alternativeDistributionPackageVersions/"
local MIB = 1024 * 1024

describe("a package of marketplace.simulator", function()
  local s

  before_each(function() s = simulation.new() end)

  local function fetch(url, headers)
    local path, query = url:match "^https://[^/]+([^?]*)%?(.*)$"
    return s.sim:handle { method = "GET", path = path, query = query, headers = headers or {} }
  end

  local function add(given)
    local version = s.sim:add_package_version(given)
    return version
  end

  local function attributes(version)
    return s:expect(200, VERSIONS .. version.id).data.attributes
  end

  local function entry(archive, name)
    local path = shell.file(archive)
    local text = shell.run(("unzip -p %s %s"):format(path, name))
    os.remove(path)
    return text
  end

  local function manifest_of(version)
    return assert(json.decode(entry(fetch(attributes(version).url).body, "manifest.json")))
  end

  local function asset_attributes(kind, id)
    return s:expect(200, ("GET /v1/alternativeDistributionPackage%s/%s"):format(kind, id)).data.attributes
  end

  local function details_of(asset)
    return asset.variantDetails or asset.deltaDetails
  end

  local function ids(list)
    local found = {}
    for i, one in ipairs(list) do found[i] = one.publicId or one.id end
    return found
  end

  local function check_chunks(asset, body)
    local hashes = details_of(asset).hashes[1]
    for i, digest in ipairs(hashes.encryptedChunkDigests) do
      local from = (i - 1) * hashes.chunkSize
      assert.equal(digest, core.sha256(body:sub(from + 1, from + hashes.chunkSize)))
    end
    return #hashes.encryptedChunkDigests
  end

  describe("is a version", function()
    it("whose archive has a manifest and a signature, and whose assets have the digests that it lists", function()
      local version = add { app = "55", deltas = 1, size = 150000, chunk_size = 65536 }
      local shown = attributes(version)
      assert.same({ "COMPLETED", "1" }, { shown.state, shown.version })
      local archive = fetch(shown.url)
      assert.same({ 200, "application/zip" }, { archive.status, archive.headers["content-type"] })
      assert.equal(shown.fileChecksum, core.sha256(archive.body))
      local path = shell.file(archive.body)
      assert.equal("manifest.json\nsignature", shell.run("unzip -Z1 " .. path))
      shell.run("unzip -tq " .. path)
      os.remove(path)
      local manifest = manifest_of(version)
      assert.same({ 2, 1 }, { #manifest.variants, #manifest.deltas })
      for _, asset in ipairs { manifest.variants[1], manifest.variants[2], manifest.deltas[1] } do
        local is_delta = asset.deltaDetails ~= nil
        assert.equal((is_delta and "delta/" or "variant/") .. asset.publicId .. ".ipa", asset.assetPath)
        local of_api = asset_attributes(is_delta and "Deltas" or "Variants", asset.publicId)
        local file = fetch(of_api.url)
        assert.equal(of_api.fileChecksum, core.sha256(file.body))
        assert.equal(file.body, s.sim:asset_bytes(asset.publicId))
        assert.equal(150000, #file.body)
        assert.equal(150000, details_of(asset).compressedSize)
        assert.equal(3, check_chunks(asset, file.body))
        assert.equal(3, #details_of(asset).hashes[1].unencryptedChunkDigests)
        assert.not_same(details_of(asset).hashes[1].encryptedChunkDigests,
          details_of(asset).hashes[1].unencryptedChunkDigests)
      end
    end)

    it("with every member that Apple's manifests have had, and some that they have not", function()
      local version = add {
        app = "55", deltas = 1, item_id = "56", apple_version_id = "899", short_version = "1.4", build = "7",
        revision = 3,
      }
      local manifest = manifest_of(version)
      assert.same({ "1.0", 3, "56", "com.example.app55", "1.4", "7", "899" }, {
        manifest.manifestSchemaVersion, manifest.distributionPackageRevision, manifest.appleItemId, manifest.bundleId,
        manifest.shortVersionString, manifest.bundleVersion, manifest.appleVersionId,
      })
      assert.same({ "ios" }, manifest.platforms)
      assert.same({ ios = "17.4" }, manifest.minimumSystemVersions)
      assert.same({ "arm64", "metal" }, manifest.requiredDeviceCapabilities)
      assert.same({}, manifest.appInstallDeterminants)
      assert.same({ false, false }, { manifest.hasMessagesExtension, manifest.isLaunchProhibited })
      assert.is_number(manifest.backgroundAssets.downloadAllowance)
      assert.is_table(manifest.simulatedMember)
      local variant, delta = manifest.variants[1], manifest.deltas[1]
      assert.matches("^i", variant.installTargets[1].device)
      assert.is_string(variant.installTargets[1].os)
      assert.equal(variant.assetPath, delta.targetVariantAssetPath)
      assert.is_string(delta.sourceVariant.appleVersionId)
      assert.is_string(delta.sourceVariant.version)
      assert.is_table(delta.sourceVariant.installTargets)
    end)

    it("with a newer number in a newer package of the app", function()
      local first, second = manifest_of(add { app = "5" }), manifest_of(add { app = "5" })
      assert.is_true(tonumber(first.appleVersionId) < tonumber(second.appleVersionId))
      assert.same({ "1.1", "1.2" }, { first.shortVersionString, second.shortVersionString })
    end)

    it("that no notification tells of, unless it is an event", function()
      s:webhook()
      add {}
      assert.equal(0, #s.sim:deliveries())
      local event = s.sim:event("version_available", { app = "5", digests = "unencrypted", package_version = "v" })
      assert.equal(1, #s.sim:deliveries())
      assert.equal("v", event.package_version_id)
      assert.same({}, details_of(manifest_of({ id = "v" }).variants[1]).hashes[1].encryptedChunkDigests)
      local again = s.sim:event("version_available", { package_version = "v" })
      assert.same({ event.package_id, "v" }, { again.package_id, again.package_version_id })
      assert.equal(2, #s.sim:package_versions())
    end)

    it("that is listed with what it has", function()
      local version = add { app = "5", package = "p", package_version = "v", variants = 2, deltas = 1, size = 10 }
      assert.same({ version }, s.sim:package_versions())
      assert.same({ "v", "p", "5", "5", 1, "COMPLETED", 2, 1, 30 }, {
        version.id, version.package, version.app, version.item_id, version.revision, version.state, version.variants,
        version.deltas, version.bytes,
      })
      assert.same(version, s.sim:remove_package_version "v")
      assert.same({}, s.sim:package_versions())
      s:expect(404, VERSIONS .. "v")
      assert.has_error(function() s.sim:remove_package_version "v" end)
    end)
  end)

  describe("gets another revision", function()
    it("which replaces the one before, and lists its assets with the same ids and bytes, and new ones", function()
      local first = add { app = "5", package = "p" }
      local before = manifest_of(first)
      local body = s.sim:asset_bytes(before.variants[1].publicId)
      local second = add { package = "p", deltas = 2 }
      local manifests = { before, manifest_of(second) }
      local third = add { package = "p", variants = 1 }
      manifests[3] = manifest_of(third)
      for i, manifest in ipairs(manifests) do
        assert.equal(i, manifest.distributionPackageRevision)
        assert.equal(before.appleVersionId, manifest.appleVersionId)
        assert.equal(before.shortVersionString, manifest.shortVersionString)
      end
      assert.same({ 2, 0, 2, 2, 3, 2 }, { #before.variants, #before.deltas, #manifests[2].variants,
        #manifests[2].deltas, #manifests[3].variants, #manifests[3].deltas })
      assert.same(ids(before.variants), ids(manifests[2].variants))
      assert.same(ids(manifests[2].deltas), ids(manifests[3].deltas))
      assert.equal(body, s.sim:asset_bytes(manifests[3].variants[1].publicId))
      assert.same({ "REPLACED", "1" }, { attributes(first).state, attributes(first).version })
      assert.same({ "REPLACED", "2" }, { attributes(second).state, attributes(second).version })
      assert.same({ "COMPLETED", "3" }, { attributes(third).state, attributes(third).version })
      assert.is_nil(attributes(first).url)
      local document = s:expect(200, "GET /v1/alternativeDistributionPackages/p/versions?filter[state]=REPLACED")
      assert.same({ first.id, second.id }, ids(document.data))
      for _, version in ipairs { second, third } do
        local listed = s:expect(200, VERSIONS .. version.id .. "/variants").data
        assert.same(ids(manifest_of(third).variants)[1], listed[1].id)
        assert.equal(version.variants, #listed)
      end
      assert.not_equal("p", add { app = "5" }.package)
    end)

    it("with a lower number, of an earlier one's assets", function()
      local first = add { package = "p" }
      add { package = "p", deltas = 1 }
      add { package = "p", variants = 4 }
      local again = add { package = "p", revision = 2, from = first.id, deltas = 1 }
      local manifest = manifest_of(again)
      assert.same({ 2, 2, 1 }, { manifest.distributionPackageRevision, #manifest.variants, #manifest.deltas })
    end)

    it("or Apple says that an earlier one is to be served again", function()
      local first, second = add { package = "p" }, add { package = "p" }
      assert.equal("COMPLETED", s.sim:set_package_version_state(first.id, "COMPLETED").state)
      assert.same({ "COMPLETED", "REPLACED" }, { attributes(first).state, attributes(second).state })
      s.sim:set_package_version_state(first.id, "REPLACED")
      assert.same({ "REPLACED", "REPLACED" }, { attributes(first).state, attributes(second).state })
      local third = add { package = "p", state = "REPLACED" }
      assert.equal("REPLACED", attributes(third).state)
      assert.has_error(function() s.sim:set_package_version_state(first.id, "DONE") end)
      assert.has_error(function() s.sim:set_package_version_state("none", "REPLACED") end)
    end)

    it("that may describe the same assets in another way", function()
      local first = add { package = "p", size = 200, chunk_size = 100, digests = "unencrypted" }
      local second = add { package = "p", kept_digests = "both", kept_chunk_size = "single", new_blobs = true }
      local after = manifest_of(second).variants[1]
      assert.equal(200, details_of(after).hashes[1].chunkSize)
      assert.equal(1, #details_of(after).hashes[1].encryptedChunkDigests)
      s.sim:set_package_version_state(first.id, "COMPLETED")
      local before = manifest_of(first).variants[1]
      assert.equal(before.publicId, after.publicId)
      assert.equal(100, details_of(before).hashes[1].chunkSize)
      assert.same({}, details_of(before).hashes[1].encryptedChunkDigests)
      assert.equal(2, #details_of(before).hashes[1].unencryptedChunkDigests)
    end)

    it("that may have other key blobs, or none of the assets before", function()
      local manifest = manifest_of(add { package = "p", variants = 1 })
      local id = manifest.variants[1].publicId
      local blob = asset_attributes("Variants", id).alternativeDistributionKeyBlob
      add { package = "p" }
      assert.equal(blob, asset_attributes("Variants", id).alternativeDistributionKeyBlob)
      add { package = "p", new_blobs = true }
      assert.not_equal(blob, asset_attributes("Variants", id).alternativeDistributionKeyBlob)
      local fresh = manifest_of(add { package = "p", fresh = true })
      assert.equal(2, #fresh.variants)
      assert.not_equal(id, fresh.variants[1].publicId)
      add { package = "p", variants = { { id = "other", size = 1000 } } }
      local chosen = manifest_of(add { package = "p", fresh = true, variants = { { id = id }, { id = "other" } } })
      assert.same({ id, "other" }, ids(chosen.variants))
      local details = details_of(chosen.variants[2])
      assert.same({ 1000, 1000 }, { details.compressedSize, details.hashes[1].chunkSize })
    end)

    it("and may lose one, with the assets that no other lists", function()
      local first = add { package = "p", variants = 1 }
      local kept = manifest_of(first).variants[1].publicId
      local second = add { package = "p", variants = 1 }
      local lost = manifest_of(second).variants[2].publicId
      s.sim:remove_package_version(second.id)
      asset_attributes("Variants", kept)
      s:expect(404, "GET /v1/alternativeDistributionPackageVariants/" .. lost)
    end)
  end)

  describe("has assets", function()
    it("of chunks of 10 MiB, or of one chunk if they are small or that is asked for", function()
      local manifest = manifest_of(add {
        variants = { { size = 20 * MIB + 5 }, { size = 1000 }, { size = 11 * MIB, chunk_size = "single" },
          { size = 10 * MIB }, { size = 0 } },
      })
      local found = {}
      for i, asset in ipairs(manifest.variants) do
        local hashes = details_of(asset).hashes[1]
        found[i] = { hashes.chunkSize, #hashes.encryptedChunkDigests }
        assert.equal(#hashes.encryptedChunkDigests, check_chunks(asset, s.sim:asset_bytes(asset.publicId)))
      end
      assert.same({ { 10 * MIB, 3 }, { 1000, 1 }, { 11 * MIB, 1 }, { 10 * MIB, 1 }, { 1, 0 } }, found)
    end)

    it("of gigabytes that nobody stores, whose parts are made without the rest", function()
      local size = 3 * 1024 * MIB + 17
      local manifest = manifest_of(add { variants = { { id = "big", size = size } } })
      local hashes = details_of(manifest.variants[1]).hashes[1]
      assert.equal(308, #hashes.encryptedChunkDigests)
      local at = 300 * 10 * MIB
      assert.equal(hashes.encryptedChunkDigests[301], core.sha256(s.sim:asset_bytes("big", at, at + 10 * MIB - 1)))
      assert.equal(hashes.encryptedChunkDigests[308], core.sha256(s.sim:asset_bytes("big", 307 * 10 * MIB)))
      local seam = at + 10 * MIB
      assert.is_true(s.sim:asset_bytes("big", at + 5, seam + 5) ==
        s.sim:asset_bytes("big", at + 5, seam - 1) .. s.sim:asset_bytes("big", seam, seam + 5))
      local url = asset_attributes("Variants", "big").url
      local answer = fetch(url, { range = ("bytes=%d-"):format(size - 5) })
      assert.same({ 206, s.sim:asset_bytes("big", size - 5) }, { answer.status, answer.body })
      collectgarbage()
      local before, sum = collectgarbage "count", 0
      for _, piece in ipairs(fetch(url).body) do sum = sum + #piece end
      assert.equal(size, sum)
      assert.is_true(collectgarbage "count" - before < 64 * 1024) -- KiB
    end)

    it("that have the same bytes in every simulator, and other ones than any other asset", function()
      local other = simulation.new()
      for _, sim in ipairs { s.sim, other.sim } do
        sim:add_package_version { variants = { { id = "one", size = 140000 }, { id = "two", size = 140000 },
          { id = "big", size = 17 * MIB } } }
      end
      assert.equal(s.sim:asset_bytes "one", other.sim:asset_bytes "one")
      local digests = {
        one = "12eb2aa1bf39adfa48f07dedbdedd9b215607b6b04864696b9ecdd23a7b36fc6",
        big = "c3dae17f577a55b2fcfeb642b413b515c8e38e7eaccfe72a57234b172c9a98a0",
      }
      for id, digest in pairs(digests) do assert.equal(digest, core.sha256(s.sim:asset_bytes(id))) end
      assert.is_true(s.sim:asset_bytes "big" == other.sim:asset_bytes "big")
      local one, two = s.sim:asset_bytes "one", s.sim:asset_bytes "two"
      for at = 0, 2 * 65536, 65536 do assert.not_equal(one:sub(at + 1, at + 65536), two:sub(at + 1, at + 65536)) end
      assert.has_error(function() s.sim:asset_bytes "none" end)
    end)

    it("whose lists of digests may be empty", function()
      local function lists(digests)
        local found = {}
        for i, asset in ipairs(manifest_of(add { variants = 4, digests = digests }).variants) do
          local hashes = details_of(asset).hashes[1]
          found[i] = #hashes.encryptedChunkDigests .. (hashes.unencryptedChunkDigests and
            #hashes.unencryptedChunkDigests or "-")
        end
        return found
      end
      assert.same({ "11", "11", "11", "11" }, lists "both")
      assert.same({ "1-", "1-", "1-", "1-" }, lists "encrypted")
      assert.same({ "01", "01", "01", "01" }, lists "unencrypted")
      assert.same({ "11", "11", "11", "01" }, lists "mixed")
    end)

    it("whose checksum is of any kind that Apple might mean", function()
      local kinds = { "sha256", "md5", "sha256_base64", "md5_base64", "unknown", "wrong", "none" }
      local given, found = {}, {}
      for i, kind in ipairs(kinds) do given[i] = { id = "asset-" .. kind, checksum = kind, size = 5 } end
      add { variants = given }
      for _, kind in ipairs(kinds) do
        found[kind] = asset_attributes("Variants", "asset-" .. kind).fileChecksum or "-"
      end
      local function sum(kind, digest, encoding)
        local path = shell.file(s.sim:asset_bytes("asset-" .. kind))
        local text = shell.run(("openssl dgst -%s -binary %s | %s"):format(digest, path, encoding))
        os.remove(path)
        return (text:gsub("%s", ""))
      end
      assert.equal(sum("sha256", "sha256", "od -An -v -tx1"), found.sha256)
      assert.equal(sum("md5", "md5", "od -An -v -tx1"), found.md5)
      assert.equal(sum("sha256_base64", "sha256", "base64"), found.sha256_base64)
      assert.equal(sum("md5_base64", "md5", "base64"), found.md5_base64)
      assert.not_equal(core.sha256(s.sim:asset_bytes "asset-wrong"), found.wrong)
      assert.equal(64, #found.wrong)
      assert.is_nil(found.unknown:find "^[%x+/]+=*$")
      assert.equal("-", found.none)
    end)

    it("of which large ones have no checksum, and small ones SHA-256's", function()
      add { variants = { { id = "small", size = 64 * MIB }, { id = "large", size = 64 * MIB + 1 } } }
      assert.equal(64, #asset_attributes("Variants", "small").fileChecksum)
      assert.is_nil(asset_attributes("Variants", "large").fileChecksum)
    end)

    it("with a key blob each, unless there is to be none", function()
      add { variants = { { id = "a" }, { id = "b", blob = false } }, deltas = { { id = "c" } } }
      local a = asset_attributes("Variants", "a").alternativeDistributionKeyBlob
      local c = asset_attributes("Deltas", "c").alternativeDistributionKeyBlob
      assert.matches("^[%w+/]+=*$", a)
      assert.not_equal(a, c)
      assert.is_nil(asset_attributes("Variants", "b").alternativeDistributionKeyBlob)
    end)

    it("by the hundred, of which an inclusion has 50 and a page 200 at most", function()
      local version = add { variants = 6, deltas = 84, size = 10 }
      local document = s:expect(200, VERSIONS .. version.id .. "?include=deltas,variants&limit[deltas]=50")
      assert.equal(50, #document.data.relationships.deltas.data)
      assert.same({ total = 84, limit = 50 }, document.data.relationships.deltas.meta.paging)
      s:expect(400, VERSIONS .. version.id .. "?include=deltas&limit[deltas]=51")
      document = s:expect(200, VERSIONS .. version.id .. "/deltas?limit=200")
      assert.equal(84, #document.data)
      assert.is_nil(document.links.next)
      s:expect(400, VERSIONS .. version.id .. "/deltas?limit=201")
      document = s:expect(200, VERSIONS .. version.id .. "/deltas?limit=80")
      assert.equal(80, #document.data)
      local path = document.links.next:match "^https://[^/]+(.*)$"
      assert.equal(4, #s:expect(200, "GET " .. path).data)
      document = s:expect(200, VERSIONS .. version.id .. "/deltas?limit=200")
      assert.same(ids(manifest_of(version).deltas), ids(document.data))
    end)
  end)

  describe("can have an archive or a manifest", function()
    local function body_of(given)
      return fetch(attributes(add(given)).url).body
    end

    it("that is given", function()
      assert.equal("{}", entry(body_of { manifest = "{}" }, "manifest.json"))
      local changed = entry(body_of { manifest = function(manifest)
        manifest.variants[1].assetPath = "../x.ipa"
        manifest.bundleId = nil
        return manifest
      end }, "manifest.json")
      assert.equal("../x.ipa", json.decode(changed).variants[1].assetPath)
      assert.is_nil(json.decode(changed).bundleId)
      assert.equal("text", entry(body_of { manifest = function() return "text" end }, "manifest.json"))
      local path = shell.file "from a file"
      assert.equal("from a file", entry(body_of { manifest_file = path }, "manifest.json"))
      assert.equal("from a file", body_of { archive_file = path })
      os.remove(path)
    end)

    it("that is wrong", function()
      local function names(wrong)
        local path = shell.file(body_of { archive = wrong })
        local list = shell.run("unzip -Z1 " .. path)
        local long = shell.run(("unzip -Z %s"):format(path))
        os.remove(path)
        return list, long
      end
      assert.equal("manifest.json\nsignature\nreadme.txt", (names "third_entry"))
      assert.equal("manifest.json\n../signature", (names "path"))
      assert.equal("manifest.json", (names "no_signature"))
      local _, long = names "link"
      assert.matches("\nlrw", long)
      assert.equal(1, body_of({ archive = "encrypted" }):byte(7))
      local bomb = shell.file(body_of { archive = "bomb" })
      assert.equal(100 * MIB, tonumber((shell.run(("python3 -c 'import sys, zlib; file = open(sys.argv[1], \"rb\"); " ..
        "print(len(zlib.decompressobj(-15).decompress(file.read()[43:], %d)))' %s"):format(100 * MIB, bomb)))))
      os.remove(bomb)
      local whole, cut = body_of {}, body_of { archive = "truncated" }
      assert.is_true(#cut > 0 and #cut < #whole)
    end)
  end)

  it("is refused if it cannot be", function()
    local function fails(given, why)
      local ok, message = pcall(function() add(given) end)
      assert.is_false(ok)
      assert.matches("^spec/simulator_packages_spec.lua:%d+: marketplace.simulator: package version: " .. why, message)
    end
    fails({ size = -1 }, "'size' must be a whole number from 0 to 68719476736")
    fails({ variants = 1001 }, "'variants' must be a whole number from 0 to 1000")
    fails({ deltas = 0.5 }, "'deltas' must be a whole number")
    fails({ variants = { { size = 1, count = -1 } } }, "'variants': 'count' must be")
    fails({ deltas = { size = 1 } }, "'deltas' must be a number or a list")
    fails({ apple_version_id = "8.1" }, "'apple_version_id' must consist of digits")
    fails({ variants = { { kind = "x" } } }, "'variants': an asset: unknown option 'kind'")
    fails({ variants = { { id = "a", count = 2 } } }, "'variants': 'id' is of one asset")
    fails({ variants = { { id = "a/b" } } }, "'variants': 'id' must consist of letters")
    fails({ chunk_size = 0 }, "'chunk_size' must be a whole number from 1")
    fails({ digests = "all" }, "'digests' must be one of both, encrypted, mixed, unencrypted")
    fails({ kept_digests = "all" }, "'kept_digests' must be one of")
    fails({ kept_chunk_size = "one" }, "'kept_chunk_size' must be a whole number from 1 to %d+, or single")
    fails({ checksum = "crc" }, "'checksum' must be one of md5, ")
    fails({ state = "DONE" }, "'state' must be one of COMPLETED, REPLACED")
    fails({ archive = "bad" }, "'archive' must be one of bomb, encrypted, ")
    fails({ revision = -1 }, "'revision' must be")
    fails({ from = "none" }, "'from' must be the id of a package version")
    fails({ manifest_file = "/none" }, "'manifest_file': /none: ")
    add { package_version = "v" }
    fails({ package_version = "v" }, "there is one with this id already")
    assert.has_error(function() add { nothing = 1 } end)
  end)

  local description = openapi.load { it = it, pending = pending }
  if description then
    it("is described by answers that are as Apple's description says", function()
      local version = add { variants = 3, deltas = 2, checksum = "md5" }
      local replaced = add { package = version.package }
      local manifest = manifest_of(replaced)
      for _, target in ipairs {
        VERSIONS .. version.id, VERSIONS .. replaced.id .. "?include=variants,deltas,alternativeDistributionPackage",
        VERSIONS .. replaced.id .. "/deltas", VERSIONS .. replaced.id .. "/relationships/variants",
        ("GET /v1/alternativeDistributionPackages/%s/versions?include=variants"):format(version.package),
        "GET /v1/alternativeDistributionPackageVariants/" .. manifest.variants[1].publicId,
        "GET /v1/alternativeDistributionPackageDeltas/" .. manifest.deltas[1].publicId,
      } do
        local _, response = s:call(target)
        assert.equal(200, response.status)
        local url = "https://api.appstoreconnect.apple.com" .. target:match " (.*)$"
        assert.same({}, api_check.response(description, { method = "GET", url = url }, response), target)
      end
    end)
  end
end)

it("zip archives have the checksums that they should", function()
  local crc32 = require "marketplace.simulator.crc32"
  for text, sum in pairs { [""] = 0, ["123456789"] = 0xcbf43926, ["\255\255\255\255"] = 0xffffffff } do
    assert.equal(sum, crc32(text))
  end
end)
