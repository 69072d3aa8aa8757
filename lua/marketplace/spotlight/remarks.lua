--- What a log says of an operator's catalogue of which something cannot be used: each once, however often Apple comes.
local core = require "marketplace.core"

local remarks = {}

local Remarks = {}
Remarks.__index = Remarks

local MOST = 1000 -- that are remembered

--- Logs what is left out, and why.
---@param version marketplace.packages.CatalogueVersion
---@param problem string
function Remarks:add(version, problem)
  local key = version.item_id .. problem
  if self.made[key] then return end
  if self.count == MOST then self.made, self.count = {}, 0 end
  self.made[key], self.count = true, self.count + 1
  self.log.write {
    level = "warning", message = "catalogue entry incomplete", at = core.now(), app_id = version.item_id,
    version = version.id, reason = ("left out of what is said of version %s: %s"):format(version.version, problem),
  }
end

--- None so far.
---@param log {write: fun(entry: table)}
function remarks.new(log)
  return setmetatable({ log = log, made = {}, count = 0 }, Remarks)
end

return remarks
