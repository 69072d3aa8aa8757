--- The files of an inbox in SQLite: the database, what SQLite keeps beside it while it is open, and the holders'.
local core = require "marketplace.core"
local file_mode = require "marketplace.file_mode"
local limits = require "marketplace.inbox.sqlite.limits"

local files = {}

local function real_path(path) return core.real_path(path) or path end

--- The path from the root: a daemon changes its working folder. Not that of a link's target, which can change.
---@param path string
---@return string
function files.absolute(path)
  if path:sub(1, 1) == "/" then return path end
  local here = core.real_path "."
  return here and here:gsub("/$", "") .. "/" .. path or path
end

--- Warns if others than their owner can read or change them.
---@param path string of the database
---@param warn fun(message: string)
function files.check(path, warn)
  local real = real_path(path)
  file_mode.check(warn, real, real .. "-wal", real .. "-shm", real .. "-holders")
end

--[[ The size of the log ]]

---@class marketplace.inbox.sqlite.LogWatch
---@field path string of the database
---@field warn fun(message: string)
---@field commits integer since the last look
---@field is_told boolean
local LogWatch = {}
LogWatch.__index = LogWatch

local TOO_LARGE = "%s-wal is larger than %d MiB, and grows: a program that has not ended a transaction on it, or is " ..
  "stopped, keeps SQLite from writing it back: end that program; `fuser -v %s` names those that have the file open"

--- To be called after each commit. Warns once, and again after the log was small in between.
function LogWatch:look()
  self.commits = self.commits + 1
  if self.commits < limits.commits then return end
  self.commits = 0
  local real = real_path(self.path)
  local log = core.stat(real .. "-wal")
  local is_large = log ~= nil and log.size > limits.log_bytes
  if is_large and not self.is_told then self.warn(TOO_LARGE:format(real, limits.log_bytes / 2 ^ 20, real)) end
  self.is_told = is_large
end

--- Watches the size of the log of a database.
---@param path string
---@param warn fun(message: string)
---@return marketplace.inbox.sqlite.LogWatch
function files.watch_log(path, warn)
  return setmetatable({ path = path, warn = warn, commits = 0, is_told = false }, LogWatch)
end

return files
