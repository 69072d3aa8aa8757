-- A whole marketplace in one file: what App Store Connect announces is fetched or taken down, iPhones are answered, and
-- people see a site. nginx.conf names it; `marketplace serve` and `marketplace work` take it, too.
local marketplace = require "marketplace"
local options = require "device" -- a handlers file may require what is beside it
local site = require "site"

return function(receiver)
  local packages = assert(marketplace.packages { folder = options.packages })
  local device = assert(marketplace.device(options))
  packages:add_callbacks(receiver)
  receiver:add_responder(device)
  receiver:add_responder(site.new(packages, device))
end
