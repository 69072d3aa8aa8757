--- The SQLite inbox in a thread of nginx's: what marketplace.nginx.sqlite calls there. Each thread's Lua state has
--- connections of its own, which it keeps until nginx closes the state, as it does when its worker ends, also after a
--- reload. A worker that is killed leaves the log of the file, which whoever opens it next reads. No connection gets
--- into another process: nginx's master, which forks the workers, has no threads.
---
--- nginx copies arguments and results: plain values and tables only. What is raised here must be a string.
local core = require "marketplace.core"
local sqlite = require "marketplace.inbox.sqlite"

local sqlite_thread = {}

local opened = {}

-- Of the current call: the time that it is to have, nil for the machine's; what an operator is to be told, nil for
-- nothing.
local told_now, warnings

local function clock()
  return told_now or core.now()
end

local function warn(message)
  warnings = warnings or {}
  warnings[#warnings + 1] = message
end

local function call(path, must_exist, method, ...)
  local inbox = opened[path]
  if not inbox then
    local message, code
    inbox, message, code = sqlite.open({ path = path }, { must_exist = must_exist, clock = clock, warn = warn })
    if not inbox then return { message = message, code = code, warnings = warnings } end
    opened[path] = inbox
  end
  local result, message, code = inbox[method](inbox, ...)
  return { result = result, message = message, code = code, warnings = warnings }
end

--- Calls a method of the inbox in a file.
---@param path string
---@param must_exist boolean do not make the file
---@param now number|nil seconds since the epoch, default the machine's
---@param method string
---@return {result: any, message?: any, code?: string, warnings?: string[]} message: without a code, what the method
--- returned behind its result
function sqlite_thread.call(path, must_exist, now, method, ...)
  told_now, warnings = now, nil
  local ok, answer = pcall(call, path, must_exist, method, ...)
  if not ok then error(tostring(answer), 0) end
  return answer
end

return sqlite_thread
