--- The SQLite inbox in a thread of nginx's: what marketplace.nginx.sqlite calls there. Each thread's Lua state has
--- connections of its own, which it keeps.
---
--- nginx copies arguments and results: plain values and tables only. What is raised here must be a string.
local core = require "marketplace.core"
local sqlite = require "marketplace.inbox.sqlite"

local sqlite_thread = {}

local opened = {}
local told_now -- the time that the current call is to have, nil for the machine's

local function clock()
  return told_now or core.now()
end

local function call(path, must_exist, method, ...)
  local inbox = opened[path]
  if not inbox then
    local message, code
    inbox, message, code = sqlite.open({ path = path }, { must_exist = must_exist, clock = clock })
    if not inbox then return { message = message, code = code } end
    opened[path] = inbox
  end
  local result, message, code = inbox[method](inbox, ...)
  return { result = result, message = message, code = code }
end

--- Calls a method of the inbox in a file.
---@param path string
---@param must_exist boolean do not make the file
---@param now number|nil seconds since the epoch, default the machine's
---@param method string
---@return {result: any, message?: string, code?: string}
function sqlite_thread.call(path, must_exist, now, method, ...)
  told_now = now
  local ok, answer = pcall(call, path, must_exist, method, ...)
  if not ok then error(tostring(answer), 0) end
  return answer
end

return sqlite_thread
