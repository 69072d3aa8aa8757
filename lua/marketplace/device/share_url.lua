--- The page of a version, for the system to share: a template, which is plain, so that a thread of nginx's can fill it
--- in.
local address = require "marketplace.device.address"
local url = require "marketplace.client.url"

local share_url = {}

local NAMES = { appleItemId = "item_id", appleVersionId = "apple_version_id", bundleId = "bundle_id" }

--- Raises what is wrong with a template, without a place.
---@param template string
function share_url.check(template)
  for name in template:gmatch "{([^}]*)}" do
    if not NAMES[name] then
      error(("option 'share_url' has {%s}: it can have {appleItemId}, {appleVersionId} and {bundleId}"):format(name), 0)
    end
  end
  local filled = template:gsub("{%a+}", "1")
  if filled:find "[{}]" or not address.is_usable(filled) then error("option 'share_url' must be an https:// URL", 0) end
end

--- A version's page.
---@param template string that is checked
---@param version {item_id: string, apple_version_id: string, bundle_id: string}
---@return string
function share_url.of(template, version)
  return (template:gsub("{(%a+)}", function(name) return url.encode(version[NAMES[name]]) end))
end

return share_url
