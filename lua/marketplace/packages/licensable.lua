--- What a licence needs of the assets of some apps: whether the app's version may be distributed, and the asset's key
--- blob. A device names both the app and the asset, so a blob is only given of an asset of that very version: otherwise
--- whoever may have one app would get the key of another.
local ids = require "marketplace.packages.ids"
local options = require "marketplace.options"

local licensable = {}

---@class marketplace.PackageLicensableOptions
---@field apps {item_id: string, apple_version_id: string, public_id: string}[] Apple's ids of apps, of their versions
--- and of one asset of each
---@field territory? string ISO 3166 alpha-3 code; default those that no event of Apple's names
local LICENSABLE = { apps = "!table", territory = "string" }

local function check(given)
  options.check("packages:licensable", given, LICENSABLE, 5)
  if given.territory and not ids.is_territory(given.territory) then
    error("packages:licensable: option 'territory' must be an ISO 3166 alpha-3 code, such as \"DEU\"", 4)
  end
  for i, app in ipairs(given.apps) do
    for _, name in ipairs { "item_id", "apple_version_id", "public_id" } do
      if type(app) ~= "table" or type(app[name]) ~= "string" then
        error(("packages:licensable: apps[%d] needs '%s', a string"):format(i, name), 4)
      end
    end
  end
end

--- See Packages:licensable.
---@param p marketplace.Packages
---@param given marketplace.PackageLicensableOptions
function licensable.of(p, given)
  check(given)
  local served, message, code = p.store:served(given)
  if not served then return nil, message, code end
  local blobs
  blobs, message, code = p.keys:of_assets(given.apps)
  if not blobs then return nil, message, code end
  local list = {}
  for i, one in ipairs(served) do
    local is_available = one.outcome == "served"
    list[i] = { available = is_available, key_blob = is_available and blobs[i] }
  end
  return list
end

return licensable
