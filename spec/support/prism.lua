--- Prism (npm's @stoplight/prism-cli), which holds requests and answers against an OpenAPI description.
local core = require "marketplace.core"
local json = require "marketplace.json"
local openapi = require "support.openapi"
local shell = require "support.shell"
local socket = require "socket"

local prism = {}

local PROGRAM = "node_modules/@stoplight/prism-cli/dist/index.js"
local LONGEST_START = 60 -- seconds

local Prism = {}
Prism.__index = Prism

local function listens(port)
  local probe = socket.tcp()
  local connected = probe:connect("127.0.0.1", port)
  probe:close()
  return connected ~= nil
end

local function output_of(self)
  local file = assert(io.open(self.log, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

local function is_running(self)
  return (select(2, shell.capture("kill -0 " .. self.pid)) == 0)
end

local function wait_until_it_listens(self, port)
  local stop = core.monotonic() + LONGEST_START
  while not listens(port) do
    if not is_running(self) or core.monotonic() > stop then
      local output = output_of(self)
      self:stop()
      error("Prism did not start:\n" .. output)
    end
    core.sleep(0.05)
  end
end

local function start(mode, upstream)
  assert(io.open(PROGRAM), "Prism is not installed: tools/install-npm"):close()
  local port = shell.free_port()
  local self = setmetatable({ url = ("http://127.0.0.1:%d"):format(port), log = os.tmpname() }, Prism)
  -- the pipe ends with the process: what it writes goes to the file, as nobody would read the pipe
  local command = ("node %s %s --errors --host 127.0.0.1 --port %d %s %s >%s 2>&1"):format(PROGRAM, mode, port,
    openapi.PATH, upstream or "", self.log)
  self.pipe = assert(io.popen(("exec sh -c 'echo $$; exec %s'"):format(command)))
  self.pid = assert(tonumber(self.pipe:read "*l"))
  wait_until_it_listens(self, port)
  return self
end

--- Starts a server that answers every request of the description with an example, and refuses what violates it.
---@return {url: string} prism with stop()
function prism.mock()
  return start "mock"
end

--- Starts a server that passes requests on to another, and refuses requests and answers that violate the description.
---@param upstream string URL
---@return {url: string} prism with stop()
function prism.proxy(upstream)
  return start("proxy", upstream)
end

--- Ends it.
function Prism:stop()
  os.execute(("kill -TERM %d 2>/dev/null"):format(self.pid))
  self.pipe:close()
  os.remove(self.log)
end

--- What of a request or of its answer Prism found to violate the description, as lines "request.query.limit: what";
--- Prism invents answers, and those of errors it invents badly, so a request that it refuses may have them too.
---@param headers table of the response, names in lower case
---@param where string "request" or "response"
---@return string[]
function prism.violations(headers, where)
  local found = {}
  for _, violation in ipairs(headers["sl-violations"] and assert(json.decode(headers["sl-violations"])) or {}) do
    if violation.location[1] == where then
      found[#found + 1] = table.concat(violation.location, ".") .. ": " .. violation.message
    end
  end
  return found
end

return prism
