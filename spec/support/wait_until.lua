--- Waits until something is so, and fails with these words if it does not come to that.
local core = require "marketplace.core"

local MOST_SECONDS = 20 -- which no passing spec takes

---@param what string
---@param is_so fun(): boolean
return function(what, is_so)
  local stop = core.monotonic() + MOST_SECONDS
  repeat assert(core.monotonic() < stop, what) until is_so()
end
