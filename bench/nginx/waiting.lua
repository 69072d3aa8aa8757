-- waiting.lua PATH: how many notifications of a SQLite inbox are neither done nor dead.
local marketplace = require "marketplace"

local inbox = assert(marketplace.inbox("sqlite:" .. arg[1], { must_exist = true }))
local backlog = assert(inbox:backlog())
print(backlog.ready + backlog.leased)
inbox:close()
