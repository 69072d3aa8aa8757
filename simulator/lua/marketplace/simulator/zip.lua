--- Zip archives of files that are stored, not compressed (PKWARE's APPNOTE, sections 4.3.7, 4.3.12 and 4.3.16).
local crc32 = require "marketplace.simulator.crc32"

local zip = {}

local VERSION, NO_TIME, FIRST_DAY = 20, 0, 33 -- 1980-01-01: the same files make the same bytes
local DEFLATED = 8
local UNIX, MODE = 3 * 256, 420 -- rw-r--r--

local function little_endian(...)
  local parts, given = {}, { ... }
  for i = 1, #given, 2 do
    local number = given[i]
    for _ = 1, given[i + 1] do
      parts[#parts + 1] = string.char(number % 256)
      number = math.floor(number / 256)
    end
  end
  return table.concat(parts)
end

-- The part that the local header and the central directory have in common.
local function facts(file)
  local is_deflated = file.inflated_size ~= nil
  return little_endian(VERSION, 2, file.flags or 0, 2, is_deflated and DEFLATED or 0, 2, NO_TIME, 2, FIRST_DAY, 2,
    is_deflated and 0 or crc32(file.bytes), 4, #file.bytes, 4, file.inflated_size or #file.bytes, 4, #file.name, 2,
    0, 2)
end

-- What the central directory says of the system that made the file, and of the file's type and mode there: nothing,
-- unless it is to be of a type.
local function system(file)
  return file.file_type and UNIX + VERSION or VERSION
end

local function attributes(file)
  return file.file_type and (file.file_type * 4096 + MODE) * 65536 or 0
end

--- Makes an archive.
---@param files {name: string, bytes: string, flags?: integer, file_type?: integer, inflated_size?: integer}[] flags:
--- the general purpose flags; file_type: the upper four bits of a mode of Unix, such as 10 for a symbolic link;
--- inflated_size: of bytes that are deflated, how many they are said to become, with a wrong checksum
---@return string
function zip.stored(files)
  local parts, directory, at = {}, {}, 0
  for _, file in ipairs(files) do
    local entry = "PK\3\4" .. facts(file) .. file.name .. file.bytes
    directory[#directory + 1] = "PK\1\2" .. little_endian(system(file), 2) .. facts(file) ..
      little_endian(0, 2, 0, 2, 0, 2, attributes(file), 4, at, 4) .. file.name
    parts[#parts + 1] = entry
    at = at + #entry
  end
  local central = table.concat(directory)
  return table.concat(parts) .. central .. "PK\5\6" ..
    little_endian(0, 2, 0, 2, #files, 2, #files, 2, #central, 4, at, 4, 0, 2)
end

return zip
