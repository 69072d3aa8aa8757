--- The inboxes that random operations run on: each has its `name`, `start()`, `stop()`, `empty()`, which leaves an
-- empty inbox, and `open(clock)`; `sees_death` if what a holder had is released once it has crashed; `in_slices` if a
-- call of claim or recover does only a part of what it is for. Servers and disks that do not sync are good enough here,
-- and faster.
local inbox = require "marketplace.inbox"
local limits = require "marketplace.inbox.sqlite.limits"
local postgres_server = require "support.postgres_server"
local redis_server = require "support.redis_server"
local shell = require "support.shell"

local engines = {}

engines.memory = {
  name = "memory", is_shared = true, -- a holder that crashes takes nothing with it
  start = function() end, stop = function() end,
  empty = function() engines.memory.box = nil end,
  open = function(clock)
    local self = engines.memory
    self.box = self.box or assert(inbox.open("memory", { clock = clock }))
    return self.box
  end,
}

engines.sqlite = {
  name = "sqlite", sees_death = true,
  start = function()
    -- if there is such a folder, one that needs no disk
    engines.sqlite.folder = shell.run "mktemp -d -p /dev/shm 2>/dev/null || mktemp -d"
  end,
  stop = function() shell.run("rm -rf " .. engines.sqlite.folder) end,
  empty = function()
    for _, ending in ipairs { "", "-wal", "-shm", "-holders" } do
      os.remove(engines.sqlite.folder .. "/inbox.db" .. ending)
    end
  end,
  open = function(clock)
    return assert(inbox.open("sqlite:" .. engines.sqlite.folder .. "/inbox.db", { clock = clock }))
  end,
}

local FEW = {
  placed = 2, placed_further = 2, recovered = 2, changed = 2, selected = 3, examined = 4, slices = 1, seen = 2,
  apps = 1,
}

local function exchange_limits()
  for name, limit in pairs(FEW) do limits[name], FEW[name] = limit, limits[name] end
end

--- With the limits of marketplace.inbox.sqlite.limits so low that a few entries go beyond them.
engines.slices = setmetatable({
  name = "slices", in_slices = true,
  start = function()
    exchange_limits()
    engines.sqlite.start()
  end,
  stop = function()
    engines.sqlite.stop()
    exchange_limits()
  end,
}, { __index = engines.sqlite })

local function on_server(name, start)
  local self = { name = name }
  function self.start() self.server = start() end
  function self.stop() self.server:remove() end
  function self.empty() self.server:reset() end
  function self.open(clock)
    return assert(inbox.open(name .. ":" .. self.server:words(), { clock = clock, durability = "relaxed" }))
  end
  return self
end

engines.postgres = on_server("postgres", function() return postgres_server.start "-F" end)
engines.redis = on_server("redis", function() return redis_server.start "--appendfsync no" end)

return engines
