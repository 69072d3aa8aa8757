--- Ids of requests: in the header X-Request-Id of an answer, and in the log.
local core = require "marketplace.core"

local request_id = {}

local FORM = "^[%w._:/+=@-]+$"
local MOST = 128      -- bytes
local RANDOM_BYTES = 8

--- An id that somebody else has given the request, if it is well formed: nothing that could be read as more than one
--- word of a log line.
---@param value any a header's value; a list if it came more than once
---@return string|nil
function request_id.checked(value)
  return type(value) == "string" and #value <= MOST and value:find(FORM) and value or nil
end

local pid, prefix, count

--- A new id: random for each process, a fork has another one, and counted within it.
---@return string
function request_id.new()
  local here = core.process_id()
  if here ~= pid then pid, prefix, count = here, core.random_hex(RANDOM_BYTES), 0 end
  count = count + 1
  return ("%s-%d"):format(prefix, count)
end

return request_id
