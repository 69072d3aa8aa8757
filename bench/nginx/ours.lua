-- Ours: the receiver as it is, over an inbox that keeps nothing behind the shared dictionary of what came before.
local marketplace = require "marketplace"

local ngx = ngx

local inbox = { durable = false }
function inbox.put(_, records)
  local outcomes = {}
  for i = 1, #records do outcomes[i] = "stored" end
  return outcomes
end

local function wrap(inner, dict)
  return {
    put = function(_, records, now)
      local record = records[1]
      local digest = dict:get(record.key)
      if digest == record.digest then return { "duplicate" } end
      local outcomes, message, code = inner:put(records, now)
      if not outcomes then return nil, message, code end
      dict:set(record.key, record.digest)
      return outcomes
    end
  }
end

local receiver = marketplace.receiver {
  secrets = os.getenv "MARKETPLACE_SECRET", inbox = wrap(inbox, ngx.shared.seen), clock = ngx.now,
}

return function()
  ngx.req.read_body()
  local status, headers, body = receiver:handle {
    method = ngx.req.get_method(), headers = ngx.req.get_headers(), body = ngx.req.get_body_data(),
  }
  ngx.status = status
  for name, value in pairs(headers) do ngx.header[name] = value end
  if body ~= "" then ngx.print(body) end
  return ngx.exit(status)
end
