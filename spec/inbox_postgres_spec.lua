local contract = require "support.inbox_contract"
local former_inbox = require "support.former_inbox"
local inbox = require "marketplace.inbox"
local marketplace = require "marketplace"
local postgres_server = require "support.postgres_server"
local raw = require "support.raw_http"
local samples = require "marketplace.samples"
local shared_inbox = require "support.shared_inbox"

local record = shared_inbox.record

describe("the PostgreSQL inbox #full", function()
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

  shared_inbox.specs({ it = it }, {
    name = "postgres", server = function() return server end, open = open, open_empty = open_empty,
  })

  describe("with two connections, of which one stores or finishes before the other has committed,", function()
    local one, other

    before_each(function() one, other = open_empty(), open { clock = false } end)

    after_each(function()
      one:close()
      other:close()
    end)

    local function of_app(key) return record(key, { app_id = "a" }) end

    local function finish(box, claimed)
      return box:finish({ { identity = claimed.identity, token = claimed.token, state = "done" } }, 2)
    end

    -- The second runs when the first is about to commit. If it has to wait for that, it is refused, and runs again.
    local function overlap(first, second)
      other.database.connection.link:run "SET lock_timeout TO '50ms'"
      local link, second_done = one.database.connection.link, nil
      local run = link.run
      function link:run(statement, ...)
        if statement == "COMMIT" then
          link.run = nil
          second_done = second(other)
        end
        return run(self, statement, ...)
      end
      assert(first(one))
      assert(second_done or second(other))
    end

    -- What can be claimed, one after another.
    local function run_all()
      local keys = {}
      repeat
        local claimed = one:claim(10, 3, 60)
        assert.is_true(#claimed <= 1, "two of one app at once")
        for _, item in ipairs(claimed) do
          keys[#keys + 1] = item.key
          finish(one, item)
        end
      until #claimed == 0
      assert.same({ ready = 0, leased = 0, dead = 0 }, one:backlog())
      return keys
    end

    it("what is stored while its app's last one is finished is not stuck", function()
      one:put({ of_app "a1" }, 1)
      local claimed = one:claim(1, 1, 60)[1]
      overlap(function(box) return finish(box, claimed) end, function(box) return box:put({ of_app "a2" }, 2) end)
      assert.same({ "a2" }, run_all())
    end)

    it("what is being stored while its app's last one is finished is not stuck", function()
      one:put({ of_app "a1" }, 1)
      local claimed = one:claim(1, 1, 60)[1]
      overlap(function(box) return box:put({ of_app "a2" }, 2) end, function(box) return finish(box, claimed) end)
      assert.same({ "a2" }, run_all())
    end)

    it("of two that are stored for one app only one leads", function()
      local function put(key) return function(box) return box:put({ of_app(key) }, 1) end end
      overlap(put "a1", put "a2")
      assert.same({ "a1", "a2" }, run_all())
    end)

    it("what is replayed while its app's last one is finished is not stuck", function()
      for _, replays_first in ipairs { true, false } do
        one:put({ record("dead", { app_id = "a", reason = "bad" }), of_app "a1" }, 1)
        local claimed = one:claim(1, 1, 60)[1]
        local function replay(box) return box:replay({}, 2) end
        local function finish_it(box) return finish(box, claimed) end
        if replays_first then overlap(replay, finish_it) else overlap(finish_it, replay) end
        assert.same({ "dead" }, run_all())
        one:prune(10)
      end
    end)

    it("a dead one that comes again while its app's last one is finished is not stuck", function()
      one:put({ of_app "dead", of_app "a1" }, 1)
      local first = one:claim(1, 1, 60)[1]
      one:finish({ { identity = "dead", token = first.token, state = "dead", reason = "gave up" } }, 1)
      local claimed = one:claim(1, 1, 60)[1]
      overlap(function(box) return box:put({ of_app "dead" }, 2) end, function(box) return finish(box, claimed) end)
      assert.same({ "dead" }, run_all())
    end)
  end)

  it("prunes more than it forgets in one transaction", function()
    local box = open_empty()
    server:query("INSERT INTO marketplace.inbox (identity, key, digest, lane, received_at, due, state) " ..
      "SELECT i, i, 'd', i, 1, 1, 'done' FROM generate_series(1, 5001) AS i")
    assert.equal(5001, box:prune(2))
    assert.equal(0, box:counts().done)
    box:close()
  end)

  it("makes its schema once, however many come first together, and refuses a newer one", function()
    open_empty():close()
    open():close()
    assert.equal("3", server:query "SELECT version FROM marketplace.schema_version")
    server:query "UPDATE marketplace.schema_version SET version = 99"
    local box, message = inbox.open("postgres:" .. server:words())
    assert.is_nil(box)
    assert.matches("a newer program made it", message)
  end)

  it("brings the first schema up to date, with everything that it holds", function()
    server:query "DROP SCHEMA IF EXISTS marketplace CASCADE; CREATE SCHEMA marketplace"
    local statements = former_inbox.statements {
      seq = "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY", real = "float8",
    }
    table.insert(statements, 1, "SET search_path TO marketplace")
    table.insert(statements, "CREATE TABLE schema_version (version integer NOT NULL)")
    table.insert(statements, "INSERT INTO schema_version VALUES (1)")
    server:query(table.concat(statements, "; "))
    local box = open { clock = false }
    assert.equal("3", server:query "SELECT version FROM marketplace.schema_version")
    former_inbox.check(box)
    box:close()
  end)

  it("needs the rights that the example lists if there is a schema, and none to make one", function()
    local receiver = marketplace.receiver { secrets = "s", inbox = open_empty(), log = function() end }
    local body = samples.body "ping"
    receiver:handle { method = "POST", body = body, headers = { ["x-apple-signature"] = marketplace.sign("s", body) } }
    receiver:close()
    local grants = raw.read_file "examples/several-machines/README.md":match "```sql\n(.-)\n```"
    server:query("DROP ROLE IF EXISTS worker; CREATE ROLE worker LOGIN; " .. grants)
    local box = assert(inbox.open("postgres:" .. server:words():gsub("user=postgres", "user=worker")))
    local worker = marketplace.dispatcher { inbox = box, log = function() end }
    assert.equal(1, worker:dispatch())
    assert.equal(1, box:counts().done)
    box:close()
  end)

  it("takes URIs, and tells what is wrong with the words without the password", function()
    open_empty():close()
    for _, url in ipairs {
      "postgres://postgres@127.0.0.1:%d/postgres?application_name=it%%27s%%5C",
      "postgresql://p%%6Fstgres:pw@127.0.0.1:%d",
      "postgres:host=127.0.0.1 port=%d user='postgres' application_name='it\\'s \\\\'",
    } do
      local box = assert(inbox.open(url:format(server.port)))
      assert.same({ ready = 0, leased = 0, dead = 0 }, box:backlog())
      box:close()
    end
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
