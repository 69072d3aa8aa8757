--- The inbox in a SQLite file: for one machine, any number of processes. What `put` acknowledged survives a crash of
--- the process and of the machine: write-ahead log, synchronous=FULL, one commit for each call.
--- `marketplace.inbox` has the contract.
local connection = require "marketplace.inbox.sql.connection"
local core = require "marketplace.core"
local reconnecting = require "marketplace.inbox.reconnecting"
local schema = require "marketplace.inbox.sql.schema"
local sql = require "marketplace.inbox.sql"

local fail = reconnecting.fail

local sqlite = {}

local APPLICATION_ID = 0x4d4b5431 -- "MKT1", in the file's header: this project's, whatever the file is called
local BUSY_MILLISECONDS = 2000    -- another process may be storing; after that, Apple should try again
local BUSY_PAUSE = 0.01           -- seconds between two tries if SQLite itself does not wait
local PAGE_BYTES = 2048           -- ids are random: storing one writes a page of their index, however large that is
local CACHE_KIB = 32768
local CHECKPOINT_PAGES = 8000

local TYPES = { seq = "INTEGER PRIMARY KEY", id = "text", real = "REAL" }

local function pragma(link, name)
  local row = link:run("PRAGMA " .. name)[1]
  return row and row[1]
end

local function configure(link)
  pragma(link, "busy_timeout = " .. BUSY_MILLISECONDS)
  pragma(link, "page_size = " .. PAGE_BYTES)
  local mode = pragma(link, "journal_mode = WAL")
  if mode ~= "wal" then
    fail(("its journal mode is '%s' and cannot be WAL: keep it on a local disk, not on a network file system"):format(
      tostring(mode)))
  end
  pragma(link, "synchronous = FULL")
  pragma(link, "cache_size = -" .. CACHE_KIB)
  pragma(link, "wal_autocheckpoint = " .. CHECKPOINT_PAGES)
end

-- Whether the tables are there. Another program's database must not become an inbox.
local function has_tables(link)
  local id = pragma(link, "application_id")
  if id == APPLICATION_ID then return true end
  if id ~= 0 or link:run("SELECT count(*) FROM sqlite_master")[1][1] > 0 then
    fail("it is another program's database: name another file")
  end
  return false
end

local function make_tables(link)
  link:run "BEGIN IMMEDIATE"
  if not has_tables(link) then
    schema.make(function(...) return link:run(...) end, TYPES)
    pragma(link, "application_id = " .. APPLICATION_ID)
    pragma(link, "user_version = " .. schema.VERSION)
  end
  link:run "COMMIT"
end

local function try_to_connect(path)
  local link = connection.open("SQLite3", "luadbi-sqlite3", path)
  local ok, problem = pcall(function()
    configure(link)
    if not has_tables(link) then make_tables(link) end
    schema.check(pragma(link, "user_version"))
    link:run "SELECT 1 FROM inbox LIMIT 1" -- reads the schema: a damaged file shows here
  end)
  if ok then return link end
  link:close()
  error(problem, 0)
end

-- While another process makes the file, SQLite refuses the switch to a write-ahead log at once, without waiting.
local function connect(path)
  local deadline = core.monotonic() + BUSY_MILLISECONDS / 1000
  while true do
    local ok, link = pcall(try_to_connect, path)
    if ok then return link end
    if type(link) ~= "table" or link.message ~= "database is locked" or core.monotonic() >= deadline then
      error(link, 0)
    end
    core.sleep(BUSY_PAUSE)
  end
end

local function nothing() end

--- Opens the inbox in a file, and makes the file if there is none. If the file fails later, calls return an error, and
--- work again once the file does.
---@param place {path: string}
---@param settings? marketplace.InboxOptions
---@return table|nil inbox
---@return string? message
---@return string? code inbox_unavailable
function sqlite.open(place, settings)
  local path, clock = place.path, settings and settings.clock or core.now
  if settings and settings.must_exist and not core.file_id(path) then
    return nil, "there is no such file: " .. path, "inbox_unavailable"
  end
  local opened_file
  return sql.open {
    begin = "BEGIN IMMEDIATE", skip_locked = "", lock_lanes = nothing, lock_lanes_of = nothing,
    now = function() return clock() end, number = function(n) return n end,
    -- those that wait look only now and then whether they can write
    let_others = function(seconds) core.sleep(seconds) end,
    connection = reconnecting.new {
      name = "sqlite:" .. path,
      connect = function()
        -- a new file would hide that what was acknowledged is elsewhere
        if opened_file and not core.file_id(path) then
          fail "its file is gone: put it back, or restart to begin a new one"
        end
        local link = connect(path)
        opened_file = core.file_id(path)
        return link
      end,
      -- a file that was moved away would take what is stored from now on with it
      is_current = function() return core.file_id(path) == opened_file end,
    },
  }
end

return sqlite
