--- Packages in nginx: what callbacks and answers to devices need of marketplace.packages, each call in a thread of
--- nginx's, so that no worker waits for the disk. Downloads are the work of `marketplace packages work`.
local core = require "marketplace.core"
local from_prefix = require "marketplace.nginx.from_prefix"
local log = require "marketplace.log"
local threads = require "marketplace.nginx.threads"

local packages = {}

local MODULE = "marketplace.nginx.packages_thread"

local Packages = {}
Packages.__index = Packages

local function unavailable(message)
  return nil, message, "store_unavailable"
end

-- The path of the store once it has been there: no thread must make it anew then.
local function store_of(self)
  self.was_there = self.was_there or core.file_id(self.store) ~= nil
  return self.was_there and self.store or nil
end

--- Calls the function `call` of a module in a thread, for the packages in this folder. See
--- marketplace.nginx.packages_thread.
---@param module string
---@return any result
---@return string? message
---@return string? code
function Packages:in_thread(module, ...)
  local answer, problem = threads.call_in_turn(module, self.folder, store_of(self), ...)
  if not answer then return unavailable(("packages in %s: %s"):format(self.folder, problem)) end
  for _, entry in ipairs(answer.entries) do self.target.write(entry) end
  if answer.code or answer.message then return nil, answer.message, answer.code end
  return answer.result
end

local PASSED_ON = {
  "request", "withdraw", "restore", "hold", "release", "current", "served", "licensable", "catalogue",
  "catalogue_pages", "list", "overview", "totals", "jobs", "show", "territories", "holds", "key_blob",
}

for _, method in ipairs(PASSED_ON) do
  Packages[method] = function(self, ...) return self:in_thread(MODULE, method, ...) end
end

--- As marketplace.packages has it.
---@param receiver table
function Packages:add_callbacks(receiver)
  require("marketplace.packages.callbacks").add(self, receiver)
end

--- The threads keep the store open until the worker ends.
function Packages.close() end

--- The packages in a folder, which is opened when it is first needed.
---@param given marketplace.PackagesOptions checked; those for downloads do not matter here
---@return table|nil packages
---@return string? message
---@return string? code not_installed
function packages.open(given)
  if not threads.are_there() then
    return nil, "packages: this nginx cannot run Lua in threads, which needs nginx --with-threads and its module " ..
      "for Lua from 0.10.21 on: run the callbacks with `marketplace work`", "not_installed"
  end
  local place = from_prefix(given.folder)
  local self = setmetatable({
    folder = place, store = place .. "/state/store.db", was_there = false, target = log.target(given.log),
  }, Packages)
  store_of(self)
  return self
end

return packages
