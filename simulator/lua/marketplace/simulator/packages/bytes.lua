--- The bytes of generated files: a function of a seed and a size. Any part can be made without the rest, anywhere.
---
--- A file consists of units. Each unit but the last has the same length and holds a prefix of one block, which is the
--- same in all files, and then a tag, which is in no other unit of any file. In large files units are long, so that
--- gigabytes are a few hundred times the same string, and so that the digest of a chunk begins with the block's, which
--- is computed once.
local core = require "marketplace.core"

local bytes = {}

---@class marketplace.simulator.File
---@field seed string
---@field size integer

local TAG = 64 -- bytes: hex digits of SHA-256
local SHORT_UNIT, LONG_UNIT = 64 * 1024, 10 * 1024 * 1024
local LARGE = 16 * 1024 * 1024 -- bytes of a file, from which its units are long

local function unit_of(file)
  return file.size >= LARGE and LONG_UNIT or SHORT_UNIT
end

--[[ The block ]]

local function noise()
  local parts = {}
  for i = 1, SHORT_UNIT / TAG do parts[i] = core.sha256("block:" .. i) end
  return table.concat(parts)
end

-- No two places in it look alike: what is put at a wrong place is wrong.
local function make_block()
  local repeated, parts = noise():sub(17), {}
  for i = 1, LONG_UNIT / SHORT_UNIT do parts[i] = ("%016d"):format(i) .. repeated end
  return table.concat(parts)
end

local block
local prefixes = {}

-- The first bytes of the block. Those of whole units are made once: a server keeps one copy of each string.
local function prefix(length)
  block = block or make_block()
  local is_whole = length == SHORT_UNIT - TAG or length == LONG_UNIT - TAG
  local made = prefixes[length] or block:sub(1, length)
  if is_whole then prefixes[length] = made end
  return made
end

--[[ Parts of files ]]

-- Adds what bytes `first` to `last` of the file have of a string that begins at byte `at`.
local function add_part(pieces, text, at, first, last)
  local from, to = math.max(first - at, 0), math.min(last - at, #text - 1)
  if from > to then return end
  pieces[#pieces + 1] = from == 0 and to == #text - 1 and text or text:sub(from + 1, to + 1)
end

--- Bytes of a file, in pieces; long ones that are alike are the same string.
---@param file marketplace.simulator.File
---@param first? integer offset, default 0
---@param last? integer offset, default the file's last
---@return string[]
function bytes.pieces(file, first, last)
  local unit, pieces = unit_of(file), {}
  first, last = first or 0, math.min(last or file.size - 1, file.size - 1)
  for at = first - first % unit, last, unit do
    local length = math.min(unit, file.size - at)
    local filler = math.max(length - TAG, 0)
    add_part(pieces, prefix(filler), at, first, last)
    add_part(pieces, core.sha256(file.seed .. ":" .. at):sub(1, length - filler), at + filler, first, last)
  end
  return pieces
end

--[[ Digests ]]

local started = {}

-- A hash of a string with which many chunks begin.
local function started_with(kind, text)
  local key = kind .. #text
  if not started[key] then
    started[key] = assert(core.hash(kind))
    assert(started[key]:add(text))
  end
  return assert(started[key]:copy())
end

--- The digest of bytes of a file, in hex.
---@param kind "sha256"|"md5"
---@param file marketplace.simulator.File
---@param first? integer offset, default 0
---@param last? integer offset, default the file's last
---@return string
function bytes.digest(kind, file, first, last)
  local pieces = bytes.pieces(file, first, last)
  local is_common = pieces[1] and prefixes[#pieces[1]] == pieces[1]
  local hash = is_common and started_with(kind, pieces[1]) or assert(core.hash(kind))
  for i = is_common and 2 or 1, #pieces do assert(hash:add(pieces[i])) end
  local hex = assert(hash:hex())
  hash:close()
  return hex
end

--- The SHA-256 digests of a file's chunks.
---@param file marketplace.simulator.File
---@param chunk_size integer bytes
---@return string[]
function bytes.chunk_digests(file, chunk_size)
  local digests = {}
  for at = 0, file.size - 1, chunk_size do
    digests[#digests + 1] = bytes.digest("sha256", file, at, at + chunk_size - 1)
  end
  return digests
end

return bytes
