-- A receiver that ends itself, as kill -9 does, at a named point:
-- chaos_server.lua INBOX PORT LOG POINT COUNT [only-receives]
-- LOG: see support.chaos_callback. POINT is one of those below, or "never"; it ends at the COUNTth time there.
local callback = require "support.chaos_callback"
local core = require "marketplace.core"
local marketplace = require "marketplace"
local server = require "marketplace.server"

local url, port, log_path, point, count, only_receives =
  arg[1], tonumber(arg[2]), arg[3], arg[4], tonumber(arg[5]), arg[6] ~= nil

local function reach(name)
  if name ~= point then return end
  count = count - 1
  if count > 0 then return end
  os.execute "kill -9 $PPID"
  core.sleep(60)
end

local function wrap(object, method, before, after)
  local original = object[method]
  object[method] = function(...)
    reach(before)
    local result, message, code = original(...)
    reach(after)
    return result, message, code
  end
end

local inbox, problem
repeat
  inbox, problem = marketplace.inbox(url)
  if not inbox then
    io.stderr:write(problem, "\n")
    core.sleep(0.1)
  end
until inbox
if os.getenv "CHAOS_SYNCHRONOUS" then
  inbox.connection.link:run("PRAGMA synchronous = " .. os.getenv "CHAOS_SYNCHRONOUS")
end
wrap(inbox, "put", "before commit", "after commit")
wrap(inbox, "claim", "before claim", "after claim")
wrap(inbox, "finish", "before finish", "after finish")

local receiver = marketplace.receiver {
  secrets = os.getenv "MARKETPLACE_SECRET", inbox = inbox, lease = callback.LEASE, retry = callback.RETRY,
}
callback.add(receiver, log_path, reach)

wrap(receiver, "receive_many", nil, "before answer")
wrap(receiver.dispatcher, "turn", "after answer")

local listener = assert(server.open {
  receiver = receiver, port = port, log = function() end, dispatch = not only_receives,
})
print "listening"
io.stdout:flush()
listener:run()
inbox:close()
