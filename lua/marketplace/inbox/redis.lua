--- The inbox in a Redis server: for receivers and workers on several machines. `marketplace.inbox` has the contract.
---
--- Each call is one script on the server. The server's clock times the leases, whatever the machines' own clocks say:
--- the difference is measured when a connection is made.
local core = require "marketplace.core"
local fields = require "marketplace.inbox.fields"
local options = require "marketplace.options"
local reconnecting = require "marketplace.inbox.reconnecting"
local scripts = require "marketplace.inbox.redis_scripts"
local text = require "marketplace.text"
local uuid = require "marketplace.uuid"

local fail = reconnecting.fail

local redis = {}

local Inbox = { durable = true }
Inbox.__index = Inbox

local RENEW_SECONDS = 600  -- after which the clocks are compared again: one of them may have been set
local PAUSE_SECONDS = 0.5  -- after a failed attempt to connect
local LIST_CHUNK = 500     -- entries in one answer: the server does nothing else meanwhile
local PRUNE_CHUNK = 1000
local STATES = { "ready", "leased", "done", "dead" }

local number, to_number = text.number, text.to_number

--[[ Scripts ]]

local function command(link, words)
  local reply, message, code = link:command(words)
  if reply == nil and message then fail(message) end
  return reply, code
end

local function load(self, link, name)
  self.hashes[name] = command(link, { "SCRIPT", "LOAD", scripts[name] })
  return self.hashes[name]
end

local function evaluate(self, link, name, arguments)
  local words = { "EVALSHA", self.hashes[name] or load(self, link, name), "1", self.prefix }
  for i = 1, #arguments do words[i + 4] = arguments[i] end
  local reply, message = link:command(words)
  if message and message:find("^NOSCRIPT") then
    -- the server was restarted, or its cache was emptied; nothing was run
    words[2] = load(self, link, name)
    reply, message = link:command(words)
  end
  if message then fail(message) end
  return reply
end

local function unavailable(message)
  return nil, message, "inbox_unavailable"
end

-- Runs a script. make() returns its arguments, and is called once the clocks' difference is known.
local function run(self, name, make)
  if self.closed then return unavailable "the inbox is closed" end
  local reply, message = self.connection:use(function(link)
    return evaluate(self, link, name, make and make() or {})
  end)
  if reply == nil then return unavailable(message) end
  return reply
end

local function at(self, time)
  return number(time - self.offset)
end

--[[ Fields, as Redis takes and returns them ]]

local KIND = fields.kind

local WRITE = {
  clock = at,
  time = function(_, value) return number(value) end,
  string = function(_, value) return "=" .. value end,
  flag = function() return "1" end,
  token = function(_, value) return tostring(value) end,
}

-- Adds a table's fields; an empty argument stands for an absent one.
local function add_fields(self, arguments, given, names)
  local n = #arguments
  for i = 1, #names do
    local name = names[i]
    local value, write = given[name], WRITE[KIND[name]]
    arguments[n + i] = value and (write and write(self, value) or value) or ""
  end
end

local READ = {
  clock = function(self, written) return to_number(written) + self.offset end,
  time = function(_, written) return to_number(written) end,
  integer = function(_, written) return tonumber(written) end,
}

local function entry_of(self, row, names)
  local entry = {}
  for i = 1, #names do
    local name, value = names[i], row[i]
    local read = READ[KIND[name]]
    entry[name] = read and read(self, value) or value
  end
  return entry
end

local function entries_of(self, rows, names)
  for i = 1, #rows do rows[i] = entry_of(self, rows[i], names) end
  return rows
end

--[[ put ]]

function Inbox:put(records, now)
  if #records == 0 and not self.closed then return {} end
  return run(self, "put", function()
    local arguments = { at(self, now) }
    for i = 1, #records do add_fields(self, arguments, records[i], fields.record) end
    return arguments
  end)
end

--[[ Leases ]]

function Inbox:claim(limit, now, lease)
  if limit < 1 and not self.closed then return {} end
  local rows, message, code = run(self, "claim", function()
    return { at(self, now), at(self, now + lease), ("%d"):format(math.min(limit, 1000)) }
  end)
  if not rows then return nil, message, code end
  return entries_of(self, rows, fields.claimed)
