--- A file of JSON in which a task that can be interrupted keeps what it has done so far.
---
--- One process at a time uses it, by a lock on PATH.lock. It is checked when it is read, and replaced whole and synced
--- when it is written, so that a process that is killed leaves the old state or the new one. Its permissions are 0600.
local core = require "marketplace.core"
local folders = require "marketplace.folders"
local json = require "marketplace.json"

local state_file = {}

---@class marketplace.StateFile
---@field path string
---@field state table|nil what `parse` made of the file; nil if there is no file
local StateFile = {}
StateFile.__index = StateFile

--[[ The file system, for which specs have one of their own ]]

local function read(path)
  local found = core.stat(path)
  -- another kind of file could make its reader wait for ever
  if found and found.type ~= "file" then return nil, path .. ": it is not a regular file", "file_failed" end
  return core.read_file(path)
end

local function remove(path)
  local ok, message = os.remove(path)
  if not ok then return nil, message, "file_failed" end
  return true
end

local function is_locked(path)
  if not core.file_id(path) then return false end
  return core.is_locked(path)
end

--- What touches the disk:
---   read(path) -> bytes; code "file_missing" if there is no such file
---   replace(path, bytes, "new" or nil) -> true; atomic and synced; "new": only if there is no such file
---   remove(path) -> true
---   lock(path) -> {close()}; code "locked"
---   is_locked(path) -> boolean
---   clean(path) -> true: removes what killed calls of `replace` left
--- Each returns nil, a message and a code if it fails.
state_file.FILES = {
  read = read, replace = core.replace_file, remove = remove, lock = core.lock_file, is_locked = is_locked,
  clean = core.remove_leftovers,
}

--[[ Opening ]]

local function invalid(self, problem)
  return nil, ("the state of the %s %s: %s. %s"):format(self.task, problem, self.path, self.advice), "state_invalid"
end

local function load(self)
  local bytes, message, code = self.files.read(self.path)
  if not bytes and code == "file_missing" then return true end
  if not bytes then return nil, ("the state of the %s cannot be read: %s"):format(self.task, message), code end
  local document = json.decode(bytes)
  if type(document) ~= "table" then return invalid(self, "is damaged") end
  if type(document.version) == "number" and document.version ~= self.version then
    return invalid(self, ("has version %.17g, and this program reads version %d"):format(document.version,
      self.version))
  end
  self.exists, self.state = true, document.version == self.version and self.parse(document) or nil
  if not self.state then return invalid(self, "is damaged") end
  return true
end

local function take_lock(self)
  local lock, message, code = self.files.lock(self.path .. ".lock")
  if lock then
    self.lock = lock
    return self.files.clean(self.path)
  end
  if code == "locked" then
    return nil, ("another %s is running with this state: %s"):format(self.task, self.path), code
  end
  return nil, folders.problem(self.path, message), code
end

---@class marketplace.StateFileOptions
---@field path string
---@field task string what the state belongs to, in one word, for messages
---@field version integer of the format
---@field parse fun(document: table): table|nil the state in a document of that version; nil if it is damaged
---@field advice string a sentence without its period: what to do if the file cannot be used
---@field read_only? boolean take no lock
---@field files? table in place of state_file.FILES

--- Opens a state, whose file need not exist.
---@param given marketplace.StateFileOptions
---@return marketplace.StateFile|nil
---@return string? message
---@return string? code locked, state_invalid, file_failed
function state_file.open(given)
  local self = setmetatable({
    path = given.path, task = given.task, version = given.version, parse = given.parse, advice = given.advice,
    files = given.files or state_file.FILES, state = nil, exists = false, lock = nil,
  }, StateFile)
  local ok, message, code = true, nil, nil
  if not given.read_only then ok, message, code = take_lock(self) end
  if ok then ok, message, code = load(self) end
  if ok then return self end
  self:close()
  return nil, message, code
end

--[[ What can be done with an open one ]]

--- Whether this process or another has it open for writing.
---@return boolean|nil
---@return string? message
---@return string? code file_failed
function StateFile:is_locked()
  return self.files.is_locked(self.path .. ".lock")
end

--- Writes a state. The first write fails if another process has made the file meanwhile.
---@param document table gets a `version`
---@return true|nil
---@return string? message
---@return string? code file_failed, file_exists
function StateFile:save(document)
  document.version = self.version
  local how = not self.exists and "new" or nil
  local ok, message, code = self.files.replace(self.path, json.encode(document) .. "\n", how)
  if not ok then return nil, ("the state of the %s cannot be written: %s"):format(self.task, message), code end
  self.exists = true
  return true
end

--- Removes the file: the task is done.
---@return true|nil
---@return string? message
---@return string? code file_failed
function StateFile:remove()
  local ok, message, code = self.files.remove(self.path)
  if not ok then return nil, ("the state of the %s cannot be removed: %s"):format(self.task, message), code end
  return true
end

--- Releases the lock, so that another process can open it.
function StateFile:close()
  if not self.lock then return end
  self.files.remove(self.path .. ".lock")
  self.lock:close()
  self.lock = nil
end

return state_file
