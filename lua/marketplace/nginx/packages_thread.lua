--- Packages in a thread of nginx's: what marketplace.nginx.packages calls there. Each thread's Lua state has a store of
--- its own, which it keeps until nginx closes the state.
---
--- nginx copies arguments and results: plain values and tables only. What is raised here must be a string.
local core = require "marketplace.core"
local packages = require "marketplace.packages"

local packages_thread = {}

local opened, entries = {}, {}

local function open(folder, store)
  if opened[folder] then return opened[folder] end
  if store and not core.file_id(store) then
    return nil, store .. " is gone: put it back, or restore a backup of it", "store_unavailable"
  end
  local message, code
  opened[folder], message, code = packages.new {
    folder = folder, log = function(entry) entries[#entries + 1] = entry end,
  }
  return opened[folder], message, code
end

local function call(folder, store, work, ...)
  local p, message, code = open(folder, store)
  if not p then return { message = message, code = code, entries = entries } end
  local result
  result, message, code = work(p, ...)
  return { result = result, message = message, code = code, entries = entries }
end

--- Has work(packages, ...) done with the packages in a folder.
---@param folder string
---@param store string|nil path of its store, which must be there: a new one would hide what the lost one knows; nil: it
--- need not be there yet
---@param work fun(packages: marketplace.Packages, ...): any, string?, string?
---@return {result: any, message?: string, code?: string, entries: table[]} entries: what was logged
function packages_thread.with(folder, store, work, ...)
  entries = {}
  local ok, answer = pcall(call, folder, store, work, ...)
  if not ok then error(tostring(answer), 0) end
  return answer
end

local function call_method(p, method, ...)
  return p[method](p, ...)
end

--- Calls a method of the packages in a folder.
---@param folder string
---@param store string|nil
---@param method string
---@return table see packages_thread.with
function packages_thread.call(folder, store, method, ...)
  return packages_thread.with(folder, store, call_method, method, ...)
end

return packages_thread
