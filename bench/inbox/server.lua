-- A receiver that only receives: server.lua memory|group|single FOLDER
-- group: SQLite, WAL and synchronous=FULL, one commit for all that one poll brought, as `marketplace serve` does it;
-- single: the same, one commit for each request.
local marketplace = require "marketplace"
local memory = require "marketplace.inbox.memory"
local server = require "marketplace.server"

local mode, folder = arg[1], arg[2]

local inbox = mode == "memory" and memory.new { capacity = 1e9 }
  or assert(marketplace.inbox("sqlite:" .. folder .. "/inbox.db"))
local receiver = marketplace.receiver { secrets = os.getenv "MARKETPLACE_SECRET", inbox = inbox }

if mode == "single" then
  local receive_many = receiver.receive_many
  function receiver:receive_many(requests)
    local responses = {}
    for i, request in ipairs(requests) do responses[i] = receive_many(self, { request })[1] end
    return responses
  end
end

local listener = assert(server.open { receiver = receiver, log = function() end, dispatch = false })
local _, port = listener:address()
print(port)
io.stdout:flush()
listener:run()
