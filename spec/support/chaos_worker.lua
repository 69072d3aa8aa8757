-- Runs callbacks beside the receiver of the chaos, until it is told to end: chaos_worker.lua INBOX LOG
local callback = require "support.chaos_callback"
local core = require "marketplace.core"
local marketplace = require "marketplace"

local url, log_path = arg[1], arg[2]

local runs = marketplace.dispatcher {
  inbox = assert(marketplace.inbox(url)), lease = callback.LEASE, retry = callback.RETRY, stop_asked = core.stop_asked,
}
callback.add(runs, log_path, function() end)

core.catch_signals()
print "working"
io.stdout:flush()
while not core.stop_asked() do core.sleep(runs:turn(1)) end
runs.inbox:close()
