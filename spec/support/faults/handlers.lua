-- Handlers that write each notification to FAULT_RECORD, a line each, which is on the disk before they return.
local core = require "marketplace.core"

local path = os.getenv "FAULT_RECORD"
local record = assert(io.open(path, "a"))
record:setvbuf "no"

return function(receiver)
  receiver:on("*", function(n)
    assert(record:write(("%s %.6f\n"):format(n.id, core.monotonic())))
    -- Lua has no fsync
    local ok = os.execute(("sync -d '%s'"):format(path))
    assert(ok == true or ok == 0)
  end)
end
