--- What the processes of the chaos run for each notification: it writes the id, when the dispatcher last looked whether
--- the lease still lasted, when the callback began, and its process. A process can be stopped between the two times.
local core = require "marketplace.core"

local chaos_callback = {
  LEASE = tonumber(os.getenv "CHAOS_LEASE" or 0.2),
  RETRY = { attempts = 1000, base = 0.01, cap = 0.1 },
}

local SECONDS = tonumber(os.getenv "CHAOS_CALLBACK_SECONDS" or 0)

local monotonic, looked_at = core.monotonic, 0

-- That look is what the dispatcher asks the time for last before it calls.
function core.monotonic()
  looked_at = monotonic()
  return looked_at
end

--- Adds the callback.
---@param runs table a receiver or a dispatcher
---@param path string of the log
---@param reach fun(point: string)
function chaos_callback.add(runs, path, reach)
  local log = assert(io.open(path, "a"))
  log:setvbuf "line"
  runs:on("*", function(n)
    reach "before callback"
    log:write(("%s %.9f %.9f %d\n"):format(n.id, looked_at, monotonic(), core.process_id()))
    if SECONDS > 0 then core.sleep(SECONDS) end
    reach "in callback"
  end)
end

return chaos_callback
