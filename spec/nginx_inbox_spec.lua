local contract = require "support.inbox_contract"
local nginx_inbox = require "support.nginx_inbox"
local redis_server = require "support.redis_server"
local shell = require "support.shell"

local busted = { describe = describe, it = it, before_each = before_each, after_each = after_each }

describe("the inbox inside nginx", function()
  local nginx, redis, folder

  setup(function()
    nginx, redis, folder = nginx_inbox.start(), redis_server.start(), shell.run "mktemp -d"
    shell.run("chmod 777 " .. folder) -- nginx's workers are another user where the master is root
  end)

  teardown(function()
    nginx:stop()
    redis:remove()
    shell.run("rm -rf " .. folder)
  end)

  local files = 0
  local function sqlite_word()
    files = files + 1
    return ("sqlite:%s/%d.db"):format(folder, files)
  end

  describe("in Redis, as every inbox", function()
    contract(busted, function()
      redis:reset()
      return assert(nginx_inbox.open(nginx, "redis:" .. redis:words(), { settings = { clock = false } }))
    end)
  end)

  describe("in SQLite, as every inbox", function()
    contract(busted, function() return assert(nginx_inbox.open(nginx, sqlite_word())) end)
  end)
end)
