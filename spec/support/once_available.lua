--- What a call of an inbox gives once it no longer fails. It may be refused for a while after a failure.
local core = require "marketplace.core"

---@param call fun(): any, string?
---@param most_seconds? number default 60
---@return any
return function(call, most_seconds)
  local result, message
  local stop = core.monotonic() + (most_seconds or 60)
  repeat result, message = call() until result or core.monotonic() > stop
  return assert(result, message)
end
