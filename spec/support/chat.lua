-- chat.lua FILE STATUS...: a chat's incoming webhook on a free port. Answers with one STATUS after another, the last
-- one for ever, and appends to FILE a line for each request: status, key, body. Ends with SIGTERM. With TLS in the
-- environment it has a certificate, which it writes to the file of that name.
local core = require "marketplace.core"
local http_server = require "marketplace.http_server"
local raw = require "support.raw_http"

local certificate_file = os.getenv "TLS"
local cert, key
if certificate_file then
  cert, key = raw.certificate()
  raw.remove_files()
  local file = assert(io.open(certificate_file, "w"))
  file:write(cert)
  file:close()
end
local server = assert(http_server.open { port = 0, tls_cert = cert, tls_key = key })
core.catch_signals()
print(("url=%s:%d"):format(cert and "https://localhost" or "http://127.0.0.1", (select(2, server:address()))))
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
