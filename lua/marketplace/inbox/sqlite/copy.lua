--- What makes and reads copies of an inbox in a SQLite file: marketplace.inbox.sqlite.backup and .restore. What fails
--- raises as in marketplace.reconnecting.
local core = require "marketplace.core"
local file = require "marketplace.sqlite.file"
local folders = require "marketplace.folders"
local migration = require "marketplace.inbox.sqlite.migration"
local reconnecting = require "marketplace.reconnecting"
local schema = require "marketplace.inbox.sqlite.schema"

local fail = reconnecting.fail

local copy = {}

local WORK_SECONDS = 86400 -- all of a file is read and written, however long that takes
local BODIES_AT_ONCE = 100
local BESIDE = { "-wal", "-shm", "-journal" }

--[[ Files ]]

--- What a call of marketplace.core returned; raises if that is nil.
function copy.checked(result, message)
  if result == nil then fail(message) end
  return result
end

--- The files that SQLite keeps beside a database.
---@param path string
---@return string[] paths of those that are there
function copy.beside(path)
  local found = {}
  for _, suffix in ipairs(BESIDE) do
    if core.file_id(path .. suffix) then found[#found + 1] = path .. suffix end
  end
  return found
end

--- Removes a database that is not complete.
---@param path string
function copy.remove(path)
  for _, one in ipairs(copy.beside(path)) do os.remove(one) end
  os.remove(path)
end

--- Makes an empty file that only its owner can reach, in place of what a killed process left.
---@param path string
function copy.make(path)
  copy.remove(path)
  copy.checked(core.remove_leftovers(path))
  copy.checked(core.replace_file(path, "", "new"))
end

--- Runs work(...) while no other process does what the path stands for. Raises what it raises.
---@param path string
---@param refusal string if another process does
---@return any
function copy.alone(path, refusal, work, ...)
  local lock, message, code = core.lock_file(path .. ".lock")
  if not lock then fail(code == "locked" and refusal or folders.problem(path, message)) end
  local ok, result = pcall(work, ...)
  os.remove(path .. ".lock")
  lock:close()
  if not ok then error(result, 0) end
  return result
end

--[[ Databases ]]

--- Opens a database that is there, whatever is in it.
---@param path string
---@return table link see marketplace.sqlite.link
function copy.open(path)
  local link = copy.checked(file.open { path = path, create = false })
  link:limit(WORK_SECONDS)
  return link
end

--- Runs work(link, ...) with an open database, and closes it.
---@return any
function copy.with(path, work, ...)
  local link = copy.open(path)
  local ok, result = pcall(work, link, ...)
  link:close()
  if not ok then error(result, 0) end
  return result
end

--- Makes one database a copy of another.
---@param from table link
---@param to table link
---@param before? fun(): boolean|nil, string? see marketplace.sqlite's copy_to
function copy.pages(from, to, before)
  copy.checked(from.database:copy_to(to.database, before))
end

--- Leaves a database without a write-ahead log, so that its file is all of it and can be read where nothing can be
--- written.
---@param link table
function copy.make_single(link)
  local mode = link:run("PRAGMA journal_mode = DELETE")[1].journal_mode
  if mode ~= "delete" then fail "its write-ahead log cannot be ended: another process has it open" end
end

--- How many notifications have which state.
---@param link table
---@return table<string, integer>
function copy.counts(link)
  local counts = { ready = 0, leased = 0, done = 0, dead = 0 }
  for _, row in ipairs(link:run "SELECT state, count(*) AS count FROM inbox GROUP BY state") do
    counts[row.state] = row.count
  end
  return counts
end

--- How many notifications there are.
---@param counts table<string, integer>
---@return integer
function copy.total(counts)
  local total = 0
  for _, count in pairs(counts) do total = total + count end
  return total
end

--- Whether a database is an inbox. Another program's has another application id.
---@param link table
---@return boolean
function copy.is_inbox(link)
  return file.pragma(link, "application_id") == schema.APPLICATION_ID
end

--[[ Whether all of an inbox is there ]]

local BODIES = "SELECT seq, id, digest, body FROM inbox JOIN bodies USING (seq) WHERE seq > :seq ORDER BY seq LIMIT " ..
  BODIES_AT_ONCE

-- SQLite has no checksums: what its own check does not see are bytes of a value.
local function check_bodies(link, path)
  local seq = 0
  repeat
    local rows = link:run(BODIES, { seq = seq })
    for _, row in ipairs(rows) do
      if core.sha256(row.body) ~= row.digest:gsub("^unsigned:", "") then
        fail(("%s is damaged: the body of %s is not the one that was stored"):format(path, row.id))
      end
      seq = row.seq
    end
  until #rows == 0
end

local function check_structure(link, path)
  local problem = link:run("PRAGMA integrity_check(1)")[1].integrity_check
  if problem ~= "ok" then fail(("%s is damaged: %s"):format(path, (problem:gsub("%s+", " ")))) end
  local row = link:run("SELECT seq FROM inbox WHERE hash != hash(id) LIMIT 1")[1]
  if row then fail(("%s is damaged: the id in row %d is not the one that was stored"):format(path, row.seq)) end
end

--- Raises unless a database is an inbox that this program can use, all of which can be read. Migrates its tables if
--- they have the former version.
---@param link table
---@param path string for messages
---@return table<string, integer> counts
function copy.verify(link, path)
  if not copy.is_inbox(link) then fail(path .. " is no inbox: name a file that `marketplace inbox backup` made") end
  local version = migration.run(link)
  if version ~= schema.VERSION then
    fail(("the tables of %s have version %d, and this program needs version %d: use the release that made it"):format(
      path, version, schema.VERSION))
  end
  link:limit(WORK_SECONDS)
  check_structure(link, path)
  check_bodies(link, path)
  return copy.counts(link)
end

return copy
