--- Links that have the system install an app. They work on a page whose host is below the domain that is registered
--- with Apple, once a person taps them.
local url = require "marketplace.client.url"

local links = {}

-- In the order of Apple's page.
local PARTS = { "alternativeDistributionPackage", "installVerificationToken", "token", "account", "appShareURL" }

--- A link.
---@param parts {alternativeDistributionPackage: string, installVerificationToken: string, token?: string,
--- account?: string, appShareURL?: string} as they are; they are percent-encoded here
---@return string
function links.install(parts)
  local query = {}
  for _, name in ipairs(PARTS) do
    if parts[name] then query[#query + 1] = ("%s=%s"):format(name, url.encode(parts[name])) end
  end
  return "marketplace-kit://install?" .. table.concat(query, "&")
end

return links
