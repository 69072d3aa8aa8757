--- The inbox in a SQLite file: for one machine, any number of processes. What `put` acknowledged survives a crash of
--- the process and of the machine: write-ahead log, synchronous=FULL, one commit for each call. marketplace.inbox has
--- the contract, marketplace.inbox.sqlite.schema the tables; the methods are in put, leases, queries and operators.
---
--- The clock is the process's. It is read once a transaction has begun, which may have to wait for others.
local core = require "marketplace.core"
local file = require "marketplace.sqlite.file"
local files = require "marketplace.inbox.sqlite.files"
local folders = require "marketplace.folders"
local holders = require "marketplace.inbox.sqlite.holders"
local leases = require "marketplace.inbox.sqlite.leases"
local limits = require "marketplace.inbox.sqlite.limits"
local migration = require "marketplace.inbox.sqlite.migration"
local operators = require "marketplace.inbox.sqlite.operators"
local put = require "marketplace.inbox.sqlite.put"
local queries = require "marketplace.inbox.sqlite.queries"
local reconnecting = require "marketplace.reconnecting"
local schema = require "marketplace.inbox.sqlite.schema"
local transactions = require "marketplace.sqlite.transactions"

local checked, fail = reconnecting.checked, reconnecting.fail

local sqlite = {}

local Inbox = { durable = true }
Inbox.__index = Inbox

for _, methods in ipairs { transactions.methods, put.methods, leases.methods, queries.methods, operators.methods } do
  for name, method in pairs(methods) do Inbox[name] = method end
end

local IF_DAMAGED = "if this is the inbox's file, it is damaged: restore a backup with `marketplace inbox restore " ..
  "BACKUP --yes`, or move the file and its -wal away, start anew and run `marketplace reconcile`"

local TIMEOUT_SECONDS = 3 -- of a call; after that, Apple should try again

local function unavailable(message)
  return nil, file.advised(message, IF_DAMAGED), "inbox_unavailable"
end

--[[ Transactions ]]

function Inbox:unavailable(message)
  return unavailable(self.closed and "the inbox is closed" or message)
end

--- Runs work(link, now) in one transaction after the other for as long as it returns true; others can write in between.
---@param work fun(link: table, now: number): boolean
---@param most? integer transactions, default all
---@return boolean|nil finished false: it returned true in the last one, too
---@return string? message
---@return string? code inbox_unavailable
function Inbox:transact_in_slices(work, most)
  local took
  local function timed(link, now)
    local started = core.monotonic()
    local has_more = work(link, now)
    took = core.monotonic() - started
    return has_more
  end
  for _ = 1, most or math.huge do
    local has_more, message, code = self:transact(timed)
    if has_more == nil then return nil, message, code end
    if not has_more then return true end
    -- those that wait look only now and then whether they can write
    core.sleep(took)
  end
  return false
end

function Inbox:close()
  self.closed = true
  self.connection:close()
  self.holders:close()
end

--[[ Opening ]]

-- Reads all of the file, which takes as long as it takes, and leaves what comes next its time.
local function check(self, link)
  local is_sound, message = link.database:quick_check()
  if not is_sound then fail(message .. ": restore a backup with `marketplace inbox restore`") end
  link:limit(self.timeout)
end

local function prepare(self, link)
  local path = self.path
  if not file.has_tables(link, path, schema.APPLICATION_ID) then
    -- the same as of a file that is gone
    if self.was_opened then
      fail(path .. " holds no inbox any more: restore a backup with `marketplace inbox restore`, or restart to " ..
        "begin an empty one")
    end
    file.make_tables(link, path, schema)
  end
  if not (self.was_opened or self.must_exist) then check(self, link) end
  local version = migration.run(link)
  if version ~= schema.VERSION then
    fail(("the tables of %s have version %d, and this program needs version %d: use the release that made them, or " ..
      "begin with an empty one"):format(path, version, schema.VERSION))
  end
end

local function open_database(self)
  file.need_engine "an inbox in SQLite"
  local holders_path
  local creates = not (self.was_opened or self.must_exist)
  -- a new file gets the mode of this one, whatever the umask
  if creates then
    local made, problem = self.holders:make()
    if not made then fail(folders.problem(self.path, "cannot make " .. problem)) end
    holders_path = self.holders:path()
  end
  local link, message, code = file.open { path = self.path, holders = holders_path, create = creates }
  -- a new file would hide that what was acknowledged is elsewhere
  if code == "file_missing" and self.was_opened then
    fail(self.path .. " is gone: put it back, or restart to begin a new one")
  end
  return checked(link, message, code)
end

local function nothing() end

local function connect(self)
  local path = self.path
  local link = open_database(self)
  link:limit(self.timeout)
  local ok, problem = pcall(prepare, self, link)
  if not ok then
    link:close()
    error(problem, 0)
  end
  if not self.was_opened then files.check(path, self.warn) end
  self.was_opened = true
  return link
end

local function is_current(self, link)
  if link.count >= limits.statements then return false end
  -- a file that was moved away would take what is stored from now on with it
  local has, message = link.database:has_its_files()
  -- of one that is gone, each call says so
  if not has and core.file_id(self.path) then self.warn(message .. ": it is opened anew") end
  return has
end

--- Opens the inbox in a file, and makes the file if there is none. If the file fails later, calls return an error, and
--- work again once the file does.
---@param place {path: string}
---@param settings? marketplace.InboxOptions
---@return table|nil inbox
---@return string? message
---@return string? code inbox_unavailable
function sqlite.open(place, settings)
  settings = settings or {}
  local path = files.absolute(place.path)
  if settings.must_exist and not settings.lazy and not core.file_id(path) then
    return unavailable(("there is no inbox at %s: a receiver makes it when it starts"):format(place.path))
  end
  local warn = settings.warn or nothing
  local self = setmetatable({
    path = path, clock = settings.clock or core.now, timeout = settings.timeout or TIMEOUT_SECONDS, closed = false,
    must_exist = settings.must_exist or false, was_opened = false, warn = warn, holders = holders.new(path, warn),
  }, Inbox)
  local log_watch = files.watch_log(path, warn)
  self.after_commit = function() log_watch:look() end
  self.connection = reconnecting.new {
    connect = function() return connect(self) end,
    is_current = function(link) return is_current(self, link) end,
  }
  if settings.lazy then return self end
  local ok, message = self.connection:use(function() return true end)
  if not ok then return unavailable(message) end
  return self
end

return sqlite
