local json = require "marketplace.json"
local manifest = require "marketplace.packages.manifest"
local packages = require "support.packages"

local DIGEST = ("ab"):rep(32)

local function document(change)
  local made = packages.document(
    { packages.variant(1, 25, { DIGEST, DIGEST, DIGEST }, 10), packages.variant(2, 7, {}) },
    { packages.delta(3, 1, 5, { DIGEST }) })
  if change then change(made) end
  return json.encode(made)
end

describe("marketplace.packages.manifest", function()
  it("tells what is in a package", function()
    local found = assert(manifest.parse(document()))
    assert.same({
      item_id = packages.ITEM, apple_version_id = packages.APPLE_VERSION, revision = 1, bundle_id = "com.example.game",
      version = "2.0", build = "42", platforms = { "ios" }, minimum_systems = { ios = "17.2" },
      capabilities = { "arm64", "metal" }, bytes = 37, assets = {
        { kind = "variant", public_id = packages.uuid(1), path = "variant/" .. packages.uuid(1) .. ".ipa", size = 25,
          chunk_size = 10, digests = { DIGEST, DIGEST, DIGEST } },
        { kind = "variant", public_id = packages.uuid(2), path = "variant/" .. packages.uuid(2) .. ".ipa", size = 7 },
        { kind = "delta", public_id = packages.uuid(3), path = "delta/" .. packages.uuid(3) .. ".ipa", size = 5,
          chunk_size = 5, digests = { DIGEST }, target = "variant/" .. packages.uuid(1) .. ".ipa",
          source = { apple_version_id = "860000001", version = "1.9" } },
      },
    }, found)
  end)

  local function accepts(what, change, check)
    it("takes " .. what, function() check(assert(manifest.parse(document(change)))) end)
  end

  accepts("members that nobody knows", function(d)
    d.somethingNew, d.variants[1].more, d.variants[1].variantDetails.hashes[1].x = { 1 }, json.null, "y"
  end, function(m) assert.equal(3, #m.assets) end)
  accepts("a first revision, without deltas", function(d) d.deltas = json.list {} end,
    function(m) assert.equal(2, #m.assets) end)
  accepts("one that does not mention deltas or capabilities", function(d)
    d.deltas, d.requiredDeviceCapabilities = nil, nil
  end, function(m) assert.same({ 2, 0 }, { #m.assets, #m.capabilities }) end)
  accepts("digests in upper case", function(d)
    d.variants[1].variantDetails.hashes[1].encryptedChunkDigests[2] = DIGEST:upper()
  end, function(m) assert.equal(DIGEST, m.assets[1].digests[2]) end)
  accepts("a chunk that is larger than the file", function(d)
    d.variants[1].variantDetails.hashes[1].chunkSize = 10485760
    d.variants[1].variantDetails.hashes[1].encryptedChunkDigests = json.list { DIGEST }
  end, function(m) assert.equal(1, #m.assets[1].digests) end)
  accepts("an algorithm beside sha256", function(d)
    table.insert(d.variants[1].variantDetails.hashes, 1, { algorithm = "sha512", digests = json.list { "x" } })
  end, function(m) assert.equal(3, #m.assets[1].digests) end)
  accepts("an asset whose algorithms nobody knows, as one without digests", function(d)
    d.variants[1].variantDetails.hashes[1].algorithm = "sha512"
  end, function(m) assert.is_nil(m.assets[1].digests) end)
  accepts("a public id that is no UUID", function(d)
    d.variants[2].publicId, d.variants[2].assetPath = "A_1.b-c", "variant/A_1.b-c.ipa"
  end, function(m) assert.equal("variant/A_1.b-c.ipa", m.assets[2].path) end)
  accepts("a delta whose source is told in another way", function(d) d.deltas[1].sourceVariant = "860000001" end,
    function(m) assert.is_nil(m.assets[3].source) end)

  it("takes a real one's size: 90 assets with 280 digests each", function()
    local digests, variants = {}, {}
    for i = 1, 280 do digests[i] = ("%064x"):format(i) end
    for i = 1, 90 do variants[i] = packages.variant(i, 2800 * 2 ^ 20, digests, 10 * 2 ^ 20) end
    local found = assert(manifest.parse(json.encode(packages.document(variants))))
    assert.same({ 90, 280, 90 * 2800 * 2 ^ 20 }, { #found.assets, #found.assets[90].digests, found.bytes })
  end)

  local function refuses(what, bytes, expected)
    it("refuses " .. what, function()
      if type(bytes) == "function" then bytes = document(bytes) end
      local found, message, code = manifest.parse(bytes)
      assert.is_nil(found)
      assert.equal("manifest_invalid", code)
      assert.is_truthy(message:find(expected, 1, true), message)
    end)
  end

  refuses("what is no JSON", "<!DOCTYPE html><html></html>", "the manifest cannot be used: it is not JSON")
  refuses("what is cut off", document():sub(1, -2), "it is not JSON")
  refuses("nothing", "", "it is not JSON")
  refuses("a list", "[1]", "it is not a JSON object")
  refuses("null", "null", "it is not a JSON object")
  refuses("a number that is no number", '{"distributionPackageRevision":1e999}', "it is not JSON")
  refuses("what nests without end", ("["):rep(100000), "it is not JSON")
  refuses("what is too large", (" "):rep(16 * 2 ^ 20 + 1), "larger than 16 MiB")

  for _, member in ipairs {
    "appleItemId", "appleVersionId", "distributionPackageRevision", "bundleId", "shortVersionString", "bundleVersion",
    "platforms", "minimumSystemVersions", "variants",
  } do
    refuses("one without " .. member, function(d) d[member] = nil end, member .. " is missing")
    refuses("one whose " .. member .. " is null", function(d) d[member] = json.null end, member .. " is null, not a")
  end
  refuses("an item id that is no number", function(d) d.appleItemId = "../../etc" end,
    'appleItemId is "../../etc", not a number of up to 20 digits in a text')
  refuses("an item id that is not a text", function(d) d.appleItemId = 6499000001 end, "appleItemId is 6499000001")
  refuses("a version id without an end", function(d) d.appleVersionId = ("1"):rep(21) end, "appleVersionId is")
  refuses("revision 0", function(d) d.distributionPackageRevision = 0 end, "distributionPackageRevision is 0")
  refuses("half a revision", function(d) d.distributionPackageRevision = 1.5 end, "distributionPackageRevision is 1.5")
  refuses("an empty bundle id", function(d) d.bundleId = "" end, 'bundleId is ""')
  refuses("platforms that are not texts", function(d) d.platforms = json.list { 1 } end,
    "platforms[1] is 1, not a text")
  refuses("a system's version that is not a text", function(d) d.minimumSystemVersions.ios = 17 end,
    "minimumSystemVersions.ios is 17")
  refuses("one without a variant", function(d) d.variants = json.list {} end, "variants is empty")
  refuses("variants that are an object", function(d) d.variants = { a = 1 } end, "variants is a list or an object")
  refuses("a variant that is null", function(d) d.variants[2] = json.null end, "variants[2] is null, not an object")

  local first = "variants[1] (publicId " .. packages.uuid(1) .. ")."
  refuses("a variant without a public id", function(d) d.variants[1].publicId = nil end,
    "variants[1].publicId is missing")
  for _, id in ipairs { "", ".", "..", ".hidden", "a/b", "a b", "a~1", "ü", "a\0b", "a\n", ("a"):rep(129) } do
    refuses(("the public id %q"):format(id), function(d)
      d.variants[1].publicId, d.variants[1].assetPath = id, ("variant/%s.ipa"):format(id)
    end, "variants[1].publicId is")
  end
  for _, path in ipairs {
    "../../../etc/passwd", "/etc/passwd", "variant/../delta/x.ipa", "variant//" .. packages.uuid(1) .. ".ipa",
    "delta/" .. packages.uuid(1) .. ".ipa", packages.uuid(1) .. ".ipa", "variant/" .. packages.uuid(2) .. ".ipa",
    "variant/" .. packages.uuid(1), "variant/" .. packages.uuid(1) .. ".ipa\0", "manifest.json", "",
  } do
    refuses(("the path %q"):format(path), function(d) d.variants[1].assetPath = path end, first .. "assetPath is")
  end
  refuses("an asset without a path", function(d) d.variants[1].assetPath = nil end, first .. "assetPath is missing")
  refuses("a public id that two variants have", function(d) d.variants[2] = packages.variant(1, 9, {}) end,
    "variants[2].publicId is " .. packages.uuid(1) .. ", as is that of variants[1]")
  refuses("a public id that a variant and a delta have", function(d) d.deltas[1] = packages.delta(2, 1, 9, {}) end,
    "deltas[1].publicId is " .. packages.uuid(2) .. ", as is that of variants[2]")
  refuses("a delta to what is not there", function(d) d.deltas[1] = packages.delta(3, 9, 9, {}) end,
    "targetVariantAssetPath is \"variant/" .. packages.uuid(9))
  refuses("a delta to itself", function(d) d.deltas[1].targetVariantAssetPath = d.deltas[1].assetPath end,
    "targetVariantAssetPath is")
  refuses("a delta to a public id", function(d) d.deltas[1].targetVariantAssetPath = packages.uuid(1) end,
    "targetVariantAssetPath is")
  refuses("a delta to nothing", function(d) d.deltas[1].targetVariantAssetPath = nil end,
    "targetVariantAssetPath is missing")

  local inside = first .. "variantDetails."
  for _, size in ipairs { 0, -1, 1.5, 2 ^ 36 + 1, 1e300, "25", json.null } do
    refuses(("the size %s"):format(tostring(size)), function(d) d.variants[1].variantDetails.compressedSize = size end,
      inside .. "compressedSize is")
  end
  refuses("an asset without a size", function(d) d.variants[1].variantDetails.compressedSize = nil end,
    inside .. "compressedSize is missing")
  refuses("an asset without details", function(d) d.variants[1].variantDetails = nil end,
    first .. "variantDetails is missing")
  refuses("an asset without hashes", function(d) d.variants[1].variantDetails.hashes = nil end,
    inside .. "hashes is missing")

  local function refuses_hash(what, change, expected)
    refuses(what, function(d) change(d.variants[1].variantDetails.hashes[1]) end, inside .. "hashes[1]." .. expected)
  end
  refuses_hash("hashes without an algorithm", function(h) h.algorithm = nil end, "algorithm is missing")
  refuses_hash("hashes without a chunk size", function(h) h.chunkSize = nil end, "chunkSize is missing")
  refuses_hash("a chunk size of 0", function(h) h.chunkSize = 0 end, "chunkSize is 0")
  refuses_hash("a negative chunk size", function(h) h.chunkSize = -10 end, "chunkSize is -10")
  refuses_hash("hashes without digests", function(h) h.encryptedChunkDigests = nil end,
    "encryptedChunkDigests is missing")
  refuses_hash("too few digests", function(h) h.encryptedChunkDigests = json.list { DIGEST, DIGEST } end,
    "encryptedChunkDigests has 2 digests, and 25 bytes in chunks of 10 are 3")
  refuses_hash("too many digests", function(h) h.encryptedChunkDigests[4] = DIGEST end,
    "encryptedChunkDigests has 4 digests")
  refuses_hash("a digest that is too short", function(h) h.encryptedChunkDigests[3] = "abcd" end,
    "encryptedChunkDigests[3] is \"abcd\", not 64 hex digits")
  refuses_hash("a digest that is not hex", function(h) h.encryptedChunkDigests[1] = ("g"):rep(64) end,
    "encryptedChunkDigests[1] is")
  refuses("two lists of sha256", function(d)
    local hashes = d.variants[1].variantDetails.hashes
    hashes[2] = hashes[1]
  end, inside .. "hashes[2] is a second sha256")
  refuses("a hash that is a text", function(d) d.variants[1].variantDetails.hashes[1] = "sha256" end,
    inside .. "hashes[1] is \"sha256\", not an object")

  it("shows nothing that could control a terminal, and no more than a beginning", function()
    local _, message = manifest.parse(document(function(d) d.appleItemId = "\27[2J" .. ("x"):rep(9999) end))
    assert.is_nil(message:find "[%c]")
    assert.is_true(#message < 300)
  end)

  describe("understands a fileChecksum", function()
    local SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    local MD5 = "098f6bcd4621d373cade4e832627b4f6"
    for what, case in pairs {
      ["in hex"] = { SHA256, { sha256 = SHA256 } }, ["in upper case"] = { SHA256:upper(), { sha256 = SHA256 } },
      ["that is MD5"] = { MD5, { md5 = MD5 } },
      ["in base64"] = { "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=", { sha256 = SHA256 } },
      ["in base64 without padding"] = { "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg", { sha256 = SHA256 } },
      ["in base64url"] = { "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg", { sha256 = SHA256 } },
      ["that is MD5 in base64"] = { "CY9rzUYh03PK3k6DJie09g==", { md5 = MD5 } },
    } do
      it(what, function() assert.same(case[2], manifest.checksum(case[1])) end)
    end

    it("and not another form", function()
      for _, other in ipairs {
        "", "x", "sha256:" .. SHA256, SHA256:sub(2), MD5:sub(3), SHA256 .. "00", ("ab"):rep(20), ("A"):rep(64) .. "==",
        "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg==", "CY9rzUYh03PK3k6DJie09g===", " " .. MD5, MD5 .. "\n",
      } do
        assert.is_nil(manifest.checksum(other), other)
      end
      for _, other in ipairs { json.null, 12345678901234567890123456789012, {}, true } do
        assert.is_nil(manifest.checksum(other))
      end
      assert.is_nil(manifest.checksum(nil))
    end)
  end)
end)
