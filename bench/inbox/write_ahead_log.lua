-- Counts the pages that SQLite appends to a write-ahead log, which no machine's noise moves. The format:
-- https://sqlite.org/fileformat2.html#the_write_ahead_log
local write_ahead_log = {}

local HEADER_BYTES, FRAME_HEADER_BYTES = 32, 24
local PAGE_BYTES_AT, SALTS_AT = 8, 16 -- in the header
local FRAME_SALTS_AT = 8              -- in a frame's header
local SALTS_BYTES = 8

local Log = {}
Log.__index = Log

local function read_at(file, offset, bytes)
  file:seek("set", offset)
  return file:read(bytes)
end

local function integer_at(file, offset)
  local a, b, c, d = read_at(file, offset, 4):byte(1, 4)
  return ((a * 256 + b) * 256 + c) * 256 + d
end

-- A log that was checkpointed is written again from its beginning, with other salts.
local function read_frames(self, file)
  local salts = read_at(file, SALTS_AT, SALTS_BYTES)
  if not salts then return 0 end
  if salts ~= self.salts then self.frames, self.salts = 0, salts end
  self.page_bytes = integer_at(file, PAGE_BYTES_AT)
  self.frame_bytes = FRAME_HEADER_BYTES + self.page_bytes
  local before = self.frames
  while read_at(file, HEADER_BYTES + self.frames * self.frame_bytes + FRAME_SALTS_AT, SALTS_BYTES) == salts do
    self.frames = self.frames + 1
  end
  return self.frames - before
end

--- The pages that were appended since this was called last, or since the log began anew if it did.
---@return integer
function Log:appended()
  local file = io.open(self.path, "rb")
  if not file then return 0 end
  local frames = read_frames(self, file)
  file:close()
  return frames
end

--- The size of the file.
---@return integer bytes
function Log:size()
  local file = io.open(self.path, "rb")
  local bytes = file and file:seek "end" or 0
  if file then file:close() end
  return bytes
end

--- The log of a database; only what is appended from now on is counted.
---@param path string of the database
function write_ahead_log.of(path)
  local log = setmetatable({ path = path .. "-wal", frames = 0 }, Log)
  log:appended()
  return log
end

return write_ahead_log
