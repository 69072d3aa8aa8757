--- An inbox inside an nginx that `spec/support/inbox_service.lua` runs in, as if it were here.
local http = require "marketplace.http"
local json = require "marketplace.json"
local nginx_server = require "support.nginx_server"

local nginx_inbox = {}

local Inbox = { durable = true }

function Inbox:__index(name)
  return Inbox[name] or function(_, ...) return self.call(name, { ... }) end
end

--- The body of a request for a call.
function nginx_inbox.body(word, method, arguments, more)
  local asked = { word = word, method = method, arguments = json.list(arguments) }
  for name, value in pairs(more or {}) do asked[name] = value end
  return json.encode(asked)
end

--- Calls; gives the whole answer.
function nginx_inbox.ask(server, word, method, arguments, more)
  local answer = assert(http.exchange {
    method = "POST", url = server.url .. "/inbox", body = nginx_inbox.body(word, method, arguments, more), timeout = 30,
  })
  assert(answer.status == 200, answer.body .. server:error_log())
  return assert(json.decode(answer.body))
end

--- An inbox anew.
---@param server table of start
---@param word string
---@param more? table settings; dict: a shared dictionary's name
function nginx_inbox.open(server, word, more)
  local function call(method, arguments)
    local answer = nginx_inbox.ask(server, word, method, arguments, more)
    return answer.result, answer.message, answer.code
  end
  local ok, message, code = call("open", {})
  if not ok then return nil, message, code end
  return setmetatable({ call = call }, Inbox)
end

--- An nginx with /inbox, and /ping, which answers at once.
---@param given? table as of nginx_server.start
function nginx_inbox.start(given)
  given = given or {}
  given.main = given.main or "thread_pool marketplace threads=4;"
  given.http = (given.http or "") .. "lua_shared_dict small 12k; lua_shared_dict large 1m;"
  given.server = (given.server or "") .. [[
    location = /inbox {
      client_body_buffer_size 16m;
      client_max_body_size 16m;
      content_by_lua_block { require("support.inbox_service").answer() }
    }
    location = /ping { content_by_lua_block { ngx.print "pong" } }
  ]]
  return assert(nginx_server.start(given))
end

return nginx_inbox
