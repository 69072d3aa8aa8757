--- The file with a server's process id, which says which process to signal. A server that crashed leaves its file, and
--- another process may get its id: that one must not be signalled. So a server holds a lock on its file while it lives,
--- and one that does not lock it, such as nginx, must at least have started before the file was written.
local core = require "marketplace.core"
local folders = require "marketplace.folders"
local text = require "marketplace.text"

local pid_file = {}

local TICKS = 100     -- a second, in /proc (Linux: USER_HZ)
local START_TIME = 20 -- its place among the fields after the command's name (man 5 proc)
local SLACK = 2       -- seconds: the times of files are whole ones here

--- Writes this process's id, which is found as long as the lock is held. Replaces the file of another process.
---@param path string
---@return table|nil lock
---@return string? message
function pid_file.write(path)
  local lock, message = core.replace_locked(path, core.process_id() .. "\n")
  if not lock then return nil, folders.problem(path, "the pid file cannot be written: " .. message) end
  return lock
end

--- Removes the file, unless another process has written it since.
---@param path string
---@param lock table
function pid_file.remove(path, lock)
  if core.read_file(path) == core.process_id() .. "\n" then os.remove(path) end
  lock:close()
end

local function first_line(path)
  local bytes = core.read_file(path)
  return bytes and bytes:match("^[^\n]*")
end

-- When a process started, in seconds since the epoch; nil if there is none.
local function started_at(pid)
  local status, uptime = first_line(("/proc/%d/stat"):format(pid)), first_line("/proc/uptime")
  local fields = status and status:match("^.*%)(.*)$")
  if not fields or not uptime then return nil end
  local place = 0
  for field in fields:gmatch("%S+") do
    place = place + 1
    if place == START_TIME then return core.now() - tonumber(uptime:match("^%S+")) + tonumber(field) / TICKS end
  end
end

local function problem_of(path, pid, written_at)
  if core.is_locked(path) then return nil end
  local began = started_at(pid)
  if not began and not first_line("/proc/uptime") then
    return ("nothing shows that process %d wrote the pid file %s"):format(pid, path)
  end
  if not began then
    return ("the pid file %s names process %d, which has ended: is the receiver running?"):format(path, pid)
  end
  if began > written_at + SLACK then
    return ("the pid file %s names process %d, which started after the file was written: it is another process"):format(
      path, pid)
  end
end

--- The id of the process that wrote a file.
---@param path string
---@return integer|nil
---@return string? message
function pid_file.find(path)
  local found, message = core.stat(path)
  if not found then return nil, "the pid file cannot be read: " .. message end
  if found.type ~= "file" then return nil, "the pid file is not a regular file: " .. path end
  local bytes, problem = core.read_file(path)
  if not bytes then return nil, "the pid file cannot be read: " .. problem end
  local line = text.trim(bytes)
  local pid = line:find("^%d+$") and #line <= 10 and tonumber(line)
  if not pid or pid <= 1 then
    return nil, ("the pid file holds no process id: %s: name the one that the receiver writes"):format(path)
  end
  problem = problem_of(path, pid, found.changed_at)
  if problem then return nil, problem end
  return pid
end

return pid_file
