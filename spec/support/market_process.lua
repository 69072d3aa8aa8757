--- market_process.lua [CERTIFICATE KEY]: a marketplace of support.market beside a spec, over HTTP or HTTPS. It writes
--- its URL, and answers until it is ended.
package.path = "spec/?.lua;" .. package.path
local http_server = require "marketplace.http_server"
local json = require "marketplace.json"
local market = require "support.market"

local function read(path)
  if not path then return nil end
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  return text
end

local server = assert(http_server.open { port = 0, tls_cert = read(arg[1]), tls_key = read(arg[2]) })
local _, port = server:address()
local url = arg[1] and ("https://localhost:%d"):format(port) or ("http://127.0.0.1:%d"):format(port)
local m = market.new(url)

local PIECES = {}
for i = 1, 64 do PIECES[i] = (" "):rep(2 ^ 20) end

local KINDS = {
  large = function() return { status = 200, body = PIECES } end,                         -- 64 MiB
  slow = function(bytes) return { status = 200, body = { bytes, rate = 1000 } } end,     -- bytes a second
  signed_in = function(former)
    return function(request)
      return request.headers.authorization == "Bearer TOKEN" and former(request) or { status = 401 }
    end
  end,
}

-- POST /change: a JSON object of paths and what is answered there from now on: a text, a response, or a word of KINDS.
m.answers["/change"] = function(request)
  for path, answer in pairs(json.decode(request.body)) do
    local make = KINDS[answer]
    m.answers[path], m.files[path] = make and make(m.files[path] or m.answers[path]) or answer, nil
  end
  return {}
end

io.write("url=", url, "\n")
io.flush()
while true do
  local requests = server:poll(1)
  local responses = {}
  for i, request in ipairs(requests) do responses[i] = m:handle(request) end
  server:answer(requests, responses)
end
