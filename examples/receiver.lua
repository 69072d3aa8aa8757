-- A receiver as a program of its own, for when `marketplace serve` is not enough: it controls the inbox, the server and
-- the loop itself.
--
--     MARKETPLACE_SECRET=... lua5.4 examples/receiver.lua [PORT]
local log = require "marketplace.log"
local marketplace = require "marketplace"
local secret_file = require "marketplace.secret_file"
local server = require "marketplace.server"

local inbox = assert(marketplace.inbox(os.getenv "MARKETPLACE_INBOX" or "sqlite:marketplace.db"))
local receiver = marketplace.receiver {
  secrets = secret_file.lines(assert(os.getenv "MARKETPLACE_SECRET", "MARKETPLACE_SECRET is not set")),
  inbox = inbox,
}

receiver:on("*", function(n)
  print(("%s %s"):format(n.event, n.app_id or ""))
  io.stdout:flush()
end)

local served = assert(server.open {
  receiver = receiver, port = tonumber(arg[1] or 8080), log = log.text(io.stderr),
})
print("url=" .. select(3, served:address()))
io.stdout:flush()
served:run()
inbox:close()
