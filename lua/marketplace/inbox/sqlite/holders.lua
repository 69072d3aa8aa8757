--- Who has leases in an inbox in a SQLite file: the number of this process's holder, and whether another one has died.
---
--- A holder lives as long as its process has a file open, PATH-holders beside the database at PATH: see
--- csrc/sqlite/holder.h. A child that was forked without exec keeps its parent's file open, and some file systems have
--- no such locks: then the end of a lease decides.
local core = require "marketplace.core"

local holders = {}

-- Whoever has an open inbox has it; whoever has not need not have it installed.
local function sqlite() return require "marketplace.sqlite" end

local function nothing() end

---@class marketplace.inbox.sqlite.Holders
---@field database string path
---@field warn fun(message: string)
---@field own_holder? table of marketplace.sqlite
---@field file? string where own_holder has its lock
---@field file_id? string of that file
---@field warned table<string, true> what an operator was told
local Holders = {}
Holders.__index = Holders

--- The path of the file. As SQLite does with its own, beside the database itself and not beside a link to it: those
--- that use the link and those that do not must see each other.
---@return string
function Holders:path()
  return (core.real_path(self.database) or self.database) .. "-holders"
end

--- Makes the file if there is none, its owner's alone.
---@return true|nil
---@return string? message
---@return string? code file_failed
function Holders:make()
  return sqlite().make_holders(self:path())
end

-- The number of the holder that there is. One whose file was removed or replaced is of no use: nobody would see it.
local function current(self)
  local number = self.own_holder and self.own_holder:number()
  if number and core.file_id(self.file) == self.file_id then return number end
  return nil
end

local function tell(self, message)
  if self.warned[message] then return end
  self.warned[message] = true
  self.warn(message .. ": what a process that died had leased runs again only once its lease has ended")
end

--- The number of this process's holder: made at the first call, and made anew in another process, as after a fork,
--- after `renew`, and if its file is another one.
---@return integer|nil number nil if there can be none, which `warn` is told once
function Holders:own()
  local number = current(self)
  if number then return number end
  self:renew()
  local path = self:path()
  local holder, message = sqlite().holder(path)
  if not holder then
    tell(self, message)
    return nil
  end
  self.own_holder, self.file, self.file_id = holder, path, core.file_id(path)
  return holder:number()
end

--- Whether a holder has surely died.
---@param number integer
---@return boolean
function Holders:is_dead(number)
  return sqlite().is_held(self:path(), number) == false
end

--- Gives up this process's holder: what it has leased is a dead one's then.
function Holders:renew()
  if self.own_holder then self.own_holder:close() end
  self.own_holder = nil
end

--- The same at the end. May be called again.
Holders.close = Holders.renew

--- Who has leases in the inbox in a file.
---@param database string path of the database, which need not be there yet
---@param warn? fun(message: string) is told why a process's death cannot be seen
---@return marketplace.inbox.sqlite.Holders
function holders.new(database, warn)
  return setmetatable({ database = database, warn = warn or nothing, own_holder = nil, warned = {} }, Holders)
end

return holders
