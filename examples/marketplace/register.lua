-- Tells App Store Connect, once, what it has to know of a marketplace: the domain, the public key that verifies install
-- tokens, and where Spotlight's crawler finds the catalogue. register.lua DOMAIN PUBLIC_KEY.pem APP CATALOG_URL, where
-- APP is the marketplace's own, prints the key's id, which tokens have to name. The account's API key is in
-- MARKETPLACE_KEY_FILE, MARKETPLACE_KEY_ID and MARKETPLACE_ISSUER_ID.
local marketplace = require "marketplace"

local domain, path = assert(arg[1], "which domain?"), assert(arg[2], "which public key?")
local app, catalog_url = assert(arg[3], "which app?"), assert(arg[4], "which address has the catalogue?")

local client = assert(marketplace.client {
  key_file = os.getenv "MARKETPLACE_KEY_FILE", key_id = os.getenv "MARKETPLACE_KEY_ID",
  issuer_id = os.getenv "MARKETPLACE_ISSUER_ID", base_url = os.getenv "MARKETPLACE_API_URL", -- nil: Apple's
})

local file = assert(io.open(path))
local public_key = file:read "*a"
file:close()

assert(client.alternativeDistributionDomains:create { domain = domain, referenceName = domain })
assert(client.marketplaceSearchDetails:create { app = app, catalogUrl = catalog_url })
print(assert(client.alternativeDistributionKeys:create { publicKey = public_key }).id)