end

local function held_ones(flags, message, code)
  if not flags then return nil, message, code end
  for i, flag in ipairs(flags) do flags[i] = flag == 1 end
  return flags
end

function Inbox:finish(items, now)
  if #items == 0 and not self.closed then return {} end
  return held_ones(run(self, "finish", function()
    local arguments = { at(self, now) }
    for i = 1, #items do add_fields(self, arguments, items[i], fields.item) end
    return arguments
  end))
end

function Inbox:extend(items, now, lease)
  if #items == 0 and not self.closed then return {} end
  return held_ones(run(self, "extend", function()
    local arguments = { at(self, now + lease) }
    for _, item in ipairs(items) do
      arguments[#arguments + 1] = item.identity
      arguments[#arguments + 1] = tostring(item.token)
    end
    return arguments
  end))
end

--[[ Queries ]]

function Inbox:counts()
  local row, message, code = run(self, "counts")
  if not row then return nil, message, code end
  return { ready = row[1], leased = row[2], dead = row[3], done = row[4] }
end

-- The earlier of two times as the server returns them; either can be absent.
local function earlier(self, one, other)
  one, other = to_number(one), to_number(other)
  local first = one and other and math.min(one, other) or one or other
  return first and first + self.offset
end

function Inbox:backlog()
  local row, message, code = run(self, "counts")
  if not row then return nil, message, code end
  return { ready = row[1], leased = row[2], dead = row[3], oldest_at = earlier(self, row[5], row[6]) }
end

function Inbox:next_at()
  local row, message, code = run(self, "next_at")
  if not row then return nil, message, code end
  return earlier(self, row[1], row[2])
end

-- Adds the entries of a state that match, each with its number.
local function list_state(self, state, filter, found)
  local first = 0
  repeat
    local rows, message, code = run(self, "list", function()
      return { state, ("%d"):format(first), ("%d"):format(first + LIST_CHUNK - 1) }
    end)
    if not rows then return nil, message, code end
    for _, row in ipairs(rows) do
      local entry = entry_of(self, row, fields.summary)
      if fields.matches(entry, filter) then found[#found + 1] = { entry, tonumber(row[#fields.summary + 1]) } end
    end
    first = first + LIST_CHUNK
  until #rows < LIST_CHUNK
  return true
end

local function by_number(a, b) return a[2] < b[2] end

function Inbox:list(filter)
  filter = fields.checked("inbox:list", filter)
  local found, entries = {}, {}
  for _, state in ipairs(filter.state and { filter.state } or STATES) do
    local ok, message, code = list_state(self, state, filter, found)
    if not ok then return nil, message, code end
  end
  table.sort(found, by_number)
  for i = 1, math.min(#found, filter.limit or #found) do entries[i] = found[i][1] end
  return entries
end

function Inbox:get(identity)
  local rows, message, code = run(self, "get", function() return { identity } end)
  if not rows then return nil, message, code end
  return rows[1] and entry_of(self, rows[1], fields.entry)
end

function Inbox:later(app_id, time)
  local rows, message, code = run(self, "later", function() return { app_id, number(time) } end)
  if not rows then return nil, message, code end
  return entries_of(self, rows, fields.later)
end

--[[ Operators ]]

function Inbox:replay(filter, now)
  local dead = fields.dead(fields.checked("inbox:replay", filter))
  if not dead and not self.closed then return 0 end
  local found, message, code = self:list(dead)
  if not found then return nil, message, code end
  return run(self, "replay", function()
    local arguments = { at(self, now) }
    for _, entry in ipairs(found) do arguments[#arguments + 1] = entry.identity end
    return arguments
  end)
end

function Inbox:prune(done_before)
  local pruned = 0
  repeat
    local count, message, code = run(self, "prune", function()
      return { at(self, done_before), number(PRUNE_CHUNK) }
    end)
    if not count then return nil, message, code end
    pruned = pruned + count
  until count < PRUNE_CHUNK
  return pruned
end

function Inbox:id()
  return run(self, "id", function() return { uuid.new() } end)
end

function Inbox:close()
  self.connection:close()
  self.closed = true
end

--[[ Connections ]]

local function hiredis(given)
  local found, module = pcall(require, "marketplace.redis")
  if not found then fail "marketplace.redis is not installed: luarocks install lua-marketplace-redis" end
  local link, message = module.open {
    host = given.host, port = given.port, path = given.path, timeout = given.timeout,
  }
  if not link then fail(message) end
  return link
end

local function setting(link, name)
  local reply = command(link, { "CONFIG", "GET", name })
  return reply and reply[2]
end

local DURABLE = { { "appendonly", "yes" }, { "appendfsync", "always" }, { "maxmemory-policy", "noeviction" } }

-- A server with other settings does not keep the promise that a 200 makes.
local function check_durability(link)
  for _, wanted in ipairs(DURABLE) do
    local is = setting(link, wanted[1])
    if is ~= wanted[2] then
      fail(("the server can lose what it stored: it has %s %s, and needs %s; durability=relaxed accepts it as it is")
        :format(wanted[1], tostring(is), wanted[2]))
    end
  end
end

local function authenticate(link, given)
  local password = given.password
  if password and password ~= "" then
    command(link, given.user and { "AUTH", given.user, password } or { "AUTH", password })
  end
  if given.db then command(link, { "SELECT", ("%d"):format(given.db) }) end
end

local function measure_offset(link, clock)
  local before = clock()
  local server = command(link, { "TIME" })
  return (before + clock()) / 2 - (tonumber(server[1]) + tonumber(server[2]) / 1e6)
end

-- A connection that was used before has the right user and database already.
local function prepare(self, link, given, clock, is_relaxed)
  local is_due = core.monotonic() >= self.survey_at
  if link.reused and not is_due then return link end
  local ok, problem = pcall(function()
    if not link.reused then authenticate(link, given) end
    if not is_relaxed then check_durability(link) end
    if clock then self.offset = measure_offset(link, clock) end
    self.survey_at = core.monotonic() + RENEW_SECONDS
  end)
  if ok then return link end
  link:close()
  error(problem, 0)
end

---@class marketplace.RedisInboxOptions
---@field clock? false|fun(): number seconds since the epoch, default the machine's; false: times are used as given
---@field durability? "strict"|"relaxed" relaxed accepts a server that may lose what it stored; default by the URL
---@field must_exist? boolean for SQLite; ignored here
---@field connect? fun(place: table): table in place of hiredis: returns a connection with command{word, ...}, close()
--- and `reused` if it was used before; raises as marketplace.inbox.reconnecting does
---@field pool? fun(settings: table): table in place of marketplace.inbox.reconnecting's new, if the inbox keeps no
--- connections: nothing is connected then before it is needed
local OPTIONS = {
  clock = "function|boolean", durability = "string", must_exist = "boolean", connect = "function",
  pool = "function",
}

--- Opens the inbox in a server.
---@param place {host?: string, port?: integer, path?: string, user?: string, password?: string, db?: integer,
--- prefix?: string, timeout?: number, durability?: string} a password that is not given here is taken from the
--- environment, REDISCLI_AUTH; durability "relaxed" accepts a server that can lose what it stored
---@param settings? marketplace.RedisInboxOptions
---@return table|nil inbox
---@return string? message
---@return string? code inbox_unavailable
function redis.open(place, settings)
  settings = settings or {}
  options.check("marketplace.inbox.open", settings, OPTIONS)
  local is_relaxed = (settings.durability or place.durability) == "relaxed"
  local clock = settings.clock == nil and core.now or settings.clock
  -- read now: an nginx worker may lack variables that its master has
  local password = place.password or os.getenv "REDISCLI_AUTH"
  local self = setmetatable({
    prefix = ("{%s}:"):format(place.prefix or "marketplace"), hashes = {}, offset = 0, survey_at = 0, closed = false,
  }, Inbox)
  self.connection = (settings.pool or reconnecting.new) {
    name = "redis", pause = PAUSE_SECONDS, renew_after = RENEW_SECONDS,
    connect = function()
      local link = (settings.connect or hiredis)(place)
      return prepare(self, link, { user = place.user, password = password, db = place.db }, clock, is_relaxed)
    end,
  }
  if settings.pool then return self end
  local ok, message = self.connection:use(function() return true end)
  if not ok then return unavailable(message) end
  return self
end

return redis
