-- The operating guide's chapter on PostgreSQL, followed from its beginning to its end.
local blocks = require "support.blocks"
local certificates = require "support.certificates"
local inbox = require "marketplace.inbox"
local marketplace = require "marketplace"
local postgres_server = require "support.postgres_server"
local raw = require "support.raw_http"
local samples = require "marketplace.samples"
local shell = require "support.shell"

local CHAPTER = raw.read_file("docs/operating.md"):match "\n(### PostgreSQL\n.-)\n##?#? %u"

-- The block of these that has `word` in it, which no other has.
local function the_block(language, word)
  local found
  for _, block in ipairs(blocks(CHAPTER, language)) do
    if block:find(word, 1, true) then
      assert(not found, "two blocks have " .. word)
      found = block
    end
  end
  assert(found, "no block has " .. word)
  return found
end

describe("the operating guide's chapter on PostgreSQL", function()
  local server, home, boxes

  -- As the server's superuser; what it prints.
  local function psql(statements, database)
    local path = raw.write_file(statements)
    return shell.run(("psql -X -q -A -t -v ON_ERROR_STOP=1 -h 127.0.0.1 -p %d -U postgres -d %s -f %s"):format(
      server.port, database or "postgres", path))
  end

  -- A block of shell, on this server and in this checkout.
  local function run(block, environment)
    local adapted = block:gsub("db%.example:5432", "localhost:" .. server.port)
      :gsub("db%.example/", "localhost:" .. server.port .. "/")
      :gsub("/etc/ssl/certs/ca%-certificates%.crt", server.folder .. "/ca.crt")
      :gsub("\nmarketplace ", "\n" .. shell.marketplace "" .. " ")
    return shell.run(("export HOME=%s %s; unset PGPASSWORD PGPASSFILE\n%s"):format(home, environment or "", adapted))
  end

  local function open(role, more)
    local box = assert(inbox.open(("postgres://%s@localhost:%d/marketplace?sslmode=verify-full&sslrootcert=%s/ca.crt" ..
      "&passfile=%s/.pgpass%s"):format(role, server.port, server.folder, home, more or "")))
    boxes[#boxes + 1] = box
    return box
  end

  local function set_access(lines)
    local path = server.folder .. "/data/pg_hba.conf"
    local file = assert(io.open(path, "w"))
    file:write("host all postgres 127.0.0.1/32 trust\n", lines, "\n")
    file:close()
  end

  setup(function()
    boxes = {}
    home = shell.run "mktemp -d"
    server = postgres_server.start_with_tls(certificates.VALID)
  end)

  teardown(function()
    for _, box in ipairs(boxes) do box:close() end
    server:remove()
    shell.run("rm -rf " .. home)
    raw.remove_files()
  end)

  it("has a database made, and lets its role in with TLS and its password, and nobody else", function()
    psql(the_block("sql", "CREATE DATABASE"))
    psql "ALTER ROLE marketplace PASSWORD 'PASSWORD'"
    set_access((the_block("text", "hostssl"):gsub("10%.0%.0%.0/24", "127.0.0.1/32")))
    assert.equal("t", psql(the_block("sql", "pg_hba_file_rules")))
    local plain = ("postgres://marketplace@localhost:%d/marketplace?sslmode=disable"):format(server.port)
    local _, message = inbox.open(plain)
    assert.matches("no pg_hba.conf entry for host", message)
    assert.matches("\nready +0\n", "\n" .. run(the_block("sh", "inbox stats")))
    assert.equal("1", psql("SELECT count(*) FROM marketplace.inbox_self", "marketplace"))
  end)

  it("has a server tell of a line in pg_hba.conf that it cannot read", function()
    set_access "hostssl marketplace"
    assert.matches("^t\n%d+|end%-of%-line before", psql(the_block("sql", "pg_hba_file_rules")))
  end)

  it("gives receivers and workers the rights that they need", function()
    set_access("hostssl marketplace marketplace 127.0.0.1/32 scram-sha-256\n" ..
      "hostssl marketplace receiver,worker 127.0.0.1/32 trust")
    psql(the_block("sql", "CREATE ROLE receiver") .. "\nSELECT pg_reload_conf();", "marketplace")
    local receiving, working = open "receiver", open "worker"
    local receiver = marketplace.receiver { secrets = "s", inbox = receiving, log = function() end }
    local function receive(id, time)
      local body = samples.body("version_available", { id = id, app_id = "a", time = time })
      local status, _, answer = receiver:handle { method = "POST", body = body,
        headers = { ["x-apple-signature"] = marketplace.sign("s", body) } }
      assert.equal(200, status, answer)
      return body
    end
    receive "n1"
    receive "n1"
    receiving:put { { key = "n1", digest = "other", body = "{}" }, { key = "n2", digest = "d", body = "{}" } }
    local worker = marketplace.dispatcher { inbox = working, log = function() end }
    local runs = 0
    worker:on("*", function(n)
      runs = runs + 1
      if n.id == "n1" then error "not yet" end
    end)
    worker:dispatch()
    assert.is_true(runs > 0)
    assert.same({ "n1" }, working:cancel({ id = "n1" }, "why"))
    assert.same({ "n1" }, working:replay { id = "n1" })
    assert.is_truthy(working:forget({ bodies = os.time() + 60, ids = os.time() + 60 }, 10))
    local _, message = receiving:transact(function(link) return link:run "DROP TABLE inbox" end)
    assert.matches("must be owner of table inbox", message)
  end)

  it("has commits wait for a standby, which is demanded then, and shows them", function()
    finally(function() psql "ALTER SYSTEM RESET synchronous_standby_names; SELECT pg_reload_conf();" end)
    assert.equal("t", psql(the_block("sql", "synchronous_standby_names")))
    repeat until psql "SHOW synchronous_standby_names" ~= ""
    assert.is_truthy(open("worker", "&replicas=1"))
  end)

  it("dumps the inbox, and restores it", function()
    local owner = open "marketplace"
    owner:put { { key = "kept", digest = "d", body = "\0bytes" } }
    local database = ("DATABASE='postgres://marketplace@localhost:%d/marketplace'; cd %s"):format(server.port, home)
    run("\n" .. the_block("sh", "pg_dump"), database)
    owner:put { { key = "later", digest = "d", body = "{}" } }
    owner:cancel({ id = "kept" }, "why")
    run("\n" .. the_block("sh", "pg_restore"), database)
    assert.same({ "\0bytes", "ready" }, { owner:get("kept").body, owner:get("kept").state })
    assert.is_nil(owner:get "later")
    assert.same({ "duplicate" }, owner:put { { key = "kept", digest = "d", body = "\0bytes" } })
  end)

  it("shows the inbox's sessions", function()
    open "worker":counts()
    assert.matches("\n%d+|worker|marketplace|idle|", "\n" .. psql(the_block("sql", "pg_stat_activity"), "marketplace"))
  end)

  it("names messages that there are", function()
    local source = shell.run "cat lua/marketplace/inbox/postgres/*.lua lua/marketplace/reconnecting.lua"
    for _, words in ipairs { "the password file is not read, as others can reach it", "the server is a standby",
      "a pooler is between this program and the server", "its transactions are read-only", "a commit waits for ",
      "the server runs with fsync=off", "its tables have version " } do
      assert.is_truthy(CHAPTER:find("`" .. words, 1, true), words)
      assert.is_truthy(source:find(words, 1, true), words)
    end
  end)
end)
