-- Has the packages that App Store Connect announces fetched, and takes down what must go. The callbacks write down what
-- is wanted; `marketplace packages work`, with the same folder, fetches it.
local marketplace = require "marketplace"

return function(receiver)
  local packages = assert(marketplace.packages { folder = os.getenv "MARKETPLACE_PACKAGES" or "packages" })
  packages:add_callbacks(receiver)
end
