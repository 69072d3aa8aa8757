--- The command `marketplace simulate` beside a spec, and a client of it.
local core = require "marketplace.core"
local http = require "marketplace.http"
local json = require "marketplace.json"
local marketplace = require "marketplace"
local shell = require "support.shell"
local simulation = require "support.simulation"

local simulated_api = {}

local LONGEST_START = 20 -- seconds

local Api = {}
Api.__index = Api

--- Asks the simulator itself.
function Api:control(method, path, body)
  local response = assert(http.exchange {
    method = method, url = self.url .. "/simulator" .. path, body = body and json.encode(body),
    headers = { "content-type: application/json" },
  })
  assert(response.status < 300, response.body)
  return response.body ~= "" and json.decode(response.body) or nil
end

--- How many requests arrived, how many were executed, and the bytes of the answers, by "METHOD /path".
function Api:requests()
  local counts = {}
  for _, row in ipairs(self:control("GET", "/requests").requests) do
    counts[row.method .. " " .. row.path] = { arrived = row.arrived, executed = row.executed, bytes = row.bytes }
  end
  return counts
end

--- A client with its key.
function Api:client(more)
  local given = {
    key_file = self.key_file, key_id = simulation.KEY_ID, issuer_id = simulation.ISSUER, base_url = self.url,
  }
  for name, value in pairs(more or {}) do given[name] = value end
  return assert(marketplace.client(given))
end

--- What a command needs to find it, as assignments before the command.
function Api:environment()
  return ("MARKETPLACE_API_URL=%s MARKETPLACE_KEY_FILE=%s MARKETPLACE_KEY_ID=%s MARKETPLACE_ISSUER_ID=%s"):format(
    self.url, self.key_file, simulation.KEY_ID, simulation.ISSUER)
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

--- What it has written so far.
function Api:output()
  return read(self.output_file)
end

--- Ends it.
function Api:stop()
  shell.run(("kill -TERM %s; while kill -0 %s 2>/dev/null; do sleep 0.01; done"):format(self.pid, self.pid))
  for _, path in ipairs { self.key_file, self.output_file } do os.remove(path) end
end

--- Starts it, with options. What it writes goes to a file: a pipe that nobody reads would stop it when it is full.
---@param arguments? string
---@return table api
function simulated_api.start(arguments)
  local self = setmetatable({ key_file = os.tmpname(), output_file = os.tmpname(), app = simulation.APP }, Api)
  os.remove(self.key_file)
  self.pid = shell.run(("%s > %s 2>&1 & echo $!"):format(shell.marketplace(
    ("simulate --port 0 --app %s --key-file %s %s"):format(simulation.APP, self.key_file, arguments or "")),
    self.output_file))
  local stop = core.monotonic() + LONGEST_START
  repeat
    core.sleep(0.01)
    self.url = self:output():match "url=(%S+)"
    assert(self.url or core.monotonic() < stop, "the simulator did not start:\n" .. self:output())
  until self.url
  return self
end

return simulated_api
