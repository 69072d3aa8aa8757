--- What ends the way to an app: an error of MarketplaceKit's, by Apple's name, and why it came to it.
---
--- The errors are documented by their names alone. Where Apple does not say which one a device shows, it is `unknown`.
local json = require "marketplace.json"
local text = require "marketplace.text"

local problem = {}

local SHOWN_BYTES = 200

local Problem = {}

--- Raises one.
---@param name string of MarketplaceKitError, such as "invalidManifest"; in snake_case: what has no name there
---@param form string of the reason, as of string.format
function problem.raise(name, form, ...)
  error(setmetatable({ name = name, reason = form:format(...) }, Problem), 0)
end

--- Calls a function. What it raises otherwise goes on.
---@param f function
---@return any result nil if it raised a problem
---@return string? reason
---@return string? name
function problem.caught(f, ...)
  local ok, result = pcall(f, ...)
  if ok then return result end
  if getmetatable(result) ~= Problem then error(result, 0) end
  return nil, result.reason, result.name
end

--- A value from outside, as a reason shows it.
---@param value any
---@return string
function problem.shown(value)
  if value == nil then return "missing" end
  if value == json.null then return "null" end
  if type(value) == "table" then return json.is_list(value) and "a list" or "an object" end
  if type(value) ~= "string" then return tostring(value) end
  return '"' .. text.safe(text.cut(value, SHOWN_BYTES)) .. '"'
end

return problem
