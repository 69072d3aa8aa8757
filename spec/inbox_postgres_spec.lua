local contract = require "support.inbox_contract"
local former_inbox = require "support.former_inbox"
local inbox = require "marketplace.inbox"
local marketplace = require "marketplace"
local postgres_server = require "support.postgres_server"
local raw = require "support.raw_http"
local samples = require "marketplace.samples"
local shared_inbox = require "support.shared_inbox"

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

  it("makes its schema once, however many come first together, and refuses a newer one", function()
    open_empty():close()
    open():close()
    assert.equal("3", server:query "SELECT version FROM marketplace.schema_version")
    server:query "UPDATE marketplace.schema_version SET version = 99"
    local box, message = inbox.open("postgres:" .. server:words())
    assert.is_nil(box)
    assert.matches("a newer one made it", message)
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

  it("needs the rights that the example tells where there is a schema, and none to make one", function()
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
