--- Expects that an inbox, or what it is on, said that it is unavailable, and why.
local assert = require "luassert"

---@param pattern string of the message
---@param result any of the call
---@param message any
---@param code any
return function(pattern, result, message, code)
  assert.is_nil(result)
  assert.matches(pattern, message)
  assert.equal("inbox_unavailable", code)
end
