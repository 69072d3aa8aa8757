--- The disk's space for all packages that are being fetched: what is reserved for one is not free for another, and
--- `min_free` bytes are left to others.
---
--- A sink allocates a file's bytes before it writes the first of them. So what has been begun is no longer free for
--- anybody, and only what has not been begun is reserved here.
local text = require "marketplace.text"

local space = {}

---@class marketplace.packages.Space
local Space = {}
Space.__index = Space

local function reserved(self, except)
  local sum = 0
  for owner, bytes in pairs(self.bytes) do
    if owner ~= except then sum = sum + bytes end
  end
  return sum
end

local function too_little(self, wanted, free, others)
  return nil, ("%s has no room for %s: %s are free, of which %s are reserved for other packages and %s are to stay " ..
    "free; make room, or lower the limit"):format(self.folder, text.bytes(wanted), text.bytes(free),
    text.bytes(others), text.bytes(self.min_free)), "disk_full"
end

--- Reserves what an owner still needs, in place of what it had reserved.
---@param owner any
---@param bytes integer
---@return true|nil
---@return string? message
---@return string? code disk_full, file_failed
function Space:reserve(owner, bytes)
  local free, message, code = self.disk_free(self.folder)
  if not free then return nil, message, code end
  local others = reserved(self, owner)
  if free - others - bytes < self.min_free then return too_little(self, bytes, free, others) end
  self.bytes[owner] = bytes
  return true
end

--- Notes that an owner allocates some of what it reserved. Fails if somebody else has filled the disk meanwhile.
---@param owner any
---@param bytes integer
---@return true|nil
---@return string? message
---@return string? code disk_full, file_failed
function Space:allocate(owner, bytes)
  local free, message, code = self.disk_free(self.folder)
  if not free then return nil, message, code end
  if free - bytes < self.min_free then return too_little(self, bytes, free, reserved(self, owner)) end
  self.bytes[owner] = math.max(0, (self.bytes[owner] or 0) - bytes)
  return true
end

--- An owner needs nothing more.
---@param owner any
function Space:release(owner)
  self.bytes[owner] = nil
end

--- Nothing is reserved yet.
---@param folder string
---@param min_free integer bytes
---@param disk_free fun(path: string): integer|nil, string?, string? of marketplace.package_io
---@return marketplace.packages.Space
function space.new(folder, min_free, disk_free)
  return setmetatable({ folder = folder, min_free = min_free, disk_free = disk_free, bytes = {} }, Space)
end

return space
