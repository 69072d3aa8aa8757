-- What becomes of the Redis inbox inside nginx while its server fails.
local expect_unavailable = require "support.unavailable"
local nginx_inbox = require "support.nginx_inbox"
local once_available = require "support.once_available"
local proxy = require "support.proxy"
local redis_server = require "support.redis_server"

local record = require("support.shared_inbox").record

describe("the Redis inbox inside nginx #full", function()
  local nginx, redis

  setup(function() nginx, redis = nginx_inbox.start(), redis_server.start() end)

  teardown(function()
    nginx:stop()
    redis:remove()
  end)

  it("gives a whole call no more time than it was told, however the answer comes", function()
    local between = proxy.start(redis.port)
    finally(function() between:stop() end)
    local url = ("redis://127.0.0.1:%d?timeout=0.5"):format(between.port)
    local box = assert(nginx_inbox.open(nginx, url))
    assert.same({ "stored" }, box:put { record "a" })
    between:answer "trickle"
    expect_unavailable("^Redis at 127%.0%.0%.1:%d+: no answer within 0.5 s$", box:list())
    between:answer "whole"
    assert.equal(1, #once_available(function() return box:list() end, 30))
  end)

  it("leaves a server that has become a replica, with all connections to it", function()
    local primary, replica = redis_server.start "--repl-diskless-sync-delay 0", redis_server.start()
    finally(function()
      primary:remove()
      replica:remove()
    end)
    replica:follow(primary)
    local url = ("redis://127.0.0.1:%d?replicas=1"):format(primary.port)
    local box = assert(nginx_inbox.open(nginx, url))
    assert.same({ "stored" }, box:put { record "a" })
    local finishes = {}
    for i = 1, 5 do finishes[i] = nginx_inbox.begin(nginx, url, "counts", {}) end
    for _, finish in ipairs(finishes) do assert.equal(1, finish().result.ready) end
    replica:promote()
    primary:query(("REPLICAOF 127.0.0.1 %d"):format(replica.port))
    expect_unavailable("^Redis at 127%.0%.0%.1:%d+: READONLY ", box:put { record "b" })
    expect_unavailable("^Redis at 127%.0%.0%.1:%d+: the server is a replica, and read%-only: connect to the primary$",
      box:counts())
  end)
end)
