--- An inbox in SQLite that each process opens when it first uses it: for several processes that were forked from one.
--- It blocks, as nginx's own must not.
local core = require "marketplace.core"
local inbox = require "marketplace.inbox"

local lazy_inbox = {}

---@param path string
---@return table inbox
function lazy_inbox.sqlite(path)
  local opened, pid
  return setmetatable({ durable = true }, {
    __index = function(_, name)
      return function(_, ...)
        if pid ~= core.process_id() then opened, pid = assert(inbox.open("sqlite:" .. path)), core.process_id() end
        return opened[name](opened, ...)
      end
    end,
  })
end

return lazy_inbox
