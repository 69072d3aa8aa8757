--- What a licence needs of the assets of some apps: whether the app's version may be distributed, and the asset's key
--- blob. A device names both the app and the asset, so a blob is only given of an asset of that very version: otherwise
--- whoever may have one app would get the key of another.
local licensable = {}

--- See Packages:licensable.
---@param p marketplace.Packages
---@param given marketplace.PackageLicensableOptions
function licensable.of(p, given)
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
