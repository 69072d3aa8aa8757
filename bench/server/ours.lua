-- The server as `marketplace serve` runs it, without its log lines: ours.lua
local marketplace = require "marketplace"
local server = require "marketplace.server"

local handled = 0
local function silent() end

local receiver = marketplace.receiver { secrets = os.getenv "MARKETPLACE_SECRET" }
receiver:on("version_available", function(n)
  if n.app_id and n.package_version_id then handled = handled + 1 end
end)

local listener = assert(server.open { receiver = receiver, log = silent })
local _, port = listener:address()
print(port)
io.stdout:flush()
listener:run()
io.stderr:write("handled ", handled, "\n")
