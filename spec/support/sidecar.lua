--- A sidecar of a spec's own, which answers what it is told to, and a device that asks it in the same thread.
local core = require "marketplace.core"
local device = require "support.device"
local http = require "marketplace.http"
local http_server = require "marketplace.http_server"
local json = require "marketplace.json"
local raw = require "support.raw_http"
local scheduler = require "marketplace.client.scheduler"
local shell = require "support.shell"

local sidecar = {}

local Setup = {}
Setup.__index = Setup

local made -- a key and its certificate, once for all: to make them takes a while

local function credentials()
  if not made then
    local folder = shell.run "mktemp -d"
    shell.run(("cd %s && openssl req -x509 -newkey rsa:3072 -nodes -keyout key -out certificate.pem -subj /CN=a " ..
      "-days 2 2>&1 && openssl x509 -in certificate.pem -outform DER -out certificate"):format(folder))
    made = { key = raw.read_file(folder .. "/key"), certificate = raw.read_file(folder .. "/certificate") }
    shell.run("rm -r " .. folder)
  end
  return made
end

--- Options of licensing.
---@param more? table
---@return table
function Setup:licensing(more)
  local given = {
    socket = self.socket, key_file = self:path "key", encryption_certificate_file = self:path "certificate",
    signing_certificate_file = self:path "certificate",
  }
  for name, value in pairs(more or {}) do given[name] = value or nil end
  return given
end

function Setup:path(name) return self.folder .. "/" .. name end

--- Listens.
function Setup:listen()
  self.server = assert(http_server.open { host = "unix:" .. self.socket, port = 0, max_body = 8388608 })
end

--- Listens, and sends bytes that need be no HTTP, whatever it is asked.
---@param piece fun(count: integer): string|nil the next bytes, after so many pieces; nil: it closes
function Setup:listen_raw(piece)
  local listener = require "socket.unix"()
  assert(listener:bind(self.socket))
  assert(listener:listen(8))
  listener:settimeout(0)
  local client, count, rest = nil, 0, ""
  local function stop()
    if client then client:close() end
    client = nil
  end
  local function send()
    local bytes = rest ~= "" and rest or piece(count)
    if not bytes then return stop() end
    if rest == "" then count = count + 1 end
    local sent, why, partly = client:send(bytes)
    rest = sent and "" or bytes:sub((partly or 0) + 1)
    if why and why ~= "timeout" then stop() end
  end
  self.raw = {
    pump = function()
      if client then return send() end
      client = listener:accept()
      if client then
        count, rest = 0, ""
        client:settimeout(0)
      end
    end,
    close = function()
      stop()
      listener:close()
    end,
  }
end

--- Leaves its socket behind, as a program does that is killed.
function Setup:stop_listening()
  if self.server then self.server:close() end
  if self.raw then self.raw.close() end
  self.server, self.raw = nil, nil
end

--- Forgets what was asked and logged; nobody listens.
---@param more? table options of licensing
function Setup:begin_anew(more)
  self:stop_listening()
  os.remove(self.socket)
  self.seen, self.store.entries = {}, {}
  self.device = self.store:device { licensing = self:licensing(more) }
end

--- Seals a request as a device does.
---@return table members of its body
function Setup:sealed(text)
  local base64 = require "marketplace.base64"
  local wrapped, sealed = self.public:seal(text)
  return { key = base64.encode(wrapped), request = base64.encode(sealed) }
end

--- The body of a dynamic request.
---@param apps table<string, table> as appsById
---@param text? string that is sealed
function Setup:question(apps, text)
  local sealed = self:sealed(text or "a request")
  return { licenseRequest = sealed.request, licenseKey = sealed.key, appsById = apps }
end

local function answer_all(self, server, answer)
  local requests, answered, answers = server:poll(0.002), {}, {}
  for _, request in ipairs(requests) do
    self.seen[#self.seen + 1] = request
    local response = answer(request, json.decode(request.body))
    if response then answered[#answered + 1], answers[#answers + 1] = request, response end
  end
  server:answer(answered, answers)
end

--- Runs something that waits, while the sidecar answers.
---@param work fun()
---@param answer? fun(request: table, document: table): table|nil a response, or nil for none; default: nobody listens
function Setup:run(work, answer)
  local ended, problem = false, nil
  local tasks = scheduler.new(core.monotonic, function() http.poll(0.002) end)
  tasks:add(work, function(ok, message) ended, problem = true, not ok and message or nil end)
  while not ended do
    tasks:turn()
    http.poll(0)
    if self.server then answer_all(self, self.server, answer or function() end) end
    if self.raw then self.raw.pump() end
  end
  if problem then error(problem, 0) end
end

--- Asks an endpoint, while the sidecar answers.
---@param question table|string
---@param answer? function as of run; or a table, a response
---@param more? {endpoint?: string, device?: marketplace.Device, headers?: table}
---@return integer status
---@return any document, or the text
---@return table headers
function Setup:ask(question, answer, more)
  more = more or {}
  local status, document, headers
  local respond = type(answer) == "table" and function() return answer end or answer
  self:run(function()
    status, document, headers = device.ask(more.device or self.device, more.endpoint or "license", question,
      more.headers)
  end, respond)
  return status, document, headers
end

function Setup:close()
  self:stop_listening()
  self.public:close()
  self.store:close()
  shell.run("rm -r " .. self.folder)
end

--- A response in JSON.
function sidecar.json(document, status)
  return { status = status or 200, headers = {}, body = json.encode(document) }
end

--- Packages without any, a device, and a socket at which nobody listens yet.
function sidecar.open()
  local self = setmetatable({ store = device.open(), folder = shell.run "mktemp -d", seen = {} }, Setup)
  self.socket = self:path "sidecar.sock"
  for name, bytes in pairs(credentials()) do assert(core.replace_file(self:path(name), bytes)) end
  self.public = assert(core.envelope_certificate(credentials().certificate))
  self:begin_anew()
  return self
end

--- Publishes a version with one asset, and stores a key blob for that.
function Setup:publish(id, item_id, apple_version_id, asset)
  self.store:publish(id, { appleItemId = item_id, appleVersionId = apple_version_id })
  assert(self.store.packages.keys:put {
    { public_id = asset, version = id, blob = "blob of " .. asset, item_id = item_id,
      apple_version_id = apple_version_id, kind = "variant" },
  })
end

return sidecar
