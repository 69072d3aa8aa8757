--- Waits until something is so, and fails with these words if it does not come to that.
local core = require "marketplace.core"

local MOST_SECONDS = 20 -- which no passing spec takes
local PAUSE = 0.01      -- seconds, for which what is waited for has the processor

---@param what string
---@param is_so fun(): any
return function(what, is_so)
  local stop = core.monotonic() + MOST_SECONDS
  while not is_so() do
    assert(core.monotonic() < stop, what)
    core.sleep(PAUSE)
  end
end
