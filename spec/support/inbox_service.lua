--- Inboxes inside nginx, for specs outside: calls and results travel as JSON. `spec/support/nginx_inbox.lua` asks.
local inbox = require "marketplace.nginx.inbox"
local json = require "marketplace.json"
local unpack = require("marketplace.runtime").unpack

local inbox_service = {}

local opened, times = {}, {}

-- If a call tells a time, the inbox has that one.
local function open(given)
  local settings = given.settings or {}
  if given.now then settings.clock = function() return times[given.url] end end
  local box, message, code = inbox.open(given.url, settings)
  if not box then return nil, message, code end
  opened[given.url] = box
  return true
end

local function call(given)
  times[given.url] = given.now
  if given.method == "open" then return open(given) end
  if not opened[given.url] then
    local ok, message, code = open(given)
    if not ok then return nil, message, code end
  end
  local box = opened[given.url]
  return box[given.method](box, unpack(given.arguments))
end

--- Answers the current request: in content_by_lua.
function inbox_service.answer()
  ngx.req.read_body()
  local result, message, code = call(assert(json.decode(ngx.req.get_body_data())))
  ngx.print(json.encode { result = result, message = message, code = code, pid = ngx.worker.pid() })
end

return inbox_service
