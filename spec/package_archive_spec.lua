-- The archive of a package's manifest and signature, as it should be and in every way that it should not.
local crc32 = require "marketplace.simulator.crc32"
local io_of_packages = require "marketplace.package_io"
local shell = require "support.shell"
local zip = require "marketplace.simulator.zip"

local NAMES = { "manifest.json", "signature" }
local MANIFEST, SIGNATURE = '{"appleItemId":"1"}', "\0\1binary\255"
local DEFLATED, STORED, LZMA = 8, 0, 14
local FILE, LINK = 0x81a40000, 0xa1ff0000 -- the upper half is the mode, as Unix has it
local FOLDER = 0x10

local function little_endian(number, count)
  local bytes = {}
  for i = 1, count do
    bytes[i] = string.char(number % 256)
    number = math.floor(number / 256)
  end
  return table.concat(bytes)
end

local function deflated(bytes)
  local hex = bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end)
  local path = shell.file(hex)
  local out = shell.run(("node -p '" ..
    'const bytes = Buffer.from(fs.readFileSync("%s", "latin1"), "hex"); ' ..
    'zlib.deflateRawSync(bytes).toString("hex")' .. "'"):format(path))
  os.remove(path)
  return (out:gsub("%x%x", function(digits) return string.char(tonumber(digits, 16)) end))
end

