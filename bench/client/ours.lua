-- The same requests with the client: ours.lua BASE-URL WEBHOOK COUNT KEY-FILE [CA-FILE]. Writes the microseconds that
-- one took.
local core = require "marketplace.core"
local marketplace = require "marketplace"

local base_url, id, count, key_file, ca_file = arg[1], arg[2], tonumber(arg[3]), arg[4], arg[5]
local client = assert(marketplace.client {
  key_file = key_file, key_id = "SIMULATED1", issuer_id = "57246542-96fe-1a63-e053-0824d011072a", base_url = base_url,
  ca_file = ca_file,
})
local started = core.monotonic()
for _ = 1, count do assert(client.webhooks:get(id)) end
print(("%.2f"):format((core.monotonic() - started) / count * 1e6))
