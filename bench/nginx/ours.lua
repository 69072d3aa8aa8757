-- The receiver as a configuration of nginx has it, over the inbox that MARKETPLACE_INBOX names; by default in memory,
-- and then with the callbacks.
local nginx = require "marketplace.nginx"

local inbox = os.getenv "MARKETPLACE_INBOX" or "memory"

nginx.init {
  secrets = os.getenv "MARKETPLACE_SECRET", inbox = inbox, dispatch = inbox == "memory", dict = "marketplace",
  handlers = function(receiver) receiver:on("*", function() end) end,
}

return nginx.handle
