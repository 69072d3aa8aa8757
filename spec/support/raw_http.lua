--- A server and its clients in one process, driven in turns: nothing here ever sleeps.
-- The clients speak raw bytes over non-blocking sockets, so that a spec can say exactly what
-- goes over the wire, and when.
local socket = require "socket"
local lfs = require "lfs"
local http_server = require "marketplace.http_server"
local marketplace = require "marketplace"

local raw = {}

--- The complete responses at the start of `bytes`: {status=, headers=, body=}, …
function raw.responses(bytes)
  local list, at = {}, 1
  while true do
    local first, last = bytes:find("\r\n\r\n", at, true)
    if not first then return list end
    local head = bytes:sub(at, first + 1)
    local response = { status = tonumber(head:match "^HTTP/1%.1 (%d%d%d)"), headers = {} }
    for name, value in head:gmatch "\r\n([^:\r\n]+): ([^\r\n]*)" do response.headers[name:lower()] = value end
    local length = tonumber(response.headers["content-length"] or 0)
    if response.status == 100 then length = 0 end
    if #bytes < last + length then return list end
    response.body = bytes:sub(last + 1, last + length)
    list[#list + 1] = response
    at = last + length + 1
  end
end

--- A POST as a client sends it; `headers` is a list of whole lines; `path`: default that of notifications.
function raw.post(body, headers, path)
  local lines = {
    ("POST %s HTTP/1.1"):format(path or "/notifications"), "Host: localhost", "Content-Length: " .. #body,
  }
  for _, line in ipairs(headers or {}) do lines[#lines + 1] = line end
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. body
end

--- A notification as App Store Connect sends it, signed with this secret; `headers` as of post.
function raw.notification(secret, body, headers)
  local lines = { "X-Apple-Signature: " .. marketplace.sign(secret, body) }
  for _, line in ipairs(headers or {}) do lines[#lines + 1] = line end
  return raw.post(body, lines)
end

--- A connection to the server at this URL, on which these bytes were sent; it waits ten seconds at most.
function raw.connect(url, bytes)
  local client = socket.tcp4()
  client:settimeout(10)
  assert(client:connect(url:match "//([^:]+):(%d+)"))
  assert(client:send(bytes))
  return client
end

--- The first response on a connection that waits, which is closed then; nil if the other side closes it before.
function raw.answer(client)
  local got, response = ""
  repeat
    local all, why, part = client:receive(1)
    assert(why ~= "timeout", "no answer")
    got = got .. (all or part)
    response = raw.responses(got)[1]
  until response or why
  client:close()
  return response
end

local Client = {}
Client.__index = Client

--- Queues bytes; they leave as the server reads.
function Client:send(bytes)
  self.queue = self.queue .. bytes
  self:pump()
  return self
end

--- Sends and receives what is possible now.
function Client:pump()
  if #self.queue > 0 and not self.broken then
    local sent, why, partly = self.socket:send(self.queue, self.at)
    local last = sent or partly
    if why and why ~= "timeout" then self.broken = why end
    if last == #self.queue then self.queue, self.at = "", 1 else self.at = last + 1 end
  end
  if self.deaf or self.closed then return end
  local all, why, part = self.socket:receive(65536)
  local got = all or part
  if got and #got > 0 then self.got = self.got .. got end
  if why == "closed" then self.closed = true end
end

function Client:responses()
  return raw.responses(self.got)
end

function Client:close()
  self.socket:close()
  self.closed = true
end

local Rig = {}
Rig.__index = Rig

local REFUSALS = { malformed = 400, no_length = 411, no_request = 400, too_large = 413 }

local function respond(request) return { status = REFUSALS[request.fault] or 200 } end

--- A server with its clients. `respond(request)` gives the response, or nil to hold the request.
function raw.rig(options)
  options = options or {}
  options.port = options.port or 0
  local server = assert(http_server.open(options))
  local host, port = server:address()
  return setmetatable({
    server = server, host = host, port = port, clients = {}, requests = {}, held = {},
    respond = respond,
  }, Rig)
end

function Rig:client()
  local plain = self.host:find(":", 1, true) and socket.tcp6() or socket.tcp4()
  plain:settimeout(5)
  assert(plain:connect(self.host, self.port))
  plain:settimeout(0)
  local client = setmetatable({ socket = plain, queue = "", at = 1, got = "" }, Client)
  self.clients[#self.clients + 1] = client
  return client
end

--- The requests that came as a whole, without a fault.
function Rig:sound()
  local list = {}
  for _, request in ipairs(self.requests) do
    if not request.fault then list[#list + 1] = request end
  end
  return list
end

--- One turn: everybody sends and receives, the server runs once and answers.
function Rig:turn(wait)
  for _, client in ipairs(self.clients) do
    if not client.asleep then client:pump() end
  end
  local requests, responses = {}, {}
  for _, request in ipairs(self.server:poll(wait or 0.002)) do
    self.requests[#self.requests + 1] = request
    local response = self.respond(request)
    if response then
      requests[#requests + 1], responses[#responses + 1] = request, response
    else
      self.held[#self.held + 1] = request
    end
  end
  self.server:answer(requests, responses)
end

--- Turns until `done` returns true; an error after `seconds` (10), which no passing spec reaches.
function Rig:run(done, seconds)
  local stop = socket.gettime() + (seconds or 10)
  while not done() do
    if socket.gettime() > stop then error("it did not happen in time", 2) end
    self:turn()
  end
end

function Rig:run_until_answered(client, count)
  self:run(function() return #client:responses() >= (count or 1) end)
  return client:responses()
end

function Rig:run_until_closed(client)
  self:run(function() return client.closed end)
  return client:responses()
end

function Rig:close()
  for _, client in ipairs(self.clients) do client.socket:close() end
  self.server:close()
end

--- How many files this process has open.
function raw.open_files()
  local count = 0
  for _ in lfs.dir "/proc/self/fd" do count = count + 1 end
  return count
end

--- How many files this process may have open.
function raw.most_files()
  for line in io.lines "/proc/self/limits" do
    local soft = line:match "^Max open files%s+(%S+)"
    if soft then return tonumber(soft) or 1e9 end
  end
end

--- Resident memory of this process in bytes.
function raw.resident()
  for line in io.lines "/proc/self/status" do
    local kib = line:match "^VmRSS:%s+(%d+)"
    if kib then return tonumber(kib) * 1024 end
  end
end

local temporary_files = {}

local function temporary()
  local path = os.tmpname()
  os.remove(path)
  temporary_files[#temporary_files + 1] = path
  return path
end

--- Removes every file that was made here.
function raw.remove_files()
  for _, path in ipairs(temporary_files) do
    os.remove(path)
    os.remove(path .. ".part")
  end
  temporary_files = {}
end

--- Starts a shell command beside this process. The function returned gives its output once it has ended.
function raw.start(command)
  local out = temporary()
  os.execute(("( { %s; } > %s.part 2>&1; mv %s.part %s ) &"):format(command, out, out, out))
  return function()
    local file = io.open(out, "rb")
    if not file then return nil end
    local text = file:read "*a"
    file:close()
    return text
  end
end

function raw.read_file(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

function raw.write_file(text)
  local path = temporary()
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
  return path
end

--- A self-signed certificate and its key, made once.
local made
function raw.certificate()
  if made then return made.cert, made.key end
  local cert, key = temporary(), temporary()
  local status = os.execute(("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 " ..
    "-subj /CN=localhost -addext subjectAltName=DNS:localhost,DNS:*.market.example,IP:::1 " ..
    "-keyout %s -out %s 2>/dev/null"):format(key, cert))
  assert(status == true or status == 0, "the openssl command is needed")
  made = { cert = raw.read_file(cert), key = raw.read_file(key) }
  return made.cert, made.key
end

return raw
