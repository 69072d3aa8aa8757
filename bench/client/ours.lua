-- The same requests with the client: ours.lua BASE-URL COUNT KEY-FILE. Writes the microseconds that one took.
local core = require "marketplace.core"
local marketplace = require "marketplace"

local base_url, count, key_file = arg[1], tonumber(arg[2]), arg[3]
local client = assert(marketplace.client {
  key_file = key_file, key_id = "K1", issuer_id = "57246542-96fe-1a63-e053-0824d011072a", base_url = base_url,
})
local started = core.monotonic()
for _ = 1, count do assert(client.webhooks:get "w1") end
print(("%.2f"):format((core.monotonic() - started) / count * 1e6))
