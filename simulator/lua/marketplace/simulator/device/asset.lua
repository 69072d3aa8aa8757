--- One file of a package: downloaded, and compared with its manifest as it comes. Nothing of it is kept.
local core = require "marketplace.core"
local problem = require "marketplace.simulator.device.problem"
local web = require "marketplace.simulator.device.web"

local asset = {}

local Check = {}
Check.__index = Check

-- Of a file without digests nothing but its size is known.
local function new_check(wanted)
  return setmetatable({
    wanted = wanted, bytes = 0, chunk = 1, in_chunk = 0, hash = wanted.digests and assert(core.hash "sha256"),
  }, Check)
end

local function end_chunk(self)
  local hex = assert(self.hash:hex())
  self.hash:close()
  if hex ~= self.wanted.digests[self.chunk] then
    self.problem = ("chunk %d of %d has another digest than the manifest says"):format(self.chunk, #self.wanted.digests)
    return false
  end
  self.chunk, self.in_chunk, self.hash = self.chunk + 1, 0, assert(core.hash "sha256")
  return true
end

local function add_to_chunks(self, piece)
  local from = 1
  while from <= #piece do
    local room = self.wanted.chunk_size - self.in_chunk
    local part = piece:sub(from, from + room - 1)
    assert(self.hash:add(part))
    self.in_chunk, from = self.in_chunk + #part, from + #part
    if self.in_chunk == self.wanted.chunk_size and not end_chunk(self) then return false end
  end
  return true
end

--- Takes bytes; false if they are wrong.
function Check:add(piece)
  self.bytes = self.bytes + #piece
  if self.bytes > self.wanted.size then
    self.problem = ("it is larger than the %.0f bytes that the manifest says"):format(self.wanted.size)
    return false
  end
  return not self.hash or add_to_chunks(self, piece)
end

--- What is wrong now that all bytes have come; nil if nothing is.
function Check:finish()
  if self.problem then return self.problem end
  if self.bytes < self.wanted.size then
    return ("it ends after %.0f of %.0f bytes"):format(self.bytes, self.wanted.size)
  end
  if self.hash and self.in_chunk > 0 then end_chunk(self) end
  return self.problem
end

--- Downloads one. Raises networkError if it does not arrive, and a problem if it is not what the manifest says.
---@param internet marketplace.simulator.Web
---@param base string URL of the package, with a slash at its end
---@param wanted marketplace.packages.Asset
---@return "chunks"|"size" proof what was compared
function asset.download(internet, base, wanted)
  local check = new_check(wanted)
  local address = base .. wanted.path
  local response = internet:stream(address, wanted.size, function(piece) return check:add(piece) end)
  local refusal = response and web.refusal(response)
  if refusal then problem.raise("networkError", "%s %s", address, refusal) end
  local reason = check:finish()
  if check.hash then check.hash:close() end
  if reason then problem.raise("unknown", "%s: %s", address, reason) end
  return wanted.digests and "chunks" or "size"
end

return asset
