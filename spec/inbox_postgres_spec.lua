local contract = require "support.inbox_contract"
local inbox = require "marketplace.inbox"
local postgres_server = require "support.postgres_server"

local function record(key, more)
  local made = { key = key, digest = "digest of " .. key, type = "T", event = "other", app_id = key, body = "{}" }
  for name, value in pairs(more or {}) do made[name] = value end
  return made
end

describe("the PostgreSQL inbox", function()
  local server

  setup(function() server = postgres_server.start() end)
  teardown(function() server:remove() end)

  local function open(settings)
    return assert(inbox.open("postgres:" .. server:words(), settings))
  end

  local function open_empty()
    server:query "DROP SCHEMA IF EXISTS marketplace CASCADE"
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
    assert.matches("^postgres: ", message)
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

  it("makes its schema once, however many come first together, and refuses a newer one", function()
    open_empty():close()
    open():close()
    assert.equal("1", server:query "SELECT version FROM marketplace.schema_version")
    server:query "UPDATE marketplace.schema_version SET version = 99"
    local box, message = inbox.open("postgres:" .. server:words())
    assert.is_nil(box)
    assert.matches("a newer one made it", message)
  end)

  it("takes URIs, and tells what is wrong with the words without the password", function()
    open_empty():close()
    local box = assert(inbox.open(("postgres://postgres@127.0.0.1:%d/postgres"):format(server.port)))
    assert.same({ ready = 0, leased = 0, dead = 0 }, box:backlog())
    box:close()
    local _, message = inbox.open("postgres:" .. server:words():gsub("dbname=postgres", "dbname=nowhere password=pw"))
    assert.matches("^postgres: Failed to connect", message)
    assert.is_nil(message:find("pw", 1, true))
  end)

  it("refuses a server that may lose what it stored", function()
    local loose = postgres_server.start "-F"
    local box, message = inbox.open("postgres:" .. loose:words())
    local relaxed = inbox.open("postgres:" .. loose:words(), { durability = "relaxed" })
    if relaxed then relaxed:close() end
    loose:remove()
    assert.is_nil(box)
    assert.matches("fsync=off", message)
    assert.is_truthy(relaxed)
  end)
end)
