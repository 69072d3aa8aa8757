--- The inbox in a Redis server: for receivers and workers on several machines. `marketplace.inbox` has the contract.
---
--- Each call is one script on the server, or several if it is about many entries: the server does nothing else while a
--- script runs. All times are by the server's clock.
local changes = require "marketplace.inbox.redis.scripts.changes"
local codes = require "marketplace.inbox.codes"
local core = require "marketplace.core"
local fields = require "marketplace.inbox.fields"
local MOST_CLAIMED = require("marketplace.inbox.lease").MOST_CLAIMED
local options = require "marketplace.options"
local queries = require "marketplace.inbox.redis.scripts.queries"
local reconnecting = require "marketplace.inbox.reconnecting"
local text = require "marketplace.text"
local unpack = require("marketplace.runtime").unpack
local uuid = require "marketplace.uuid"
local version = require("marketplace.inbox.redis.scripts.entries").VERSION

local fail = reconnecting.fail

local redis = {}

local Inbox = { durable = true }
Inbox.__index = Inbox

local SURVEY_SECONDS = 600 -- after which the server's settings are checked again, by a connection that is made anew
local PAUSE_SECONDS = 0.5  -- after a failed attempt to connect
local CHUNK = 200          -- entries in one script

local number, to_number = text.number, text.to_number

--[[ Scripts ]]

local function command(link, words)
  local reply, message, code = link:command(words)
  if reply == nil and message then fail(message) end
  return reply, code
end

local function load(self, link, name)
  self.hashes[name] = command(link, { "SCRIPT", "LOAD", changes[name] or queries[name] })
  return self.hashes[name]
end

local function evaluate(self, link, name, arguments)
  local words = {
    "EVALSHA", self.hashes[name] or load(self, link, name), "1", self.prefix, self.clock and number(self.clock()) or "",
  }
  for i = 1, #arguments do words[i + 5] = arguments[i] end
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

local function run(self, name, arguments)
  if self.closed then return unavailable "the inbox is closed" end
  local reply, message = self.connection:use(function(link) return evaluate(self, link, name, arguments or {}) end)
  if reply == nil then return unavailable(message) end
  return reply
end

--[[ Fields, as Redis takes and returns them ]]

local KIND = fields.kind

local WRITE = {
  time = number,
  number = number,
  string = function(value) return "=" .. value end,
  flag = function() return "1" end,
  token = tostring,
}

-- Adds a table's fields; an empty argument stands for an absent one.
local function add_fields(arguments, given, names)
  local n = #arguments
  for i = 1, #names do
    local name = names[i]
    local value, write = given[name], WRITE[KIND[name]]
    arguments[n + i] = value and (write and write(value) or value) or ""
  end
end

local function integer(written) return tonumber(written) end

local READ = { clock = to_number, time = to_number, integer = integer }

local function entry_of(row, names)
  local entry = {}
  for i = 1, #names do
    local name, value = names[i], row[i]
    local read = READ[KIND[name]]
    entry[name] = read and read(value) or value
  end
  return entry
end

local function entries_of(rows, names)
  for i = 1, #rows do rows[i] = entry_of(rows[i], names) end
  return rows
end

--[[ put ]]

function Inbox:put(records)
  if #records == 0 and not self.closed then return {} end
  local arguments = {}
  for i = 1, #records do add_fields(arguments, records[i], fields.record) end
  return run(self, "put", arguments)
end

--[[ Leases ]]

function Inbox:recover(waits)
  local arguments, released = { number(CHUNK) }, 0
  for i, wait in ipairs(waits) do arguments[i + 1] = number(wait) end
  repeat
    local answer, message, code = run(self, "recover", arguments)
    if not answer then return nil, message, code end
    released = released + answer[1]
  until answer[2] == 0
  return released
end

function Inbox:claim(limit, lease)
  if limit < 1 and not self.closed then return {} end
  local rows, message, code = run(self, "claim", { ("%d"):format(math.min(limit, MOST_CLAIMED)), number(lease) })
  if not rows then return nil, message, code end
  return entries_of(rows, fields.claimed)
end

