--- One notification on its way to another system: a POST that blocks nobody.
---
--- An answer of 2xx counts as soon as its head is there: a body that does not end, or is too large, must not have the
--- notification sent once more.
local answer = require "marketplace.forward.answer"
local http = require "marketplace.http"

local delivery = {}

local MOST_RESPONSE = 65536 -- bytes of an answer's body

---@class marketplace.forward.Delivery
local Delivery = {}
Delivery.__index = Delivery

--- What became of it; nil while it is under way, which http.poll moves on.
---@return marketplace.ForwardOutcome|nil
function Delivery:outcome()
  local done = self.exchange:done()
  local status, headers = self.exchange:head()
  if status and status >= 200 and status < 300 then
    self.exchange:close()
    return { state = "done", status = status }
  end
  if not done then return nil end
  local response, message = self.exchange:result()
  if not status then return answer.none(self.forward.name, message, self.forward.hidden) end
  return answer.read(self.forward.name, {
    status = status, headers = headers, body = response and response.body or "",
  }, self.forward.hidden)
end

--- Ends it, whatever its state.
function Delivery:close()
  self.exchange:close()
end

--- Begins to send a notification.
---@param forward marketplace.Forward
---@param n marketplace.Notification
---@param about marketplace.ForwardAbout
---@return marketplace.forward.Delivery|nil
---@return string? message why not
function delivery.begin(forward, n, about)
  local request, problem = forward:request(n, about)
  if not request then return nil, problem end
  request.max_response = MOST_RESPONSE
  local exchange, message = http.start(request)
  if not exchange then return nil, answer.none(forward.name, message, forward.hidden).reason end
  return setmetatable({ forward = forward, exchange = exchange }, Delivery)
end

return delivery
