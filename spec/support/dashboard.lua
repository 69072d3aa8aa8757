--- A dashboard on an inbox, without a server, and somebody's browser: it keeps cookies and posts forms.
local core = require "marketplace.core"
local dashboard = require "marketplace.dashboard"
local forms = require "marketplace.dashboard.forms"
local memory = require "marketplace.inbox.memory"
local record = require "marketplace.inbox.record"
local samples = require "marketplace.samples"

local support = { TOKEN = ("t"):rep(32) }

local Browser = {}
Browser.__index = Browser

local function keep_cookie(self, line)
  if not line then return end
  local name, value = line:match "^([^=]+)=([^;]*)"
  self.cookies[name] = not line:find "Max%-Age=0;" and value or nil
end

local function cookie_header(self)
  local words = {}
  for name, value in pairs(self.cookies) do words[#words + 1] = name .. "=" .. value end
  return #words > 0 and table.concat(words, "; ") or nil
end

--- Asks.
---@param method string
---@param path string
---@param more? {headers?: table, body?: string}
---@return {status: integer, headers: table, body: string, reason: string|nil}
function Browser:ask(method, path, more)
  more = more or {}
  local headers = { host = "localhost:9465", cookie = cookie_header(self) }
  for name, value in pairs(more.headers or {}) do headers[name] = value or nil end
  local status, answered, body, reason = self.dashboard:handle {
    method = method, path = path, headers = headers, body = more.body, remote = self.remote,
  }
  keep_cookie(self, answered["set-cookie"])
  return { status = status, headers = answered, body = body, reason = reason }
end

function Browser:get(path, headers)
  return self:ask("GET", path, { headers = headers })
end

--- Posts a form; a signed-in browser's has the token of the session, unless `fields.csrf` is something else.
---@param path string
---@param fields? table
---@param headers? table
function Browser:post(path, fields, headers)
  local all = { csrf = self.csrf }
  for name, value in pairs(fields or {}) do all[name] = value end
  local given = { ["content-type"] = "application/x-www-form-urlencoded" }
  for name, value in pairs(headers or {}) do given[name] = value end
  return self:ask("POST", path, { headers = given, body = forms.query(all):sub(2) })
end

--- Follows one redirect.
function Browser:follow(answer)
  return self:get((assert(answer.headers.location, answer.body)))
end

--- Signs in, and remembers the token that forms have.
function Browser:sign_in(headers)
  local answer = self:post(self.dashboard.mount .. "/login", { token = support.TOKEN }, headers)
  assert(answer.status == 303, answer.body)
  self.csrf = self:follow(answer).body:match 'name="csrf" type="hidden" value="(%x+)"'
  return self
end

--- Puts notifications into the inbox, and returns its ids.
---@param list {event?: string, body?: string}[] as of marketplace.samples, with its options beside
function Browser:put(list)
  local records, ids = {}, {}
  for i, given in ipairs(list) do
    local body = given.body or samples.body(given.event or "app_unavailable", given)
    records[i] = assert(record.of(body))
    ids[i] = records[i].key
  end
  assert(self.inbox:put(records))
  return ids
end

function Browser:close()
  self.dashboard:close()
  self.inbox:close()
end

--- A dashboard, and a browser that has not signed in.
---@param given? table options of marketplace.dashboard
function support.open(given)
  local self = setmetatable({ cookies = {}, remote = "192.0.2.1", now = math.floor(core.now()), log = {} }, Browser)
  local function clock() return self.now end
  local options = {
    token = support.TOKEN, clock = clock, inbox = memory.new { clock = clock },
    log = function(entry) self.log[#self.log + 1] = entry end,
  }
  for name, value in pairs(given or {}) do options[name] = value end
  self.inbox, self.dashboard = options.inbox, assert(dashboard.new(options))
  return self
end

return support