local function held_ones(flags, message, code)
  if not flags then return nil, message, code end
  for i, flag in ipairs(flags) do flags[i] = flag == 1 end
  return flags
end

function Inbox:finish(items)
  if #items == 0 and not self.closed then return {} end
  local arguments = {}
  for _, item in ipairs(fields.finished(items)) do add_fields(arguments, item, fields.item) end
  return held_ones(run(self, "finish", arguments))
end

function Inbox:extend(items, lease)
  if #items == 0 and not self.closed then return {} end
  local arguments = { number(lease) }
  for _, item in ipairs(items) do
    arguments[#arguments + 1] = item.id
    arguments[#arguments + 1] = tostring(item.token)
  end
  return held_ones(run(self, "extend", arguments))
end

--[[ Queries ]]

function Inbox:counts()
  local row, message, code = run(self, "counts")
  if not row then return nil, message, code end
  return { ready = row[1], leased = row[2], done = row[3], dead = row[4] }
end

function Inbox:backlog()
  local row, message, code = run(self, "backlog", codes.ALL)
  if not row then return nil, message, code end
  local backlog = { ready = row[1], leased = row[2], dead = row[3], codes = {}, oldest_age = to_number(row[#row]) }
  for i, name in ipairs(codes.ALL) do backlog.codes[name] = row[i + 3] end
  return backlog
end

function Inbox:next_in()
  local seconds, message, code = run(self, "next_in")
  if not seconds then return nil, message, code end
  return to_number(seconds)
end

-- Text that is empty selects nothing, unlike text that is absent.
local function criterion(value)
  if value == nil then return "" end
  return "=" .. (type(value) == "number" and number(value) or value)
end

-- What the script has for all that the filter selects, in order.
local function select_with(self, script, filter)
  local selected, last = {}, ""
  repeat
    local left = (filter.limit or math.huge) - #selected
    local most = math.max(0, math.min(left, CHUNK))
    local arguments = { filter.newest and "newest" or "oldest", last, ("%d"):format(most) }
    for _, name in ipairs(fields.filter) do arguments[#arguments + 1] = criterion(filter[name]) end
    local answer, message, code = run(self, script, arguments)
    if not answer then return nil, message, code end
    last = answer[1]
    for _, one in ipairs(answer[2]) do selected[#selected + 1] = one end
  until last == "" or filter.limit and #selected >= filter.limit
  return selected
end

function Inbox:list(filter)
  local rows, message, code = select_with(self, "list", fields.checked("inbox:list", filter))
  if not rows then return nil, message, code end
  return entries_of(rows, fields.summary)
end

function Inbox:get(id)
  local rows, message, code = run(self, "get", { id })
  if not rows then return nil, message, code end
  return rows[1] and entry_of(rows[1], fields.entry)
end

function Inbox:later(app_id, time)
  local answer, message, code = run(self, "later", { app_id, number(time), number(CHUNK) })
  if not answer then return nil, message, code end
  local found, rest = entries_of(answer[1], fields.later), answer[2]
  for first = 1, #rest, CHUNK do
    local ids = {}
    for i = first, math.min(first + CHUNK - 1, #rest) do ids[#ids + 1] = rest[i] end
    local rows
    rows, message, code = run(self, "later_rest", ids)
    if not rows then return nil, message, code end
    for _, row in ipairs(rows) do found[#found + 1] = entry_of(row, fields.later) end
  end
  return found
end

--[[ Operators ]]

local function reversed(list)
  local other = {}
  for i = 1, #list do other[i] = list[#list + 1 - i] end
  return other
end

-- What is older must be ready before what waits behind it.
function Inbox:replay(filter)
  local replayed = fields.replayed(filter)
  if not replayed and not self.closed then return {} end
  replayed = replayed or {}
  local ids, message, code = select_with(self, "replayable", replayed)
  if not ids then return nil, message, code end
  if replayed.newest then ids = reversed(ids) end
  local ready = {}
  for first = 1, #ids, CHUNK do
    local slice
    local arguments = { replayed.state, unpack(ids, first, math.min(first + CHUNK - 1, #ids)) }
    slice, message, code = run(self, "replay", arguments)
    if not slice then return nil, message, code end
    for _, id in ipairs(slice) do ready[#ready + 1] = id end
  end
  return replayed.newest and reversed(ready) or ready
end

local function is_done(flag, message, code)
  if not flag then return nil, message, code end
  return flag == 1
end

function Inbox:run(id)
  return is_done(run(self, "run", { id }))
end

function Inbox:cancel(id, reason)
  return is_done(run(self, "cancel", { id, reason }))
end

--[[ Retention ]]

function Inbox:oldest_done()
  local row, message, code = run(self, "oldest_done")
  if not row then return nil, message, code end
  return { body = to_number(row[1]), id = to_number(row[2]) }
end

function Inbox:forget(before, limit)
  local forgotten = { bodies = 0, ids = 0 }
  repeat
    local most = math.min(CHUNK, limit - math.max(forgotten.bodies, forgotten.ids))
    local arguments = { number(before.ids), number(before.bodies), ("%d"):format(most) }
    local row, message, code = run(self, "forget", arguments)
    if not row then return nil, message, code end
    forgotten.bodies, forgotten.ids = forgotten.bodies + row[1], forgotten.ids + row[2]
  until math.max(row[1], row[2]) < most or math.max(forgotten.bodies, forgotten.ids) >= limit
  return forgotten
end

function Inbox:id()
  return run(self, "id", { uuid.new() })
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

-- An inbox of another version is not to be touched.
local function check_version(self, link)
  local key = self.prefix .. "version"
  local is = command(link, { "GET", key })
  if not is then
    command(link, { "SET", key, version, "NX" })
    is = command(link, { "GET", key })
  end
  if is ~= version then
    fail(("the inbox with the prefix %s is of version %s, not %s: use the program that made it, or another prefix")
      :format(self.prefix:sub(2, -3), tostring(is), version))
  end
end

-- A connection that was used before has the right user and database already.
local function prepare(self, link, given, is_relaxed)
  local is_due = core.monotonic() >= self.survey_at
  if link.reused and not is_due then return link end
  local ok, problem = pcall(function()
    if not link.reused then authenticate(link, given) end
    if not is_relaxed then check_durability(link) end
    check_version(self, link)
    self.survey_at = core.monotonic() + SURVEY_SECONDS
  end)
  if ok then return link end
  link:close()
  error(problem, 0)
end

---@class marketplace.RedisInboxOptions
---@field clock? fun(): number seconds since the epoch, default the server's clock
---@field durability? "strict"|"relaxed" relaxed accepts a server that may lose what it stored; default by the URL
---@field lazy? boolean connect with the first call, default false: at once
---@field must_exist? boolean for SQLite; ignored here, as the next two are
---@field timeout? number
---@field warn? fun(message: string)
---@field connect? fun(place: table): table in place of hiredis: returns a connection with command{word, ...}, close()
--- and `reused` if it was used before; raises as marketplace.inbox.reconnecting does
---@field pool? fun(settings: table): table in place of marketplace.inbox.reconnecting's new, if the inbox keeps no
--- connections: nothing is connected then before it is needed
local OPTIONS = {
  clock = "function", durability = "string", lazy = "boolean", must_exist = "boolean", timeout = "number",
  warn = "function", connect = "function", pool = "function",
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
  -- read now: an nginx worker may lack variables that its master has
  local password = place.password or os.getenv "REDISCLI_AUTH"
  local self = setmetatable({
    prefix = ("{%s}:"):format(place.prefix or "marketplace"), hashes = {}, clock = settings.clock, survey_at = 0,
    closed = false,
  }, Inbox)
  self.connection = (settings.pool or reconnecting.new) {
    name = "redis", pause = PAUSE_SECONDS, is_current = function() return core.monotonic() < self.survey_at end,
    connect = function()
      local link = (settings.connect or hiredis)(place)
      return prepare(self, link, { user = place.user, password = password, db = place.db }, is_relaxed)
    end,
  }
  if settings.pool or settings.lazy then return self end
  local ok, message = self.connection:use(function() return true end)
  if not ok then return unavailable(message) end
  return self
end

return redis
