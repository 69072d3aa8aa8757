-- chat.lua FILE STATUS...: a chat's incoming webhook on a free port. Answers with one STATUS after another, the last
-- one for ever, and appends to FILE a line for each request: status, key, body. Ends with SIGTERM.
local core = require "marketplace.core"
local http_server = require "marketplace.http_server"

local server = assert(http_server.open { port = 0 })
core.catch_signals()
print("url=http://127.0.0.1:" .. select(2, server:address()))
io.stdout:flush()

local asked = 1
while not core.stop_asked() do
  local requests, answers = assert(server:poll(0.1)), {}
  for i, request in ipairs(requests) do
    asked = math.min(asked + 1, #arg)
    local file = assert(io.open(arg[1], "a"))
    file:write(arg[asked], " ", request.headers["idempotency-key"] or "", " ", request.body, "\n")
    file:close()
    answers[i] = { status = tonumber(arg[asked]), headers = {}, body = "ok" }
  end
  if #requests > 0 then server:answer(requests, answers) end
end
server:close()
