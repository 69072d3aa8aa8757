-- The receiver as a configuration of nginx has it: over the inbox that MARKETPLACE_INBOX names, or where it names none
-- over one that keeps nothing, so that what is left is all but the storing.
local nginx = require "marketplace.nginx"

local function keeping_nothing()
  local inbox = { durable = true }
  function inbox.put(_, records)
    local outcomes = {}
    for i = 1, #records do outcomes[i] = "stored" end
    return outcomes
  end
  return inbox
end

nginx.init {
  secrets = os.getenv "MARKETPLACE_SECRET", inbox = os.getenv "MARKETPLACE_INBOX" or keeping_nothing(), dict = "seen",
  handlers = function() end,
}

return nginx.handle
