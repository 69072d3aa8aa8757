--- What nginx refuses by itself, before or beside the receiver: counted and logged as the receiver's own refusals.
local request = require "marketplace.nginx.request"

local refused = {}

local MOST_LINE_SHOWN = 200 -- bytes of a method and a path

-- nginx's statuses; 494 to 497 are its own words for a 400 (a head that is too large, TLS where it is not expected).
local CODES = {
  [400] = "malformed", [405] = "not_post", [408] = "timeout", [411] = "no_length", [413] = "too_large",
  [414] = "malformed", [429] = "overloaded", [431] = "malformed", [494] = "malformed", [495] = "malformed",
  [496] = "malformed", [497] = "malformed", [500] = "unreadable", [503] = "overloaded",
}

local function not_found()
  local line = ((ngx.var.request_method or "") .. " " .. (ngx.var.uri or "")):sub(1, MOST_LINE_SHOWN)
  return request.head().signature and "wrong_path" or "not_found", line .. "; nginx has nothing there"
end

--- The refusal of the current request, if it was nginx's: in log_by_lua.
---@return table|nil see Receiver:refused
function refused.current()
  local status = tonumber(ngx.var.status)
  if not status or status < 400 or request.is_answered() then return nil end
  local code, reason = CODES[status], ("nginx answered %d; its own line, if it has one, says why"):format(status)
  if status == 404 then code, reason = not_found() end
  if not code then return nil end
  return {
    code = code, status = status, level = status == 500 and "error" or nil, reason = reason,
    remote = ngx.var.remote_addr,
  }
end

return refused
