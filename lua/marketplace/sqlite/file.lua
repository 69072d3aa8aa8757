--- A SQLite file with tables of this project's: whose it is, says the application id in its header. What fails raises
--- as in marketplace.reconnecting.
local fail = require("marketplace.reconnecting").fail
local links = require "marketplace.sqlite.link"

local file = {}

--- Raises if the engine, which is a module of its own, is not installed.
---@param needed_by string "an inbox in SQLite", for the message
function file.need_engine(needed_by)
  if pcall(require, "marketplace.sqlite") then return end
  fail(needed_by .. " needs marketplace.sqlite: luarocks install lua-marketplace-sqlite")
end

--- What SQLite said, and what to do if it said that the file is damaged.
---@param message string
---@param advice string
---@return string
function file.advised(message, advice)
  if not (message:find("SQLITE_CORRUPT", 1, true) or message:find("SQLITE_NOTADB", 1, true)) then return message end
  return ("%s; %s"):format(message, advice)
end

--- Opens a file. The engine must be there.
---@param given {path: string, create?: boolean, holders?: string} holders: a file whose mode a new one gets
---@return table|nil link see marketplace.sqlite.link
---@return string? message
---@return string? code "file_missing": there is none, and none is to be made
function file.open(given)
  local database, message, code = require("marketplace.sqlite").open(given)
  if not database then return nil, message, code end
  return links.new(database)
end

--- A value of the file's.
---@param link table
---@param name string of the pragma
---@return any
function file.pragma(link, name)
  return link:run("PRAGMA " .. name)[1][name]
end

--- The version of the tables. The rest of what SQLite has as the user's version counts commits.
---@param link table
---@return integer
function file.version(link)
  return file.pragma(link, "user_version") % 256
end

--- Whether the tables are there. Another program's database must not become one of this project's. Another process may
--- make them meanwhile, and the id with them: so the id is read last.
---@param link table
---@param path string
---@param application_id integer
---@return boolean
function file.has_tables(link, path, application_id)
  local count = link:run("SELECT count(*) AS count FROM sqlite_master")[1].count
  local id = file.pragma(link, "application_id")
  if id == application_id then return true end
  if id ~= 0 or count > 0 then
    fail(path .. " is another program's database: name another file")
  end
  return false
end

--- Makes the tables if they are not there.
---@param link table
---@param path string
---@param schema {APPLICATION_ID: integer, make: fun(run: fun(statement: string, values?: table): table[])}
function file.make_tables(link, path, schema)
  link:begin()
  if not file.has_tables(link, path, schema.APPLICATION_ID) then
    schema.make(function(...) return link:run(...) end)
  end
  link:commit()
end

return file
