--- A job while it runs: what it works with, what has come of it so far, and whom it tells.
local core = require "marketplace.core"

local run = {}

---@class marketplace.packages.Run a job while it runs
local Run = {}
Run.__index = Run

--- Whether nothing more is to be begun for it.
---@return boolean
function Run:has_ended()
  return self.problem ~= nil or core.stop_asked()
end

--- Notes why it fails; the first reason counts.
---@param message string
---@param code string
function Run:fail(message, code)
  self.problem = self.problem or { message = message, code = code }
end

--- Logs something about it.
---@param entry table
function Run:log(entry)
  entry.version, entry.package, entry.app_id = self.version, self.package, self.app
  self.p.log.write(entry)
end

--- Tells a program that follows.
---@param event string
---@param more? table
function Run:tell(event, more)
  local told = { event = event, version = self.version, package = self.package }
  for name, value in pairs(more or {}) do told[name] = value end
  self.p.on_event(told)
end

--- Where an asset is until the package is published.
---@param asset table
---@return string
function Run:path_of(asset)
  return self.folder .. "/" .. asset.path
end

--- How many bytes an asset's file still needs. An earlier attempt may have allocated all of it, and written little.
---@param asset table
---@param part string its path
---@return integer
function Run.bytes_to_allocate(_, asset, part)
  local there = core.stat(part)
  return math.max(0, asset.size - (there and math.max(there.size, there.allocated) or 0))
end

--- Notes that the file of an asset is about to be allocated.
---@param asset table
---@param part string its path
---@return true|nil
---@return string? message
---@return string? code
function Run:allocate(asset, part)
  return self.space:allocate(self, self:bytes_to_allocate(asset, part))
end

--- Notes that bytes of an asset arrive from now on.
---@param asset table
---@param sink userdata
function Run:transfer_begins(asset, sink)
  self.sinks[asset], self.counted[asset] = sink, nil
end

--- Counts what has arrived of an asset since the last time.
---@param asset table
function Run:count_bytes(asset)
  local counted, written = self.counted[asset], self.sinks[asset]:written()
  if counted and written > counted then
    self.rate:count(written - counted)
    self.p.counts.bytes = self.p.counts.bytes + written - counted
  end
  if counted then self.counted[asset] = written end
end

--- Notes that no more bytes of it arrive.
---@param asset table
function Run:transfer_ends(asset)
  self.sinks[asset] = nil
  self:share_rate(asset, nil)
end

--- Has the exchange that an asset comes from share the rate, in place of the one before it.
---@param asset table
---@param exchange marketplace.Exchange|nil nil: none any more
function Run:share_rate(asset, exchange)
  local former = self.exchanges[asset]
  if former then self.rate:remove(former) end
  self.exchanges[asset] = exchange
  if exchange then self.rate:add(exchange) end
end

--- Gives a slot back that no transfer has taken over.
function Run:give_slot_back()
  if self.has_slot then self.slots:give_back() end
  self.has_slot = false
end

--- How many bytes of all assets are there.
---@return integer
function Run:bytes()
  local sum = self.bytes_done
  for _, sink in pairs(self.sinks) do sum = sum + sink:written() end
  return sum
end

--- A run of a job, which has not begun.
---@param p table
---@param writer table of marketplace.packages.jobs
---@param job table of the store
---@return marketplace.packages.Run
function run.new(p, writer, job)
  return setmetatable({
    p = p, job = job, version = job.version, package = job.package, app = job.app, client = p.client,
    calls = writer.calls, slots = writer.slots, space = writer.space, rate = writer.rate, tasks = writer.tasks,
    packages = writer.packages, clock = p.clock, checksum_policy = p.settings.checksum, sinks = {}, exchanges = {},
    counted = {}, bytes_done = 0, under_way = 0, problem = nil, failed = nil, is_doubted = false,
  }, Run)
end

return run
