local contract = require "support.inbox_contract"
local inbox = require "marketplace.inbox"
local redis_server = require "support.redis_server"

local function record(key, more)
  local made = { key = key, digest = "digest of " .. key, type = "T", event = "other", app_id = key, body = "{}" }
  for name, value in pairs(more or {}) do made[name] = value end
  return made
end

describe("the Redis inbox", function()
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

  it("is shared: what one stores another claims, and neither claims what the other has", function()
    local one, other = open_empty(), open { clock = false }
    one:put({ record "a", record "b" }, 1)
    assert.equal("a", one:claim(1, 2, 60)[1].key)
    local claimed = other:claim(10, 2, 60)
    assert.same({ 1, "b" }, { #claimed, claimed[1].key })
    assert.same({ "duplicate" }, other:put({ record "a" }, 3))
    one:close()
    other:close()
  end)

  it("times leases by the server's clock", function()
    open_empty():close()
    local ahead = open { clock = function() return os.time() + 5000 end }
    local right = open()
    ahead:put({ record "a" }, os.time() + 5000)
    assert.is_true(math.abs(right:get("a").received_at - os.time()) < 5)
    assert.is_true(math.abs(ahead:get("a").received_at - os.time() - 5000) < 5)
    assert.equal(1, #ahead:claim(1, os.time() + 5001, 60))
    assert.same({}, right:claim(1, os.time() + 30, 60))
    assert.equal(1, #right:claim(1, os.time() + 90, 60))
    ahead:close()
    right:close()
  end)

  it("says so while the server is gone, and then has all that it acknowledged", function()
    local box = open_empty()
    assert.same({ "stored" }, box:put({ record "a" }, 1))
    server:kill()
    local outcomes, message, code = box:put({ record "b" }, 2)
    assert.is_nil(outcomes)
    assert.matches("^redis: ", message)
    assert.equal("inbox_unavailable", code)
    assert.is_nil((box:claim(1, 2, 60)))
    assert.is_nil((box:counts()))
    server:start()
    -- the pause after a connection that could not be made
    local stop = os.time() + 30
    repeat outcomes = box:put({ record "b" }, 3) until outcomes or os.time() > stop
    assert.same({ "stored" }, outcomes)
    assert.same({ "duplicate" }, box:put({ record "a" }, 4))
    assert.equal(2, #box:claim(10, 5, 60))
    box:close()
  end)

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
    for _, box in ipairs { one, other, third, by_socket } do box:close() end
  end)

  it("leaves nothing behind of what was pruned", function()
    local box = open_empty()
    box:put({ record("a", { time = 5 }), record "b" }, 1)
    local claimed = box:claim(10, 2, 60)
    for _, item in ipairs(claimed) do item.state = "done" end
    box:finish(claimed, 3)
    assert.equal(2, box:prune(4))
    assert.equal("0", server:query "DBSIZE")
    box:close()
  end)

  local function expect_refusal(pattern, word, settings)
    local box, message, code = inbox.open(word, settings)
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
      local word = "redis:" .. loose:words()
      local ok, problem = pcall(function()
        expect_refusal(pattern, word)
        assert(inbox.open(word .. " durability=relaxed")):close()
        assert(inbox.open(word, { durability = "relaxed" })):close()
      end)
      loose:remove()
      assert(ok, problem)
    end
  end)

  it("tells what is wrong with its words, and with the server", function()
    expect_refusal("known: host", "redis:hots=a")
    expect_refusal("known: host", "redis:localhost")
    expect_refusal("REDISCLI_AUTH", "redis:password=hunter2")
    expect_refusal("port is a number", "redis:port=x")
    expect_refusal("durability is", "redis:durability=some")
    expect_refusal("redis: ", "redis:port=1")
    local guarded = redis_server.start "--requirepass hunter2"
    local ok, problem = pcall(expect_refusal, "NOAUTH", "redis:" .. guarded:words())
    guarded:remove()
    assert(ok, problem)
  end)
end)
