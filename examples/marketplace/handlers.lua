-- A whole marketplace in one file: what App Store Connect announces is fetched or taken down, iPhones are answered,
-- people see a site, and Spotlight's crawler a catalogue. nginx.conf names it; `marketplace serve` takes it, too.
local apps = require "apps" -- a handlers file may require what is beside it
local marketplace = require "marketplace"
local options = require "device"
local site = require "site"

return function(receiver)
  local packages = assert(marketplace.packages { folder = options.packages })
  local device = assert(marketplace.device(options))
  local catalogue = assert(marketplace.spotlight {
    packages = packages, base_url = "https://localhost:8443", app = apps,
  })
  packages:add_callbacks(receiver)
  receiver:on("ping", function() end) -- `marketplace check` has one sent; nothing is to be done, or warned of
  receiver:add_responder(device)
  receiver:add_responder(catalogue)
  receiver:add_responder(site.new(packages, device, catalogue))
end
