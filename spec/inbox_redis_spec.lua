local contract = require "support.inbox_contract"
local inbox = require "marketplace.inbox"
local redis_server = require "support.redis_server"
local shared_inbox = require "support.shared_inbox"
local shell = require "support.shell"

local record = shared_inbox.record

describe("the Redis inbox #full", function()
  local server

  setup(function() server = redis_server.start() end)
  teardown(function() server:remove() end)

  local function open(settings, words)
    return assert(inbox.open("redis:" .. server:words() .. (words or ""), settings))
  end

  local function open_empty()
    server:reset()
    return open { clock = false }
  end

  describe("as every inbox", function()
    contract({ describe = describe, it = it, before_each = before_each, after_each = after_each }, open_empty)
  end)

  shared_inbox.specs({ it = it }, {
    name = "redis", server = function() return server end, open = open, open_empty = open_empty,
  })

  it("goes on when the server has forgotten the scripts", function()
    local box = open_empty()
    box:put({ record "a" }, 1)
    server:query "SCRIPT FLUSH"
    assert.same({ "duplicate", "stored" }, box:put({ record "a", record "b" }, 2))
    box:close()
  end)

  it("keeps inboxes with other prefixes and in other databases apart, and takes a socket", function()
    local one = open_empty()
    local other, third = open({ clock = false }, " prefix=other"), open({ clock = false }, " db=1")
    one:put({ record "a" }, 1)
    assert.same({ "stored" }, other:put({ record "a" }, 1))
    assert.same({ "stored" }, third:put({ record "a" }, 1))
    local by_socket = assert(inbox.open("redis:path=" .. server.folder .. "/socket", { clock = false }))
    assert.same({ "duplicate" }, by_socket:put({ record "a" }, 1))
    local by_url = assert(inbox.open(("redis://127.0.0.1:%d/1?prefix=other"):format(server.port), { clock = false }))
    assert.same({ "stored" }, by_url:put({ record "a" }, 1))
    for _, box in ipairs { one, other, third, by_socket, by_url } do box:close() end
  end)

  it("outlives a connection by a socket that the server has closed", function()
    open_empty():close()
    local script = shell.file(([[
      local box = assert(require("marketplace.inbox").open "redis:path=%s/socket")
      local record = { key = "a", digest = "d", body = "{}" }
      os.execute "redis-cli -p %d CLIENT KILL TYPE normal >/dev/null"
      local outcomes, message, code = box:put({ record }, 1)
      print(outcomes, code, message)
      print(box:put({ record }, 2)[1])
      box:close()
    ]]):format(server.folder, server.port))
    -- whoever runs the specs may ignore the signal, and what it starts would too
    local output, status = shell.capture(("env --default-signal=PIPE %s %s"):format(shell.LUA, script))
    os.remove(script)
    assert.same(0, status, output)
    assert.matches("^nil\tinbox_unavailable\tredis: .+\nstored\n$", output)
  end)

  it("has what was stored before it kept which secret verified it", function()
    local box = open_empty()
    box:put({ record("a", { verified_by = "0123456789ab" }) }, 1)
    server:query "HDEL {marketplace}:e:a verified_by"
    assert.is_nil(box:get("a").verified_by)
    assert.same({ "{}", "a" }, { box:get("a").body, box:list({})[1].key })
    box:close()
  end)

  it("leaves nothing behind of what was pruned", function()
    local box = open_empty()
    box:put({ record("a", { time = 5 }), record "b" }, 1)
    local claimed = box:claim(10, 2, 60)
    for _, item in ipairs(claimed) do item.state = "done" end
    box:finish(claimed, 3)
    assert.equal(2, box:prune(4))
    assert.equal("{marketplace}:n", server:query "KEYS '*'")
    box:close()
  end)

  local function expect_refusal(pattern, url, settings)
    local box, message, code = inbox.open(url, settings)
    assert.is_nil(box)
    assert.matches(pattern, message)
    assert.equal("inbox_unavailable", code)
    assert.is_nil(message:find("hunter2", 1, true))
  end

  it("refuses a server that can lose what it stored, unless that is asked for", function()
    for option, pattern in pairs {
      ["--appendonly no"] = "appendonly no", ["--appendfsync everysec"] = "appendfsync everysec",
      ["--maxmemory-policy allkeys-lru"] = "maxmemory%-policy allkeys%-lru",
    } do
      local loose = redis_server.start(option)
      local url = "redis:" .. loose:words()
      local ok, problem = pcall(function()
        expect_refusal(pattern, url)
        assert(inbox.open(url .. " durability=relaxed")):close()
        assert(inbox.open(url, { durability = "relaxed" })):close()
      end)
      loose:remove()
      assert(ok, problem)
    end
  end)

  it("tells what is wrong with its words, and with the server", function()
    expect_refusal("known: host", "redis:hots=a")
    expect_refusal("redis: ", "redis:port=1")
    local guarded = redis_server.start "--requirepass hunter2"
    local ok, problem = pcall(function()
      local address = "127.0.0.1:" .. guarded.port
      expect_refusal("NOAUTH", "redis://" .. address)
      expect_refusal("WRONGPASS", "redis://:hunter21@" .. address)
      assert(inbox.open("redis://default:hunter%32@" .. address)):close()
      assert(inbox.open("redis:password=hunter2 " .. guarded:words())):close()
    end)
    guarded:remove()
    assert(ok, problem)
  end)
end)
