--- Runs a simulator as a server: brings it requests, sends its notifications, and waits if an answer is to be slow.
local core = require "marketplace.core"

local server = {}

local Server = {}
Server.__index = Server

local IDLE_SECONDS = 1     -- the longest wait: a signal that comes just before it is noticed after it
local BUSY_SECONDS = 0.005 -- how long to wait for webhooks' answers before looking for requests again

local REFUSALS = {
  malformed = 400, no_request = 400, timeout = 408, no_length = 411, too_large = 413, overloaded = 503,
}

local function respond(self, request)
  if request.fault then return { status = REFUSALS[request.fault] } end
  local response = self.sim:handle(request)
  if not response.delay then return response end
  self.late[#self.late + 1] = { at = core.monotonic() + response.delay, request = request, response = response }
end

local function answer(self, requests)
  local answered, responses = {}, {}
  for _, request in ipairs(requests) do
    local response = respond(self, request)
    if response then answered[#answered + 1], responses[#responses + 1] = request, response end
  end
  self.http:answer(answered, responses)
end

local function answer_late(self)
  local left = {}
  for _, entry in ipairs(self.late) do
    if entry.at <= core.monotonic() then
      self.http:answer({ entry.request }, { entry.response })
    else
      left[#left + 1] = entry
    end
  end
  self.late = left
end

local function next_wait(self)
  if self.sender:is_busy() then return 0 end
  local wait = IDLE_SECONDS
  local due = self.sim:next_at()
  if due then wait = math.min(wait, due - core.now()) end
  for _, entry in ipairs(self.late) do wait = math.min(wait, entry.at - core.monotonic()) end
  return math.max(wait, 0)
end

--- Waits for requests, answers them, and sends the deliveries that are due.
function Server:step()
  answer(self, self.http:poll(next_wait(self)))
  answer_late(self)
  self.sim:tick()
  self.sender:poll(BUSY_SECONDS)
end

--- Serves until SIGTERM or SIGINT.
function Server:run()
  while not core.stop_asked() do self:step() end
  self:close()
end

function Server:close()
  self.sender:close()
  self.http:close()
end

--- The URL at which clients reach it.
---@return string
function Server:url()
  local host, port = self.http:address()
  local shown = host:find(":", 1, true) and "[" .. host .. "]" or host
  return ("%s://%s:%d"):format(self.scheme, shown, port)
end

--- Opens a server that listens from now on, and sets the simulator's URL.
---@param given {sim: table, sender: table, host?: string, port?: integer, tls_cert?: string, tls_key?: string} sender:
--- of marketplace.simulator.sender, the one that the simulator sends with; tls_cert, tls_key: PEM text
---@return table|nil server
---@return string? message
---@return string? code listen_failed, tls_failed, out_of_memory
function server.open(given)
  local found, module = pcall(require, "marketplace.http_server")
  if not found then
    error("marketplace.simulator needs marketplace.http_server: luarocks install lua-marketplace-server\n" .. module, 2)
  end
  local http, message, code = module.open {
    host = given.host, port = given.port, tls_cert = given.tls_cert, tls_key = given.tls_key,
  }
  if not http then return nil, message, code end
  local self = setmetatable({
    http = http, sim = given.sim, sender = given.sender, late = {}, scheme = given.tls_cert and "https" or "http",
  }, Server)
  self.sim:set_base_url(self:url())
  return self
end

return server
