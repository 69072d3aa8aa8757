--- Backups of an inbox in a SQLite file, made while other processes use it.
---
--- A backup is written beside its place, verified, synced and renamed: a process that is killed leaves no half of one.
local copy = require "marketplace.inbox.sqlite.copy"
local core = require "marketplace.core"
local reconnecting = require "marketplace.reconnecting"
local runtime = require "marketplace.runtime"

local fail, unpack = reconnecting.fail, runtime.unpack

local backup = {}

-- The inbox's own files must not be overwritten, under whatever name.
local function check_is_other(path, file)
  local id = core.file_id(file)
  for _, own in ipairs { path, path .. "-holders", unpack(copy.beside(path)) } do
    if id and core.file_id(own) == id then fail(file .. " belongs to the inbox itself: name another file") end
  end
end

local function check_place(path, file, replaces)
  local found = core.stat(file)
  if found and found.type ~= "file" then fail(file .. " is not a regular file: name another one") end
  check_is_other(path, file)
  if found and not replaces then fail(file .. " exists already: name another file, or give --replace") end
  local beside = copy.beside(file)[1]
  if beside then
    fail(("%s lies there, which SQLite would take for a part of the backup: move it away, or name another file"):format(
      beside))
  end
end

-- One snapshot, of which others' later changes are no part.
local function copy_snapshot(source, target)
  source:run "BEGIN"
  local counts = copy.counts(source)
  copy.pages(source, target)
  source:run "COMMIT"
  return counts
end

local function verify(link, path, expected)
  local counts = copy.verify(link, path)
  for state, count in pairs(expected) do
    if counts[state] ~= count then
      fail(("the copy of %s has %d that are %s instead of %d"):format(path, counts[state], state, count))
    end
  end
  copy.make_single(link)
  return counts
end

--- Copies an inbox into a file, and reads all of the copy.
---@param path string of the inbox
---@param file string whatever is there is replaced
---@return table<string, integer> counts
function backup.copy(path, file)
  copy.make(file)
  local ok, result = pcall(function()
    local counts = copy.with(path, function(source) return copy.with(file, function(target)
      return copy_snapshot(source, target)
    end) end)
    return copy.with(file, verify, path, counts)
  end)
  if ok then return result end
  copy.remove(file)
  error(result, 0)
end

local function write(path, file, replaces)
  check_place(path, file, replaces)
  local partial = file .. ".partial"
  local counts = backup.copy(path, partial)
  local ok, message = core.put_in_place(partial, file)
  if ok then return counts end
  copy.remove(partial)
  fail(message)
end

--- Makes a backup.
---@param path string of the inbox, which can be opened, so that its tables are those of this program
---@param file string where the backup is to be
---@param replaces boolean whether a file that is there is replaced
---@return table<string, integer>|nil counts of the notifications in it, by state
---@return string? message
function backup.make(path, file, replaces)
  file = core.real_path(file) or file
  return reconnecting.outcome(pcall(copy.alone, file, "another process is making the backup " .. file, write,
    core.real_path(path), file, replaces))
end

return backup
