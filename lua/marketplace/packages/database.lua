--- A SQLite file of the folder's state, which several processes use. What it acknowledged survives a crash of the
--- process and of the machine. A file that failed, or was replaced, is opened anew.
---
--- What fails returns nil, a message and "store_unavailable".
local core = require "marketplace.core"
local file = require "marketplace.sqlite.file"
local file_mode = require "marketplace.file_mode"
local reconnecting = require "marketplace.reconnecting"
local transactions = require "marketplace.sqlite.transactions"

local checked, fail = reconnecting.checked, reconnecting.fail

local database = {}

local IF_DAMAGED = "the store is damaged: stop what uses the folder, move the file and its -wal away, put a backup " ..
  "of it in their place, and start again; the packages' files are kept"

local TIMEOUT_SECONDS = 5 -- of a call: others rename folders while they write

---@class marketplace.packages.Database
---@field path string
---@field clock fun(): number
---@field timeout number seconds
local Database = {}
Database.__index = Database

for name, method in pairs(transactions.methods) do Database[name] = method end

function Database:unavailable(message)
  if self.closed then return nil, self.path .. " is closed", "store_unavailable" end
  return nil, file.advised(message, IF_DAMAGED), "store_unavailable"
end

--- Whether another file took its place since the last call, such as a backup.
---@return boolean
function Database:take_replaced()
  local was_replaced = self.was_replaced
  self.was_replaced = false
  return was_replaced
end

--- May be called again.
function Database:close()
  self.closed = true
  self.connection:close()
end

-- Its owner's alone, whatever the umask. SQLite takes an empty file for a new database.
local function make_file(self)
  if core.file_id(self.path) then return end
  local made, message, code = core.replace_file(self.path, "", "new")
  if not made and code ~= "file_exists" then fail(message) end
end

local function check_version(self, link)
  local version = file.version(link)
  if version == self.schema.VERSION then return end
  fail(("the tables of %s have version %d, and this program needs version %d: use the release that made them"):format(
    self.path, version, self.schema.VERSION))
end

local function prepare(self, link)
  if not file.has_tables(link, self.path, self.schema.APPLICATION_ID) then
    if self.was_opened then fail(self.path .. " lost its tables: restore a backup of it, and restart") end
    file.make_tables(link, self.path, self.schema)
  end
  check_version(self, link)
  if self.was_opened then return end
  local is_sound, message = link.database:quick_check()
  if not is_sound then fail(message .. ": restore a backup of it") end
end

local function connect(self)
  file.need_engine "marketplace.packages"
  -- a new file would hide that takedowns are recorded elsewhere
  if not self.was_opened then make_file(self) end
  local link, message, code = file.open { path = self.path, create = false }
  if code == "file_missing" then fail(self.path .. " is gone: put it back, or restore a backup of it, and restart") end
  checked(link, message, code)
  link:limit(self.timeout)
  local ok, problem = pcall(prepare, self, link)
  if not ok then
    link:close()
    error(problem, 0)
  end
  local id = core.file_id(self.path)
  self.was_replaced, self.file_id = self.was_replaced or self.was_opened and id ~= self.file_id, id
  self.was_opened = true
  return link
end

--- Opens a file, and makes it if there is none.
---@param given {path: string, schema: table, clock?: (fun(): number), timeout?: number, warn?: fun(message: string)}
--- schema: as of marketplace.sqlite.file, with VERSION; warn: is told if others can read the file
---@return marketplace.packages.Database|nil
---@return string? message
---@return string? code store_unavailable
function database.open(given)
  local self = setmetatable({
    path = given.path, schema = given.schema, clock = given.clock or core.now,
    timeout = given.timeout or TIMEOUT_SECONDS, closed = false, was_opened = false, was_replaced = false,
  }, Database)
  self.connection = reconnecting.new {
    connect = function() return connect(self) end,
    is_current = function(link) return (link.database:has_its_files()) end,
  }
  local ok, message = self.connection:use(function() return true end)
  if not ok then return self:unavailable(message) end
  if given.warn then file_mode.check(given.warn, self.path) end
  return self
end

return database
