--- In which countries Spotlight is to find a version: Apple's events have three letters, Spotlight takes two.
local availability = require "marketplace.packages.store.availability"
local json = require "marketplace.json"
local territories = require "marketplace.territories"

local countries = {}

--- Checks the option `territories`. Raises what is wrong with it, without a place.
---@param list string[]
function countries.check(list)
  if #list == 0 then error("option 'territories' is empty", 0) end
  for _, code in ipairs(list) do
    if not territories.ALPHA2[code] then
      error(("option 'territories' has %s, which is no ISO 3166 alpha-3 code, such as \"DEU\""):format(
        type(code) == "string" and ("%q"):format(code) or "a " .. type(code)), 0)
    end
  end
end

--- The countries of a version, in the order of their codes.
---@param where table<string, boolean> as of packages:catalogue
---@param list string[] the marketplace's territories
---@return string[]
function countries.of(where, list)
  local codes, seen = json.list {}, {}
  for _, territory in ipairs(list) do
    local code = territories.ALPHA2[territory]
    if not seen[code] and availability.in_territory(where, territory) then
      seen[code] = true
      codes[#codes + 1] = code
    end
  end
  table.sort(codes)
  return codes
end

return countries
