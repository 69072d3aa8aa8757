--- An inbox inside an nginx that `spec/support/inbox_service.lua` runs in, as if it were here.
local http = require "marketplace.http"
local json = require "marketplace.json"
local nginx_server = require "support.nginx_server"
local socket = require "socket"

local nginx_inbox = {}

local Inbox = { durable = true }

function Inbox:__index(name)
  return Inbox[name] or function(_, ...) return self.call(name, { ... }) end
end

--- The body of a request for a call.
function nginx_inbox.body(url, method, arguments, more)
  local asked = { url = url, method = method, arguments = json.list(arguments) }
  for name, value in pairs(more or {}) do asked[name] = value end
  return json.encode(asked)
end

--- Calls; gives the whole answer.
function nginx_inbox.ask(server, url, method, arguments, more)
  local answer = assert(http.exchange {
    method = "POST", url = server.url .. "/inbox", body = nginx_inbox.body(url, method, arguments, more), timeout = 30,
  })
  assert(answer.status == 200, answer.body .. server:error_log())
  return assert(json.decode(answer.body))
end

--- Begins a call, and gives a function that waits for its answer, and one that tells whether it is there.
function nginx_inbox.begin(server, url, method, arguments, more)
  local client = server:connect()
  local body = nginx_inbox.body(url, method, arguments, more)
  assert(client:send(("POST /inbox HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s"):format(#body, body)))
  local function finish()
    client:settimeout(30)
    local answer = assert(client:receive "*a")
    client:close()
    return assert(json.decode((answer:match "\r\n\r\n(.*)$")), answer .. server:error_log())
  end
  local function is_there() return #socket.select({ client }, nil, 0) > 0 end
  return finish, is_there
end

--- Waits until the worker has turned to all that was sent to it before.
function nginx_inbox.settle(server)
  for _ = 1, 2 do
    local answer = assert(http.exchange { method = "GET", url = server.url .. "/ping", timeout = 30, fresh = true })
    assert(answer.body == "pong", answer.body)
  end
end

--- An inbox anew.
---@param server table of start
---@param url string
---@param more? {settings?: table, clock?: fun(): number}
function nginx_inbox.open(server, url, more)
  more = more or {}
  local function call(method, arguments)
    local now = more.clock and more.clock()
    local answer = nginx_inbox.ask(server, url, method, arguments, { settings = more.settings, now = now })
    return answer.result, answer.message, answer.code
  end
  local ok, message, code = call("open", {})
  if not ok then return nil, message, code end
  return setmetatable({ call = call }, Inbox)
end

--- An nginx with /inbox, and /ping, which answers at once; or nil and what it said.
---@param given? table as of nginx_server.start
function nginx_inbox.try(given)
  given = given or {}
  given.main = given.main or "thread_pool marketplace threads=4;"
  given.server = (given.server or "") .. [[
    location = /inbox {
      client_body_buffer_size 16m;
      client_max_body_size 16m;
      content_by_lua_block { require("support.inbox_service").answer() }
    }
    location = /ping { content_by_lua_block { ngx.print "pong" } }
  ]]
  return nginx_server.start(given)
end

--- As try, but it must start.
function nginx_inbox.start(given)
  return assert(nginx_inbox.try(given))
end

return nginx_inbox
