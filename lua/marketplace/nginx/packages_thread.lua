--- Packages in a thread of nginx's: what marketplace.nginx.packages calls there. Each thread's Lua state has a store of
--- its own, which it keeps until nginx closes the state.
---
--- nginx copies arguments and results: plain values and tables only. What is raised here must be a string.
local packages = require "marketplace.packages"

local packages_thread = {}

local opened, entries = {}, {}

local function open(folder)
  if opened[folder] then return opened[folder] end
  local message, code
  opened[folder], message, code = packages.new {
    folder = folder, log = function(entry) entries[#entries + 1] = entry end,
  }
  return opened[folder], message, code
end

local function call(folder, work, ...)
  local p, message, code = open(folder)
  if not p then return { message = message, code = code, entries = entries } end
  local result
  result, message, code = work(p, ...)
  return { result = result, message = message, code = code, entries = entries }
end

--- Has work(packages, ...) done with the packages in a folder.
---@param folder string
---@param work fun(packages: marketplace.Packages, ...): any, string?, string?
---@return {result: any, message?: string, code?: string, entries: table[]} entries: what was logged
function packages_thread.with(folder, work, ...)
  entries = {}
  local ok, answer = pcall(call, folder, work, ...)
  if not ok then error(tostring(answer), 0) end
  return answer
end

local function call_method(p, method, ...)
  return p[method](p, ...)
end

--- Calls a method of the packages in a folder.
---@param folder string
---@param method string
---@return table see packages_thread.with
function packages_thread.call(folder, method, ...)
  return packages_thread.with(folder, call_method, method, ...)
end

return packages_thread
