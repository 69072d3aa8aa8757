-- The receiver over the inbox that MARKETPLACE_INBOX names, with the callbacks: they write each id into a file "ran".
local nginx = require "marketplace.nginx"

local ran

local function note(n)
  ran = ran or assert(io.open(ngx.config.prefix() .. "/ran", "a"))
  assert(ran:write(n.id, "\n"))
end

nginx.init {
  secrets = os.getenv "MARKETPLACE_SECRET", inbox = os.getenv "MARKETPLACE_INBOX", dispatch = true, keep = 0,
  handlers = function(receiver) receiver:on("*", note) end,
}

return nginx.handle
