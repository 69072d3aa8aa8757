local contract = require "support.inbox_contract"
local core = require "marketplace.core"
local every_call = require "support.every_call"
local expect_unavailable = require "support.unavailable"
local inbox = require "marketplace.inbox"
local marketplace = require "marketplace"
local postgres_server = require "support.postgres_server"
local raw = require "support.raw_http"
local samples = require "marketplace.samples"
local schema = require "marketplace.inbox.postgres.schema"
local shared_inbox = require "support.shared_inbox"
local shell = require "support.shell"
local unpack = require("marketplace.runtime").unpack

local record = shared_inbox.record

describe("the PostgreSQL inbox #full", function()
  local server

  setup(function() server = postgres_server.start() end)
  teardown(function() server:remove() end)

  local function open(settings)
    return assert(inbox.open("postgres:" .. server:words(), settings))
  end

  local function open_empty(settings)
    server:reset()
    return open(settings)
  end

  -- Faster than to make the tables anew.
  local function open_emptied(clock)
    local box = open { clock = clock }
    assert(box:transact(function(link)
      link:run "DELETE FROM inbox"
      link:run "UPDATE inbox_self SET forgotten_before = NULL"
      return true
    end))
    return box
  end

  -- Has `before` look at each statement before it is run. The function that is returned ends that.
  local function watch(link, before)
    for _, name in ipairs { "run", "each" } do
      local execute = link[name]
      link[name] = function(self, statement, ...)
        before(statement, ...)
        return execute(self, statement, ...)
      end
    end
    return function() link.run, link.each = nil, nil end
  end

  describe("as every inbox", function()
    contract({ describe = describe, it = it, before_each = before_each, after_each = after_each }, open_emptied)
  end)

  shared_inbox.specs({ it = it }, {
    told = "PostgreSQL at 127%.0%.0%.1:%d+: ", server = function() return server end, open = open,
    open_empty = open_empty,
  })

  describe("with two connections, of which one changes an app's entries before the other has committed,", function()
    local one, other, now

    local function clock() return now end

    setup(function()
      now = 1
      one, other = open_empty { clock = clock }, open { clock = clock }
    end)

    teardown(function()
      one:close()
      other:close()
    end)

    local function of_app(key) return record(key, { app_id = "a" }) end

    local function call(name, ...)
      local arguments = { ... }
      return function(box) return (box[name](box, unpack(arguments))) end
    end

    local function finish(claimed, state, more)
      local item = { id = claimed.id, token = claimed.token, state = state, reason = "why", code = "failed" }
      for name, value in pairs(more or {}) do item[name] = value end
      return call("finish", { item })
    end

    -- How many statements `work` runs on a box, the last of which commits.
    local function count_statements(box, work)
      local count = 0
      local stop = watch(box.connection.link, function() count = count + 1 end)
      assert(work(box) ~= nil)
      stop()
      return count
    end

    -- The second runs when the first is about to run a statement: the n-th or, without n, the one that commits. If the
    -- second has to wait, it is refused, and runs again when the first is through.
    local function overlap(first, second, n)
      assert(other:id())
      other.connection.link:run "SET lock_timeout TO '20ms'"
      local count, result, stop = 0, nil, nil
      stop = watch(one.connection.link, function(statement)
        count = count + 1
        if count == n or not n and statement == "COMMIT" then
          stop()
          result = second(other)
        end
      end)
      assert(first(one) ~= nil)
      stop()
      if result == nil then result = second(other) end
      assert(result ~= nil)
    end

    local function expect_one_leader(what)
      local live, leaders, leased = {}, {}, {}
      for _, entry in ipairs(one:list { app_id = "a" }) do
        local is_leased = entry.state == "leased"
        if is_leased or entry.state == "ready" then
          live[#live + 1] = entry.id
          if not entry.behind then leaders[#leaders + 1] = entry.id end
          if is_leased then leased[#leased + 1] = entry.id end
        end
      end
      assert.is_true(#leased <= 1, what)
      assert.same({ leased[1] or live[1] }, leaders, what)
    end

    -- All that is live can be claimed, one after another.
    local function expect_all_run(what)
      now = now + 1000
      one:recover { 0 }
      repeat
        local claimed = one:claim(10, 60)
        assert.is_true(#claimed <= 1, what)
        for _, item in ipairs(claimed) do
          assert(finish(item, "done")(one))
          expect_one_leader(what)
        end
      until #claimed == 0
      local backlog = one:backlog()
      assert.same({ 0, 0 }, { backlog.ready, backlog.leased }, what)
    end

    -- An app with a dead entry, the oldest, and one that is ready at least.
    local function fill()
      server:query "DELETE FROM marketplace.inbox"
      now = 1
      one:put { of_app "dead", of_app "a1", of_app "a2" }
      assert(finish(one:claim(1, 60)[1], "dead")(one))
    end

    -- The same, with a lease that has ended.
    local function fill_leased()
      fill()
      local claimed = one:claim(1, 60)[1]
      now = 100
      return claimed
    end

    local WITH_LEASE = {
      ["storing another"] = function() return call("put", { of_app "a3" }) end,
      ["storing the dead one again"] = function() return call("put", { of_app "dead" }) end,
      ["replaying the dead one"] = function() return call("replay") end,
      ["finishing the leased one"] = function(leased) return finish(leased, "done") end,
      ["finishing the leased one for now"] = function(leased) return finish(leased, "ready", { wait = 5 }) end,
      ["recovering the leased one"] = function() return call("recover", { 5 }) end,
      ["cancelling the leased one"] = function() return call("cancel", { id = "a1" }, "why") end,
      ["cancelling the one behind"] = function() return call("cancel", { id = "a2" }, "why") end,
    }

    for first, make_first in pairs(WITH_LEASE) do
      it(("leaves its app one leader: %s, and whatever else"):format(first), function()
        for second, make_second in pairs(WITH_LEASE) do
          local leased = fill_leased()
          overlap(make_first(leased), make_second(leased))
          expect_one_leader(first .. ", " .. second)
          expect_all_run(first .. ", " .. second)
        end
      end)
    end

    local WITHOUT_LEASE = {
      ["storing another"] = call("put", { of_app "a3" }),
      ["storing the dead one again"] = call("put", { of_app "dead" }),
      ["replaying the dead one"] = call("replay"), ["cancelling the leader"] = call("cancel", { id = "a1" }, "why"),
      ["running the leader"] = call("run", { id = "a1" }), ["claiming"] = call("claim", 10, 60),
      ["recovering after the clock was set back"] = function(box)
        now = 0.5
        return (box:recover { 5 })
      end,
    }

    for name, work in pairs(WITHOUT_LEASE) do
      it(("leaves its app one leader, wherever a claim meets %s"):format(name), function()
        fill()
        for _, order in ipairs { { call("claim", 10, 60), work }, { work, call("claim", 10, 60) } } do
          fill()
          for n = 1, count_statements(one, order[1]) do
            fill()
            overlap(order[1], order[2], n)
            expect_one_leader(name .. " at " .. n)
            expect_all_run(name .. " at " .. n)
          end
        end
      end)
    end
    it("does not take what another claims meanwhile for something that was set ahead of the clock", function()
      local function fill_ahead()
        server:query "DELETE FROM marketplace.inbox"
        now = 5000
        one:put { record "ahead" }
        now = 1000
        one:put { record "b" }
      end
      local function claim_later(box)
        now = 1005
        return box:claim(10, 60)
      end
      fill_ahead()
      for n = 1, count_statements(one, call("recover", { 5 })) do
        fill_ahead()
        overlap(call("recover", { 5 }), claim_later, n)
        assert.equal(1065, one:get("b").at, "at " .. n)
      end
    end)

    it("leaves its app one leader, whatever isolation the server begins transactions with", function()
      local function reopen(isolation)
        server:query(("ALTER DATABASE postgres SET default_transaction_isolation TO '%s'"):format(isolation))
        one:close()
        other:close()
        one, other = open { clock = clock }, open { clock = clock }
      end
      finally(function() reopen "read committed" end)
      reopen "repeatable read"
      local put = call("put", { of_app "a3" })
      fill()
      for n = 1, count_statements(one, put) do
        fill()
        server:query "DELETE FROM marketplace.inbox WHERE id <> 'a1'"
        overlap(put, finish(one:claim(1, 60)[1], "done"), n)
        expect_one_leader("at " .. n)
        expect_all_run("at " .. n)
      end
    end)
  end)

  it("has the server end a transaction whose process stands still, and in less time than others wait", function()
    local box = open_empty()
    local link = box.connection.link
    local function milliseconds(name)
      return tonumber(link:run("SELECT setting FROM pg_settings WHERE name = :name", { name = name })[1].setting)
    end
    local idle = milliseconds "idle_in_transaction_session_timeout"
    assert.is_true(idle > 0)
    assert.is_true(idle < milliseconds "statement_timeout")
    box:close()
  end)

  it("does not wait for what another claims, and claims the rest", function()
    local one, other = open_empty(), open()
    one:put { record "a", record "b" }
    local claimed
    watch(one.connection.link, function(statement)
      if statement == "COMMIT" then claimed = other:claim(2, 60) end
    end)
    other:id()
    other.connection.link:run "SET lock_timeout TO '20ms'"
    assert.equal("a", one:claim(1, 60)[1].id)
    assert.same({ 1, "b" }, { #claimed, claimed[1].id })
    one:close()
    other:close()
  end)

  it("does not wait for what another forgets, and forgets the rest", function()
    local one, other = open_empty(), open()
    one:put { record "a", record "b" }
    local claimed = one:claim(2, 60)
    for _, item in ipairs(claimed) do item.state = "done" end
    one:finish(claimed)
    local before, forgotten = { bodies = os.time() + 1000, ids = 0 }, nil
    one:forget({ bodies = 0, ids = 0 }, 1)
    one:transact(function(link)
      link:run "SELECT 1 FROM inbox WHERE id = 'a' FOR UPDATE"
      forgotten = other:forget(before, 10)
      return true
    end)
    assert.same({ bodies = 1, ids = 0 }, forgotten)
    assert.same({ bodies = 1, ids = 0 }, one:forget(before, 10))
    one:close()
    other:close()
  end)

  it("stores many at once as it stores one after the other", function()
    local box
    local function shown(keys_and_more, put)
      box = open_emptied()
      box:put { record "there 1", record("there 2", { app_id = "shared" }) }
      local outcomes = put(box, keys_and_more())
      local list = box:list()
      for _, entry in ipairs(list) do entry.received_at, entry.at = nil, nil end
      box:close()
      return { outcomes, list }
    end
    local function one_by_one(_, records)
      local outcomes = {}
      for i, one in ipairs(records) do outcomes[i] = box:put({ one })[1] end
      return outcomes
    end
    local function together(_, records) return box:put(records) end
    local changes = {
      ["are new"] = {}, ["are of one app that others are of"] = { [3] = { app_id = "shared" } },
      ["are there already"] = { [1] = { key = "there 1", digest = "digest of there 1" } },
      ["have the key of another body"] = { [7] = { key = "there 1" } },
      ["are of one app"] = { [2] = { app_id = "a" }, [9] = { app_id = "a" } },
      ["are the same"] = { [2] = { key = "same" }, [9] = { key = "same", digest = "digest of 2" } },
      ["differ under a key"] = { [2] = { key = "same" }, [9] = { key = "same" } },
      ["are dead"] = { [4] = { reason = "bad" }, [5] = { time = 1 } },
    }
    for what, more in pairs(changes) do
      local function records()
        local list = {}
        for i = 1, 19 do list[i] = record(tostring(i), more[i]) end
        return list
      end
      assert.same(shown(records, one_by_one), shown(records, together), what)
    end
  end)

  it("scans its table in no call that a receiver or a dispatcher makes", function()
    local now = 100
    local box = open_empty { clock = function() return now end }
    local link, plans = box.connection.link, {}
    local run = link.run
    local stop = watch(link, function(statement, values, common)
      if not statement:find "inbox" then return end
      local steps, given = {}, {}
      for _, some in ipairs { common or {}, values or {}, values and values[1] or {} } do
        for name, value in pairs(some) do given[name] = value end
      end
      for i, row in ipairs(run(link, "EXPLAIN " .. statement, given)) do steps[i] = row["QUERY PLAN"] end
      plans[#plans + 1] = statement .. "\n" .. table.concat(steps, "\n")
    end)
    every_call(box, record, function(time) now = time end)
    for _, filter in ipairs { { app_id = "a" }, { id = "a", newest = true, limit = 5 }, { state = "ready", limit = 5 },
      { state = "leased", limit = 5 }, { state = "dead", newest = true, limit = 5 } } do
      box:list(filter)
    end
    box:counts()
    stop()
    assert.is_true(#plans > 30)
    for _, plan in ipairs(plans) do assert.is_nil(plan:find "Seq Scan on inbox[^_]", plan) end
    box:close()
  end)

  describe("with a server that does not analyze its tables by itself", function()
    local LIMIT = 10
    local lone, box, count, made

    -- As many apps with an entry each that is ready.
    local function fill(size)
      lone:query(("INSERT INTO marketplace.inbox (id, key, digest, app_id, lane, time, received_at, state, at, " ..
        "set_at, leads, body) SELECT 'k' || i, 'k' || i, 'd', 'k' || i, 'k' || i, 1, 1, 'ready', 1, 1, true, 'x' " ..
        "FROM generate_series(%d, %d) AS i"):format(count + 1, size))
      count = size
    end

    local PAGES = "SELECT sum(pg_stat_get_xact_blocks_fetched(oid))::float8 AS pages FROM pg_class " ..
      "WHERE relnamespace = 'marketplace'::regnamespace"

    -- How many pages of the tables and their indexes a call looks at. What the server counts goes on from one
    -- transaction to the next.
    local function pages_of(call)
      local link, before, pages = box.connection.link, nil, nil
      local begin, commit = link.begin, link.commit
      function link:begin()
        begin(self)
        before = link:run(PAGES)[1].pages
      end
      function link:commit()
        pages = link:run(PAGES)[1].pages - before
        return commit(self)
      end
      local result = assert(call())
      link.begin, link.commit = nil, nil
      return pages, result
    end

    local function pages_of_calls()
      local new = {}
      made = made + 1
      for i = 1, LIMIT do new[i] = record(("new %d %d"):format(made, i)) end
      local put = pages_of(function() return box:put(new) end)
      local claim, claimed = pages_of(function() return box:claim(LIMIT, 60) end)
      assert.equal(LIMIT, #claimed)
      for _, one in ipairs(claimed) do one.state = "done" end
      return { put = put, claim = claim, finish = (pages_of(function() return box:finish(claimed) end)) }
    end

    setup(function() lone = postgres_server.start "-c autovacuum=off" end)
    teardown(function() lone:remove() end)

    before_each(function()
      lone:reset()
      count, made = 0, 0
      box = assert(inbox.open("postgres:" .. lone:words(), { timeout = 60 }))
    end)

    after_each(function() box:close() end)

    -- But for deeper indexes. By the tenth time, the server keeps a plan.
    local function expect_as_few_pages()
      for _ = 1, 10 do pages_of_calls() end
      fill(1000)
      local few = pages_of_calls()
      fill(100000)
      local many = pages_of_calls()
      for name, pages in pairs(few) do
        assert.is_true(pages > 0)
        assert.is_true(many[name] <= 2 * pages, ("%s: %d and %d pages"):format(name, pages, many[name]))
      end
    end

    it("looks at no more pages with 100,000 apps waiting than with 1,000, if none was ever analyzed", function()
      expect_as_few_pages()
      assert.equal("0", lone:query "SELECT count(*) FROM pg_stats WHERE schemaname = 'marketplace'")
    end)

    it("looks at no more pages either if they were analyzed while few were waiting", function()
      fill(60)
      lone:query "ANALYZE"
      expect_as_few_pages()
    end)

    it("looks at no more pages either if they were analyzed while nothing was waiting and much was done", function()
      for _ = 1, 200 do pages_of_calls() end
      lone:query "ANALYZE"
      expect_as_few_pages()
    end)

    it("looks at few pages to find what is of one app or has one id, however many others are done", function()
      fill(20000)
      lone:query "UPDATE marketplace.inbox SET state = 'done', leads = false"
      lone:query "VACUUM marketplace.inbox"
      local link = box.connection.link
      for _, name in ipairs { "app_id", "id" } do
        for _, filter in ipairs { { limit = 5, newest = true }, { state = "ready" }, { state = "done" },
          { state = "done", limit = 5 }, { state = "dead", limit = 5 } } do
          filter[name] = "nothing"
          link:run "BEGIN"
          local before = link:run(PAGES)[1].pages
          assert.same({}, box:list(filter))
          local pages = link:run(PAGES)[1].pages - before
          link:run "COMMIT"
          assert.is_true(pages < 20, ("%s, %s: %d pages"):format(name, filter.state or "any", pages))
        end
      end
    end)

    it("looks at as few pages to store and to finish while another transaction stays open", function()
      local other = assert(inbox.open("postgres:" .. lone:words(), { timeout = 1000 }))
      local link = other.connection.link
      link:run "BEGIN ISOLATION LEVEL REPEATABLE READ"
      link:run "SELECT 1 FROM inbox"
      for _ = 1, 20 do pages_of_calls() end
      lone:query "ANALYZE"
      local few = pages_of_calls()
      for _ = 1, 200 do pages_of_calls() end
      local many = pages_of_calls()
      other:close()
      for _, name in ipairs { "put", "finish" } do
        assert.is_true(many[name] <= 2 * few[name], ("%s: %d and %d pages"):format(name, few[name], many[name]))
      end
    end)
  end)

  it("makes its tables once, however many come first together", function()
    server:reset()
    local open_one = shell.marketplace(("inbox stats --inbox 'postgres:%s'"):format(server:words()))
    local output, status = shell.capture(("for i in 1 2 3 4; do %s & pids=\"$pids $!\"; done; " ..
      "for pid in $pids; do wait $pid || exit 1; done"):format(open_one))
    assert.equal(0, status, output)
  end)

  describe("with tables of the former version", function()
    local FORMER = "ALTER TABLE inbox DROP COLUMN history, DROP COLUMN traceparent; " ..
      "UPDATE schema_version SET version = 7"

    before_each(function()
      local box = open_empty()
      box:put { record "a", record "b" }
      box:close()
      server:query("SET search_path = marketplace; " .. FORMER)
    end)

    it("brings them up to date once, however many come first together", function()
      local open_one = shell.marketplace(("inbox stats --inbox 'postgres:%s'"):format(server:words()))
      local output, status = shell.capture(("for i in 1 2 3 4; do %s & pids=\"$pids $!\"; done; " ..
        "for pid in $pids; do wait $pid || exit 1; done"):format(open_one))
      assert.equal(0, status, output)
      local box = open()
      assert.same({ "a", "b" }, box:run {})
      assert.same({ { "run" }, 2 }, { { box:get("a").history[1].what }, box:counts().ready })
      assert.same({ "stored" }, box:put { record("c", { traceparent = "00-1-2-01" }) })
      assert.equal("00-1-2-01", box:get("c").traceparent)
      box:close()
      assert.equal(tostring(schema.VERSION), server:query "SELECT version FROM marketplace.schema_version")
    end)

    it("goes on with a connection that was there before", function()
      local box = open()
      local claimed = box:claim(1, 60)
      server:query("SET search_path = marketplace; " .. FORMER)
      open():close()
      claimed[1].state = "done"
      assert.same({ true }, box:finish(claimed))
      assert.equal("done", box:get(claimed[1].id).state)
      box:close()
    end)

    it("says who can bring them up to date to a role that does not own them", function()
      server:query "DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN"
      server:query "GRANT USAGE ON SCHEMA marketplace TO guest; GRANT ALL ON ALL TABLES IN SCHEMA marketplace TO guest"
      local box, message, code = inbox.open("postgres:" .. server:words():gsub("user=postgres", "user=guest"))
      assert.is_nil(box)
      assert.matches("its tables have version 7, .*: have the role that owns them open it once", message)
      assert.equal("inbox_unavailable", code)
      assert.equal("7", server:query "SELECT version FROM marketplace.schema_version")
    end)
  end)

  it("refuses tables of another version", function()
    open_empty():close()
    open():close()
    assert.equal(tostring(schema.VERSION), server:query "SELECT version FROM marketplace.schema_version")
    for _, version in ipairs { 1, 99 } do
      server:query("UPDATE marketplace.schema_version SET version = " .. version)
      local box, message, code = inbox.open("postgres:" .. server:words())
      assert.is_nil(box)
      assert.matches(("tables have version %d, .*: use the release that made them"):format(version), message)
      assert.equal("inbox_unavailable", code)
    end
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
    local now = core.now() + 60
    assert.same({ bodies = 0, ids = 1 }, box:forget({ bodies = now, ids = now }, 10))
    box:close()
  end)

  describe("with a schema that an administrator made for a role", function()
    local box

    before_each(function()
      server:reset()
      server:query("DROP ROLE IF EXISTS tenant; CREATE ROLE tenant LOGIN; " ..
        "CREATE SCHEMA marketplace AUTHORIZATION tenant")
    end)

    after_each(function() if box then box:close() end end)

    local function open_as_tenant()
      return inbox.open("postgres:" .. server:words():gsub("user=postgres", "user=tenant"))
    end

    it("makes its tables without further rights", function()
      box = assert(open_as_tenant())
      assert.same({ "stored" }, box:put { record "a" })
    end)

    it("does not take for empty what row security hides", function()
      box = assert(open_as_tenant())
      box:put { record "a" }
      server:query "ALTER TABLE marketplace.inbox ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
      expect_unavailable('query would be affected by row%-level security policy for table "inbox"$', box:claim(1, 60))
    end)

    it("says what the role may not do if it was not made for it", function()
      server:query "DROP SCHEMA marketplace"
      expect_unavailable("^PostgreSQL at 127%.0%.0%.1:%d+: permission denied for database postgres$", open_as_tenant())
      open():close()
      expect_unavailable("^PostgreSQL at 127%.0%.0%.1:%d+: permission denied for schema marketplace$", open_as_tenant())
    end)
  end)

  it("works the same whatever settings its role has", function()
    local SETTINGS = {
      synchronous_commit = "off", default_transaction_isolation = "'serializable'", standard_conforming_strings = "off",
      timezone = "'Pacific/Chatham'", datestyle = "'SQL, DMY'", bytea_output = "'escape'", client_encoding = "'LATIN1'",
      lock_timeout = "1", idle_in_transaction_session_timeout = "1", search_path = "nowhere",
      extra_float_digits = "-15", statement_timeout = "'10s'", enable_indexscan = "off", enable_sort = "off",
      transform_null_equals = "on", backslash_quote = "off",
    }
    local body, time = ("\0\1\\'\"\200\255"):rep(10), os.time() + 0.25
    for name, value in pairs(SETTINGS) do
      server:reset()
      server:query(("DROP ROLE IF EXISTS odd; CREATE ROLE odd SUPERUSER LOGIN; ALTER ROLE odd SET %s TO %s"):format(
        name, value))
      local box = assert(inbox.open("postgres:" .. server:words():gsub("user=postgres", "user=odd")))
      assert.same({ "stored" }, box:put { record("\195\169\\'", { body = body, time = time }) }, name)
      assert.equal("on", box.connection.link:run("SELECT current_setting('synchronous_commit') AS value")[1].value)
      local claimed = box:claim(1, 60)
      assert.same({ "\195\169\\'", body, time }, { claimed[1].id, claimed[1].body, box:get(claimed[1].id).time }, name)
      claimed[1].state = "done"
      assert.same({ true }, box:finish(claimed), name)
      box:close()
    end
  end)

  it("takes URIs, and tells what is wrong with the words without the password", function()
    open_empty():close()
    for _, url in ipairs {
      "postgres://postgres@127.0.0.1:%d/postgres?application_name=it%%27s%%5C",
      "postgresql://p%%6Fstgres:pw@127.0.0.1:%d",
      "postgres:host=127.0.0.1 port=%d user='postgres' application_name='it\\'s \\\\'",
    } do
      local box = assert(inbox.open(url:format(server.port)))
      assert.equal(0, box:backlog().ready)
      box:close()
    end
    local _, message = inbox.open("postgres:" .. server:words():gsub("dbname=postgres", "dbname=nowhere password=pw"))
    assert.equal(("cannot connect to PostgreSQL at 127.0.0.1:%d: database \"nowhere\" does not exist")
      :format(server.port), message)
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