-- One entry: `packed` is what is stored of it, by default its bytes; the rest is what the archive says of it.
local function facts(entry)
  return little_endian(entry.flags or 0, 2) .. little_endian(entry.method or STORED, 2) .. little_endian(0, 4) ..
    little_endian(entry.crc or crc32(entry.bytes), 4) .. little_endian(#(entry.packed or entry.bytes), 4) ..
    little_endian(entry.size or #entry.bytes, 4) .. little_endian(#entry.name, 2) .. little_endian(0, 2)
end

local function archive(entries)
  local parts, directory, at = {}, {}, 0
  for _, entry in ipairs(entries) do
    local part = "PK\3\4\20\0" .. facts(entry) .. entry.name .. (entry.packed or entry.bytes)
    directory[#directory + 1] = "PK\1\2\20\3\20\0" .. facts(entry) .. little_endian(0, 6) ..
      little_endian(entry.attributes or FILE, 4) .. little_endian(at, 4) .. entry.name
    parts[#parts + 1], at = part, at + #part
  end
  local central = table.concat(directory)
  return table.concat(parts) .. central .. "PK\5\6\0\0\0\0" .. little_endian(#entries, 2) ..
    little_endian(#entries, 2) .. little_endian(#central, 4) .. little_endian(at, 4) .. "\0\0"
end

local function manifest(more)
  local entry = { name = "manifest.json", bytes = MANIFEST }
  for name, value in pairs(more or {}) do entry[name] = value end
  return entry
end

local signature = { name = "signature", bytes = SIGNATURE }

local function read(bytes, max_size)
  return io_of_packages.read_archive { bytes = bytes, names = NAMES, max_size = max_size }
end

describe("marketplace.package_io.read_archive", function()
  local expected = { ["manifest.json"] = MANIFEST, signature = SIGNATURE }

  it("gives the bytes of each entry, stored or deflated, in any order", function()
    assert.same(expected, read(archive { manifest(), signature }))
    assert.same(expected, read(archive { signature, manifest { method = DEFLATED, packed = deflated(MANIFEST) } }))
    assert.same(expected, read(archive { manifest { attributes = 0 }, signature }))
    assert.same(expected, read(zip.stored { manifest(), signature }))
  end)

  it("reads a file as well", function()
    local path = shell.file(archive { manifest(), signature })
    assert.same(expected, io_of_packages.read_archive { path = path, names = NAMES })
    os.remove(path)
    assert.equal("file_missing", (select(3, io_of_packages.read_archive { path = path, names = NAMES })))
  end)

  local zeros = ("\0"):rep(100000)

  for what, case in pairs {
    ["an entry too many"] = { { manifest(), signature, { name = "x", bytes = "" } }, "entry x does not belong there" },
    ["a copy that a Mac adds"] =
      { { manifest(), { name = "__MACOSX/._signature", bytes = "" }, signature }, "X/._signature does not belong" },
    ["an entry that is missing"] = { { manifest() }, "entry signature is missing" },
    ["no entries"] = { {}, "entry manifest.json is missing" },
    ["an empty entry"] = { { manifest { bytes = "" }, signature }, "entry manifest.json is empty" },
    ["an entry twice, first empty"] =
      { { manifest { bytes = "" }, manifest(), signature }, "entry manifest.json is empty" },
    ["what follows an empty entry"] =
      { { manifest { bytes = "" }, manifest(), signature, { name = "x", bytes = "x" } }, "manifest.json is empty" },
    ["an entry twice"] = { { manifest(), manifest(), signature }, "entry manifest.json is there twice" },
    ["a path"] = { { manifest { name = "a/manifest.json" }, signature }, "entry a/manifest.json does not belong" },
    ["a way out"] = { { manifest { name = "../manifest.json" }, signature }, "entry ../manifest.json does not" },
    ["an absolute path"] = { { manifest { name = "/signature" }, signature }, "entry /signature does not belong" },
    ["a backslash"] = { { manifest { name = "..\\signature" }, signature }, "entry ..\\signature does not" },
    ["a name for terminals"] = { { manifest { name = "\27[2J\226\128\174" }, signature }, "entry ?[2J??? does not" },
    ["another case"] = { { manifest { name = "Manifest.json" }, signature }, "entry Manifest.json does not belong" },
    ["a folder"] = { { manifest { attributes = FOLDER }, signature }, "entry manifest.json is not a plain file" },
    ["a symbolic link"] = { { manifest { attributes = LINK }, signature }, "manifest.json is not a plain file" },
    ["an encrypted entry"] = { { manifest { flags = 1 }, signature }, "entry manifest.json is encrypted" },
    ["another compression"] = { { manifest { method = LZMA }, signature }, "is compressed in a way" },
    ["a wrong CRC"] = { { manifest { crc = 1 }, signature }, "CRC error" },
    ["an entry that is too large"] = { { manifest { bytes = zeros }, signature }, "manifest.json is too large" },
    ["an entry that says it is too large"] = { { manifest { size = 2 ^ 31 }, signature }, "json is too large" },
    ["a bomb"] = {
      { manifest { bytes = zeros, size = 100, method = DEFLATED, packed = deflated(zeros) }, signature },
      "the archive",
    },
    ["what is not deflated"] = { { manifest { method = DEFLATED, packed = "\255\255" }, signature }, "archive" },
    ["fewer bytes than it says"] = {
      { manifest { size = #MANIFEST + 1, method = DEFLATED, packed = deflated(MANIFEST) }, signature }, "the archive",
    },
  } do
    it("refuses " .. what, function()
      local files, message, code = read(archive(case[1]), 1000)
      assert.same({ nil, "archive_invalid" }, { files, code })
      assert.matches(case[2], message, 1, true)
    end)
  end

  it("refuses what is no archive, or not all of one", function()
    local whole = archive { manifest(), signature }
    for length = 0, #whole - 1 do
      assert.equal("archive_invalid", (select(3, read(whole:sub(1, length)))))
    end
    assert.equal("archive_invalid", (select(3, read "<html>403 Forbidden</html>")))
  end)

  it("bears every byte that is changed", function()
    local whole = archive { manifest { method = DEFLATED, packed = deflated(MANIFEST) }, signature }
    for place = 1, #whole do
      local changed = whole:sub(1, place - 1) .. string.char((whole:byte(place) + 1) % 256) .. whole:sub(place + 1)
      local files, message, code = read(changed, 1000)
      -- what nobody needs may be anything
      if files then assert.same(expected, files) else assert.equal("archive_invalid", code, message) end
    end
  end)

  it("checks what it is given", function()
    for message, given in pairs {
      ["field 'names' must be a list"] = { bytes = "" },
      ["field 'names' must have 1 to 8"] = { bytes = "", names = {} },
      ["field 'names' must have 1 to 8 "] = { bytes = "", names = { "a", "a", "a", "a", "a", "a", "a", "a", "a" } },
      ["a name is not a string"] = { bytes = "", names = { 1 } }, ["field 'path' is missing"] = { names = NAMES },
      ["field 'max_size' must be a number"] = { bytes = "", names = NAMES, max_size = 2 ^ 40 },
    } do
      assert.error_matches(function() io_of_packages.read_archive(given) end, message:gsub(" $", ""), 1, true)
    end
  end)
end)
