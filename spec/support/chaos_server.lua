-- A receiver that ends itself, as kill -9 does, at a named point: chaos_server.lua INBOX PORT LOG POINT COUNT
-- The callback appends each id to LOG. POINT is one of those below, or "never"; it ends at the COUNTth time there.
local core = require "marketplace.core"
local marketplace = require "marketplace"
local server = require "marketplace.server"

local url, port, log_path, point, count = arg[1], tonumber(arg[2]), arg[3], arg[4], tonumber(arg[5])

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
  inbox.database.connection.link:run("PRAGMA synchronous = " .. os.getenv "CHAOS_SYNCHRONOUS")
end
wrap(inbox, "put", "before commit", "after commit")
wrap(inbox, "claim", "before claim", "after claim")
wrap(inbox, "finish", "before finish", "after finish")

local receiver = marketplace.receiver {
  secrets = os.getenv "MARKETPLACE_SECRET", inbox = inbox, lease = 0.2,
  retry = { attempts = 1000, base = 0.01, cap = 0.1 },
}
local log = assert(io.open(log_path, "a"))
log:setvbuf "line"
receiver:on("*", function(n)
  reach "before callback"
  log:write(n.id, "\n")
  reach "in callback"
end)

wrap(receiver, "handle_many", nil, "before answer")
wrap(receiver.dispatcher, "turn", "after answer")

local listener = assert(server.open { receiver = receiver, port = port, log = function() end })
print "listening"
io.stdout:flush()
listener:run()
inbox:close()
