--- What nginx refuses by itself, before or beside the receiver: counted and logged as the receiver's own refusals.
local refusals = require "marketplace.refusals"
local request = require "marketplace.nginx.request"

local refused = {}

-- nginx's statuses; 494 to 497 are its own words for a 400 (a head that is too large, TLS where it is not expected).
local CODES = {
  [400] = "malformed", [405] = "not_post", [408] = "timeout", [411] = "no_length", [413] = "too_large",
  [414] = "malformed", [429] = "overloaded", [431] = "malformed", [494] = "malformed", [495] = "malformed",
  [496] = "malformed", [497] = "malformed", [500] = "unreadable", [503] = "overloaded",
}

local function not_found()
  return refusals.not_found({
    method = ngx.var.request_method or "", path = ngx.var.uri or "", is_signed = request.head().signature ~= nil,
    remote = ngx.var.remote_addr,
  }, "nginx has nothing there")
end

--- The refusal of the current request, if it was nginx's: in log_by_lua.
---@return table|nil see Receiver:refused
function refused.current()
  local status = tonumber(ngx.var.status)
  if not status or status < 400 or request.is_answered() then return nil end
  if status == 404 then return not_found() end
  local code = CODES[status]
  if not code then return nil end
  return {
    code = code, status = status, level = status == 500 and "error" or nil,
    reason = ("nginx answered %d; its own line, if it has one, says why"):format(status), remote = ngx.var.remote_addr,
  }
end

return refused
