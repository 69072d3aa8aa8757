-- marketplace.nginx in a real nginx with the module for Lua.
local core = require "marketplace.core"
local exposition = require "support.exposition"
local inbox = require "marketplace.inbox"
local marketplace = require "marketplace"
local nginx_server = require "support.nginx_server"
local proxy = require "support.proxy"
local raw = require "support.raw_http"
local redis_server = require "support.redis_server"
local samples = require "marketplace.samples"
local shell = require "support.shell"

local SECRET = "the secret of the specs"
local MEMORY = 'inbox = "memory", dispatch = true'
local SHARED = 'inbox = "sqlite:inbox.db", dispatch = true'

local LOCATIONS = [[
location = /notifications { content_by_lua_block { require("marketplace.nginx").handle() } }
location = /metrics { content_by_lua_block { require("marketplace.nginx").metrics() } }
location = /healthz { content_by_lua_block { require("marketplace.nginx").health() } }
location = /readyz { content_by_lua_block { require("marketplace.nginx").ready() } }
]]

-- What a handlers file of the specs begins with: `tell(...)` adds a line to a file, with one write.
local HANDLERS = [[
local function tell(...)
  local file = assert(io.open("<folder>/told", "a"))
  file:write(table.concat({ ... }, " ") .. "\n")
  file:close()
end
]]

describe("marketplace.nginx #full", function()
  local server

  local function start(given)
    server = nil
    local made, problem = nginx_server.start {
      workers = given.workers, listen = given.listen, started_with = given.started_with, files = {
        ["handlers.lua"] = HANDLERS .. (given.handlers or [[
          return function(receiver) receiver:on("*", function(n) tell(n.id or "-") end) end]]),
        secrets = SECRET .. "\n",
      },
      main = "thread_pool marketplace threads=4;" .. (given.main or ""),
      http = (given.http or "") .. ([[
        init_by_lua_block {
          require("marketplace.nginx").init {
            handlers = "handlers.lua", %s, %s
          }
        }
        init_worker_by_lua_block { %s }
      ]]):format(given.secrets or 'secret_file = "secrets"', given.init or MEMORY,
        given.init_worker or 'require("marketplace.nginx").init_worker()'),
      server = (given.server or "") .. LOCATIONS,
    }
    server = made
    return made, problem
  end

  after_each(function()
    if server then server:stop() end
    server = nil
  end)

  local function signed(body, headers) return raw.notification(SECRET, body, headers) end

  -- What comes back until there are `count` (1) responses, or the connection is closed.
  local function answers(client, count)
    local got = ""
    while #raw.responses(got) < (count or 1) do
      local all, why, part = client:receive(1)
      got = got .. (all or part)
      if why then break end
    end
    return raw.responses(got)
  end

  local function ask(bytes)
    local client = server:connect()
    assert(client:send(bytes))
    local answer = answers(client)[1]
    client:close()
    return answer
  end

  local function chunked(body, size)
    local lines = { "POST /notifications HTTP/1.1", "Host: a", "Transfer-Encoding: chunked",
      "X-Apple-Signature: " .. marketplace.sign(SECRET, body) }
    local chunks = {}
    for at = 1, #body, size do
      local chunk = body:sub(at, at + size - 1)
      chunks[#chunks + 1] = ("%x\r\n%s\r\n"):format(#chunk, chunk)
    end
    return table.concat(lines, "\r\n") .. "\r\n\r\n" .. table.concat(chunks) .. "0\r\n\r\n"
  end

  -- An authentic notification of this many bytes.
  local function sized(bytes)
    local id = core.random_hex(8)
    local head = ('{"data":{"type":"AppUnavailable","version":1,"id":"%s","attributes":{"appId":"1","x":"'):format(id)
    return head .. ("x"):rep(bytes - #head - 4) .. '"}}}', id
  end

  local function told()
    return server:read "told"
  end

  local function wait_for_told(text)
    server:wait(function() return told():find(text, 1, true) end, "told " .. text)
  end

  describe("answers", function()
    local LIMITS = [[
      client_body_buffer_size 1k; client_max_body_size 8k; client_body_timeout 1s;
      log_by_lua_block { require("marketplace.nginx").log() }
    ]]

    before_each(function()
      assert(start { init = 'inbox = "memory", dispatch = true, max_body = 4000', server = LIMITS })
    end)

    it("200 for what is stored, and for a duplicate", function()
      local body, id = sized(200)
      assert.are.same({ 200, "" }, { ask(signed(body)).status, ask(signed(body)).body })
      server:wait_for("duplicate event=app_unavailable")
      wait_for_told(id .. "\n")
      assert.are.equal(id .. "\n", told())
    end)

    it("401, all alike, for a signature that is missing, malformed, doubled or of no live secret", function()
      local body = samples.body "app_unavailable"
      local header = "X-Apple-Signature: " .. marketplace.sign(SECRET, body)
      local refused = {
        ask(raw.post(body)), ask(raw.post(body, { "X-Apple-Signature: hmacsha256=00" })),
        ask(raw.post(body, { "x-apple-signature: " .. marketplace.sign("another", body) })),
        ask(raw.post(body, { header, header })),
        ask(raw.post(body, { header, "x-apple-signature: " .. ("0"):rep(64) })),
      }
      for _, answer in ipairs(refused) do
        assert.are.equal(401, answer.status)
        assert.are.equal(refused[1].body, answer.body)
        assert.matches("^" .. ("%x"):rep(32) .. "$", answer.headers["x-request-id"])
      end
      for _, code in ipairs { "signature_missing\"} 1", "signature_malformed\"} 3", "signature_mismatch\"} 1" } do
        assert.is_truthy(ask("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").body:find(code, 1, true), code)
      end
      server:wait_for "refused secrets="
      server:wait_for "status=401 remote=127.0.0.1"
      assert.is_nil(server:error_log():find(header:match "%x+$", 1, true))
    end)

    it("401 even if the signature comes twice behind a hundred other headers", function()
      local body = samples.body "app_unavailable"
      local lines = { "X-Apple-Signature: " .. marketplace.sign(SECRET, body) }
      for i = 1, 120 do lines[#lines + 1] = ("X-Other-%d: a"):format(i) end
      assert.are.equal(200, ask(raw.post(body, lines)).status)
      lines[#lines + 1] = lines[1]
      assert.are.equal(401, ask(raw.post(body, lines)).status)
    end)

    it("200 for what is authentic but cannot be read, which is kept as dead", function()
      assert.are.equal(200, ask(signed '{"data":').status)
      server:wait_for "kept as dead (stored)"
    end)

    it("413 for a body larger than max_body, declared or chunked, and nginx's 413 above its own limit", function()
      assert.are.equal(200, ask(signed((sized(4000)))).status)
      local declared = ask(signed((sized(4001))))
      assert.are.same({ 413, "the body is larger than the limit\n" }, { declared.status, declared.body })
      local streamed = ask(chunked((sized(4001)), 1000))
      assert.are.same({ 413, "the body is larger than the limit\n" }, { streamed.status, streamed.body })
      assert.are.equal(413, ask(signed((sized(9000)))).status)
      assert.are.equal(413, ask(chunked((sized(9000)), 9000)).status)
    end)

    it("405 with Allow for what is not a POST, and passes over its body", function()
      local client = server:connect()
      local body = samples.body "app_unavailable"
      client:send((signed(body):gsub("^POST", "PUT")) .. "GET /notifications HTTP/1.1\r\nHost: a\r\n\r\n" ..
        signed(body))
      local got = answers(client, 3)
      client:close()
      assert.are.same({ 405, 405, 200 }, { got[1].status, got[2].status, got[3].status })
      assert.are.equal("POST", got[1].headers.allow)
    end)

    it("415 for an encoded body", function()
      local body = samples.body "app_unavailable"
      assert.are.equal(415, ask(signed(body, { "Content-Encoding: gzip" })).status)
      assert.are.equal(200, ask(signed(body, { "Content-Encoding: identity" })).status)
    end)

    it("408, in nginx's manner, for a body that does not come in time", function()
      local client = server:connect()
      client:send((signed((sized(300))):sub(1, -20)))
      assert.are.same({}, answers(client))
      server:wait(function() return server:access_log():find('HTTP/1.1" 408 ', 1, true) end, "408")
      server:wait_for "refused code=timeout status=408"
      assert.is_nil(server:error_log():find("stored", 1, true))
    end)

    it("health", function()
      assert.are.same("ok\n", ask("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").body)
      assert.are.equal("ok\n", ask("GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n").body)
      assert.are.equal(405, ask("DELETE /readyz HTTP/1.1\r\nHost: a\r\n\r\n").status)
      assert.are.equal(405, ask("DELETE /metrics HTTP/1.1\r\nHost: a\r\n\r\n").status)
    end)

    it("bodies from nginx's temporary file and in chunks, on a connection that is kept", function()
      local client, ids = server:connect(), {}
      local requests = {}
      for i, size in ipairs { 300, 3000, 1024, 3500 } do
        local body, id = sized(size)
        ids[i], requests[i] = id, i > 2 and chunked(body, 700) or signed(body)
      end
      client:send(table.concat(requests))
      local got = answers(client, #requests)
      client:close()
      for i = 1, #requests do assert.are.equal(200, got[i].status) end
      wait_for_told(ids[4])
      for _, id in ipairs(ids) do assert.is_truthy(told():find(id, 1, true)) end
      assert.is_truthy(server:error_log():find "buffered to a temporary file")
    end)
  end)

  it("answers over HTTP/2", function()
    local port = shell.free_port()
    assert(start { server = ("listen 127.0.0.1:%d http2;"):format(port) })
    local body = samples.body "app_unavailable"
    local path = server:write("body.json", body)
    local out = shell.run(("curl -s -o /dev/null -w '%%{http_version} %%{http_code}' --http2-prior-knowledge " ..
      "-H 'x-apple-signature: %s' --data-binary @%s http://127.0.0.1:%d/notifications"):format(
      marketplace.sign(SECRET, body), path, port))
    assert.are.equal("2 200", out)
  end)

  describe("answers 503", function()
    it("with Retry-After if the inbox cannot store, or fails", function()
      for _, put in ipairs { 'return nil, "the disk is full", "inbox_unavailable"', 'error "a mistake"' } do
        assert(start { init = ([[dispatch = true, inbox = (function()
          local inbox = require("marketplace.inbox.memory").new()
          function inbox:put() %s end
          return inbox
        end)()]]):format(put) })
        local answer = ask(signed((sized(200))))
        assert.are.same({ 503, "5" }, { answer.status, answer.headers["retry-after"] })
        server:wait_for(put:match '"([^"]+)"')
        server:stop()
      end
      server = nil
    end)

    it("to who asks whether it is ready, while the inbox does not answer", function()
      local redis = redis_server.start()
      local between = proxy.start(redis.port)
      finally(function()
        between:stop()
        redis:remove()
      end)
      assert(start { init = ('inbox = "redis://127.0.0.1:%d"'):format(between.port) })
      local request = "GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n"
      server:wait(function() return ask(request).status == 200 end, "ready")
      between:freeze()
      local answer
      server:wait(function()
        answer = ask(request)
        return answer.status ~= 200
      end, "not ready")
      assert.are.same({ 503, "inbox unavailable\n" }, { answer.status, answer.body })
      between:thaw()
      server:wait(function() return ask(request).status == 200 end, "ready again")
    end)

    it("if the worker ends and only it would know", function()
      assert(start {})
      local client = server:connect()
      local request = signed((sized(200)))
      client:send(request:sub(1, -20))
      server:wait(function() return ask("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").status == 200 end, "health")
      server:reload(true)
      server:wait_for "gracefully shutting down"
      client:send(request:sub(-19))
      local answer = answers(client)[1]
      client:close()
      assert.are.same({ 503, "5" }, { answer.status, answer.headers["retry-after"] })
      server:wait_for 'reason="shutting down"'
    end)
  end)

  -- A notification of an app of its own.
  local function of_app(app_id, id)
    return samples.body("app_unavailable", { app_id = app_id, id = id })
  end

  -- Waits, in a callback, until the specs let it go on.
  local WAIT = [[
    local function wait_for_go()
      local file
      repeat
        ngx.sleep(0.005)
        file = io.open("<folder>/go")
      until file
      file:close()
    end
  ]]

  local function inbox_of_server()
    return assert(inbox.open("sqlite:" .. server.folder .. "/inbox.db"))
  end

  -- Seconds, over requests that are answered one after another.
  local function percentile_99(count)
    local client, took = server:connect(), {}
    for i = 1, count do
      local message, begun = signed(of_app "quick"), core.monotonic()
      client:send(message)
      assert.are.equal(200, answers(client)[1].status)
      took[i] = core.monotonic() - begun
    end
    client:close()
    table.sort(took)
    return took[math.ceil(0.99 * count)]
  end

  describe("runs callbacks", function()
    it("that sleep, without delaying other requests", function()
      assert(start { handlers = WAIT .. [[
        return function(receiver)
          receiver:on("*", function(n)
            if n.app_id ~= "slow" then return end
            tell("asleep")
            wait_for_go()
            tell("awake")
          end)
        end]] })
      local alone = percentile_99(300)
      ask(signed(of_app "slow"))
      wait_for_told "asleep"
      local beside = percentile_99(300)
      assert.are.equal("asleep\n", told())
      io.write(("99%% of 300 requests within %.2f ms, beside a callback that sleeps within %.2f ms\n"):format(
        alone * 1000, beside * 1000))
      server:write("go", "")
      wait_for_told "awake"
    end)

    it("that use cosockets", function()
      assert(start { handlers = [[
        return function(receiver)
          receiver:on("*", function()
            local socket = ngx.socket.tcp()
            assert(socket:connect("127.0.0.1", <port>))
            assert(socket:send "GET /healthz HTTP/1.0\r\n\r\n")
            tell(assert(socket:receive "*l"))
            socket:close()
          end)
        end]] })
      ask(signed(of_app "1"))
      wait_for_told "HTTP/1.1 200 OK"
    end)

    local function run_in_order(init)
      assert(start { init = init .. ", retry = { base = 0.01 }", handlers = [[
        return function(receiver)
          receiver:on("*", function(n, ctx)
            tell(n.id, ctx.attempt)
            if n.id == "a" and ctx.attempt == 1 then return nil, "not yet" end
            if n.id == "a" and ctx.attempt == 2 then ngx.sleep(0.01) error "not yet either" end
          end)
        end]] })
      for _, id in ipairs { "a", "b", "c" } do ask(signed(of_app("1", id))) end
      wait_for_told "c 1"
      assert.are.equal("a 1\na 2\na 3\nb 1\nc 1\n", told())
      server:wait_for('callback failed event=app_unavailable app=1 id=a attempt=2')
    end

    it("again when they fail, and those of one app in order", function()
      run_in_order(MEMORY)
      server:stop()
      run_in_order(SHARED)
    end)

    it("of what is in Redis", function()
      local redis = redis_server.start()
      finally(function() redis:remove() end)
      run_in_order(('inbox = "redis:%s", dispatch = true'):format(redis:words()))
    end)

    it("also after one that ended all of its worker's, as ngx.exit does", function()
      assert(start { init = SHARED .. ", lease = 0.5, retry = { attempts = 1 }", handlers = [[
        return function(receiver)
          receiver:on("*", function(n)
            tell(n.id)
            if n.id == "exits" then ngx.exit(0) end
          end)
        end]] })
      ask(signed(of_app("1", "exits")))
      wait_for_told "exits"
      ask(signed(of_app("2", "another")))
      server:wait_for "as ngx.exit does"
      wait_for_told "another"
      server:wait_for "gave up event=app_unavailable app=1 id=exits"
      assert.is_nil(told():find "exits.*exits")
    end)

    it("in one worker at a time, for as long as a callback keeps its lease", function()
      assert(start { workers = 2, init = SHARED .. ", lease = 1", handlers = [[
        return function(receiver)
          receiver:on("*", function(n, ctx)
            tell("begun", ctx.attempt)
            for _ = 1, 8 do
              ngx.sleep(0.2)
              assert(ctx:heartbeat())
            end
            tell("ended", ctx.attempt)
          end)
        end]] })
      ask(signed(of_app "1"))
      wait_for_told "ended 1"
      server:wait_for " done "
      assert.are.equal("begun 1\nended 1\n", told())
    end)
  end)

  it("lets the inbox forget what was done long ago", function()
    -- a minute of uptime takes 60 ms
    assert(start { init = SHARED .. ", lease = 86400, keep = 0", handlers = [[
      return function(receiver)
        local core = require "marketplace.core"
        local monotonic = core.monotonic
        function core.monotonic() return 1000 * monotonic() end
        receiver:on("*", function(n) tell(n.id) end)
      end]] })
    ask(signed(of_app("1", "old")))
    wait_for_told "old"
    local box = inbox_of_server()
    server:wait(function() return not box:get("old").body end, "the body dropped")
    assert.are.equal("done", box:get("old").state)
    box:close()
    server:wait(function()
      return ask("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").body
        :find('marketplace_inbox_forgotten_total{what="bodies"} 1\n', 1, true)
    end, "the metric")
  end)

  describe("when a worker ends", function()
    local SLOW_FOURTH = WAIT .. [[
      return function(receiver)
        receiver:on("*", function(n)
          tell("begun", n.app_id)
          if n.app_id == "4" then wait_for_go() end
          tell("ended", n.app_id)
        end)
      end]]

    it("finishes what runs and gives back, uncounted, what it has claimed and not begun", function()
      -- what waits is claimed by one worker: the first as a trial, the rest at once
      assert(start { init = "dispatch = false, " .. SHARED:gsub(", dispatch.*", ""), handlers = SLOW_FOURTH })
      for app = 1, 9 do assert.are.equal(200, ask(signed(of_app(tostring(app)))).status) end
      server:write("nginx.conf", (server:read "nginx.conf":gsub("dispatch = false", "dispatch = true")))
      server:reload()
      wait_for_told "begun 4"
      local box = inbox_of_server()
      assert.is_true(box:counts().leased >= 1) -- as a rule all that were left
      shell.run("kill -QUIT " .. server.pid)
      server:wait_for("gracefully shutting down", 2)
      server:write("go", "")
      server:wait(function() return not shell.is_alive(server.pid) end, "the end")
      server.pid = nil
      assert.are.same({ ready = 5, leased = 0, done = 4, dead = 0 }, box:counts())
      for _, entry in ipairs(box:list { state = "ready" }) do assert.are.equal(0, entry.attempt) end
      box:close()
      assert.is_nil(told():find("begun 5", 1, true))
    end)

    it("runs what only it knows of", function()
      assert(start { handlers = SLOW_FOURTH })
      for app = 4, 9 do assert.are.equal(200, ask(signed(of_app(tostring(app)))).status) end
      wait_for_told "begun 4"
      shell.run("kill -QUIT " .. server.pid)
      server:wait_for "gracefully shutting down"
      server:write("go", "")
      server:wait(function() return not shell.is_alive(server.pid) end, "the end")
      server.pid = nil
      for app = 4, 9 do assert.is_truthy(told():find("ended " .. app, 1, true)) end
    end)

    it("by a kill, leaves what ran to another, once the lease has ended", function()
      assert(start { init = SHARED .. ", lease = 1", handlers = WAIT .. [[
        return function(receiver)
          receiver:on("*", function(n, ctx)
            tell("begun", ctx.attempt)
            if ctx.attempt == 1 then wait_for_go() end
            tell("ended", ctx.attempt)
          end)
        end]] })
      ask(signed(of_app "1"))
      wait_for_told "begun 1"
      shell.run("kill -9 " .. server:workers()[1])
      wait_for_told "ended 2"
      assert.are.equal("begun 1\nbegun 2\nended 2\n", told())
      assert.are.equal(200, ask(signed(of_app "1")).status)
    end)
  end)

  describe("reloaded", function()
    it("rereads the secrets and the handlers, and keeps what it has if they cannot be used", function()
      assert(start {})
      server:write("secrets", "another secret\n")
      server:write("handlers.lua", server:read "handlers.lua":gsub("tell%(n", 'tell("new", n'))
      server:reload()
      assert.are.equal(401, ask(signed(of_app "1")).status)
      SECRET = "another secret"
      finally(function() SECRET = "the secret of the specs" end)
      assert.are.equal(200, ask(signed(of_app("1", "x"))).status)
      wait_for_told "new x"
      server:write("handlers.lua", "return 1")
      shell.run("kill -HUP " .. server.pid)
      server:wait_for "the handlers file must return function(receiver)"
      assert.are.equal(200, ask(signed(of_app("1", "y"))).status)
      wait_for_told "new y"
      assert.is_nil(server:error_log():find("another secret", 1, true))
    end)

    it("while notifications arrive, has each that it acknowledged", function()
      assert(start { workers = 2, init = SHARED })
      local acknowledged, others = {}, {}
      for round = 1, 20 do
        local clients = {}
        for i = 1, 8 do
          local id = ("%d-%d"):format(round, i)
          local request = signed(of_app(id, id))
          clients[i] = { id = id, socket = server:connect(), rest = request:sub(-40) }
          clients[i].socket:send(request:sub(1, -41))
        end
        if round % 3 == 1 then shell.run("kill -HUP " .. server.pid) end
        for _, client in ipairs(clients) do
          client.socket:send(client.rest)
          local answer = answers(client.socket)[1]
          local list = answer and answer.status == 200 and acknowledged or others
          list[#list + 1] = list == others and client.id .. ":" .. tostring(answer and answer.status) or client.id
          client.socket:close()
        end
      end
      -- nginx may close a connection of which a worker that is to end has read nothing yet
      assert.is_true(#others <= 16, "not acknowledged: " .. table.concat(others, " "))
      server:wait(function() return #server:workers() == 2 end, "the old workers' end")
      assert.is_nil(server:error_log():find("exited on signal", 1, true))
      local box = inbox_of_server()
      for _, id in ipairs(acknowledged) do assert.is_truthy(box:get(id), id) end
      server:wait(function()
        local backlog = box:backlog()
        return backlog.ready + backlog.leased == 0
      end, "the callbacks")
      assert.is_true(box:counts().done >= #acknowledged)
      box:close()
    end)

    it("again and again, keeps no file open and no worker", function()
      assert(start {})
      local function open_files()
        return select(2, shell.run(("ls /proc/%d/fd"):format(server.pid)):gsub("\n", ""))
      end
      for _ = 1, 3 do server:reload() end
      local before = open_files()
      for _ = 1, 10 do server:reload() end
      assert.are.equal(before, open_files())
      assert.are.equal(1, #server:workers())
    end)
  end)

  it("stores once what reaches four workers at once", function()
    assert(start { workers = 4, listen = "reuseport", init = SHARED })
    local clients, body = {}, of_app("1", "the same")
    for i = 1, 40 do
      clients[i] = server:connect()
      clients[i]:send(signed(body):sub(1, -2))
    end
    for _, client in ipairs(clients) do client:send(body:sub(-1)) end
    for _, client in ipairs(clients) do
      assert.are.equal(200, answers(client)[1].status)
      client:close()
    end
    wait_for_told "the same"
    local pids = {}
    for pid in server:error_log():gmatch "%[info%] (%d+)#%d+: %*%d+ duplicate" do pids[pid] = true end
    assert.is_truthy(next(pids, next(pids)))
    local _, stored = server:error_log():gsub(" stored event=", "")
    assert.are.equal(1, stored)
    local box = inbox_of_server()
    assert.are.equal(1, #box:list {})
    box:close()
    assert.are.equal("the same\n", told())
  end)

  it("sends notifications on to other systems, also to one that hangs, between callbacks", function()
    local said = os.tmpname()
    finally(function() os.remove(said) end)
    shell.with_server(("%s spec/support/chat.lua %s 503 200"):format(shell.LUA, said), function(chat)
      local hanging = require("socket").bind("127.0.0.1", 0)
      finally(function()
        os.remove(said)
        hanging:close()
      end)
      local _, port = hanging:getsockname()
      start { workers = 2, init = SHARED .. ", retry = { base = 0.1 }", handlers = ([[
        return function(receiver)
          local forward = require("marketplace.forward").new
          receiver:on("*", assert(forward { name = "hanging", url = "http://127.0.0.1:%d/" }))
          receiver:on("*", assert(forward { name = "chat", url = "%s" }))
          receiver:on("*", function(n) tell(n.id) end)
        end]]):format(port, chat) }
      for id = 1, 3 do
        local body = samples.body("app_unavailable", { id = "n" .. id, app_id = tostring(id) })
        assert.equal(200, ask(signed(body)).status)
      end
      server:wait(function() return select(2, raw.read_file(said):gsub("200 n%d ", "")) == 3 end, "forwarded")
      server:wait(function() return select(2, told():gsub("n%d\n", "")) == 3 end, "told")
      assert.equal(1, select(2, raw.read_file(said):gsub("503 n%d ", "")))
    end)
  end)

  it("takes its handlers as a function, too", function()
    assert(start { init = MEMORY .. [[, handlers = function(receiver)
      receiver:on("*", function(n) ngx.log(ngx.NOTICE, "by a function: ", n.app_id) end)
    end]] })
    assert.are.equal(200, ask(signed(of_app "4711")).status)
    server:wait_for "by a function: 4711"
  end)

  it("counts and writes down what nginx refuses by itself, and what is refused elsewhere, once", function()
    assert(start {
      server = [[
        client_max_body_size 1k;
        log_by_lua_block { require("marketplace.nginx").log() }
        location / { return 404; }
      ]],
    })
    local function refused(code)
      local series = ('marketplace_requests_total{outcome="refused",reason="%s"}'):format(code)
      return exposition.read(ask("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").body).value(series)
    end
    local signature = "X-Apple-Signature: " .. marketplace.sign(SECRET, "{}")
    assert.are.equal(413, ask(raw.post(("x"):rep(2000))).status)
    assert.are.equal(404, ask("GET /\226\128\174 HTTP/1.1\r\nHost: a\r\n\r\n").status)
    assert.are.equal(404, ask("POST /hook HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n" .. signature ..
      "\r\n\r\n{}").status)
    assert.are.equal(400, ask("GET / HTTP/1.1\r\n\r\n").status)
    assert.are.equal(405, ask("PUT /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").status)
    assert.are.equal(401, ask(raw.post("{}")).status)
    assert.are.equal(200, ask(signed(of_app "1")).status)
    for _, code in ipairs { "too_large", "not_found", "wrong_path", "malformed", "not_get", "signature_missing" } do
      server:wait(function() return refused(code) == 1 end, code)
      local _, lines = server:error_log():gsub("refused [^\n]*code=" .. code, "")
      assert.are.equal(1, lines, code)
    end
    assert.is_truthy(server:error_log():find("POST /hook; nginx has nothing there", 1, true))
    assert.is_truthy(server:error_log():find("GET /\\u202e; nginx has nothing there", 1, true))
  end)

  it("writes down the first of many refused requests, and how many more there were, also at the end", function()
    assert(start {})
    local function refuse(count)
      for _ = 1, count do assert.are.equal(401, ask(raw.post("{}")).status) end
    end
    local function logged()
      local lines, summed = 0, 0
      for _ in server:error_log():gmatch " refused secrets=%S+ code=signature_missing" do lines = lines + 1 end
      for count in server:error_log():gmatch "more refused code=signature_missing status=401 count=(%d+)" do
        summed = summed + tonumber(count)
      end
      return lines, summed
    end
    refuse(50)
    server:wait(function()
      local lines, summed = logged()
      return lines + summed == 50 and summed > 0
    end, "the sum")
    refuse(10)
    server:quit()
    local lines, summed = logged()
    assert.are.equal(60, lines + summed)
    assert.is_true(lines < 30, "lines: " .. lines)
  end)

  it("writes down how many more requests were refused also if a callback ends its worker", function()
    assert(start { handlers = 'return function(receiver) receiver:on("*", function() os.exit(0) end) end' })
    for _ = 1, 20 do assert.are.equal(401, ask(raw.post("{}")).status) end
    ask(signed(of_app "1"))
    server:wait_for "exited with code 0"
    local counted = 0
    for line in server:error_log():gmatch "[^\n]*refused [^\n]*code=signature_missing[^\n]*" do
      counted = counted + tonumber(line:match "count=(%d+)" or 1)
    end
    assert.are.equal(20, counted)
  end)

  it("tells the metrics of all workers, also of those that have ended", function()
    assert(start { workers = 4, listen = "reuseport", http = "lua_shared_dict shared 1m;\n",
      init = SHARED .. ', dict = "shared"' })
    local function metrics()
      return exposition.read(ask("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").body)
    end
    local function wait_for_metric(line)
      local series, value = line:match "^(.*) (%d+)$"
      server:wait(function()
        -- another worker may be adding its counts, one after another
        local is_whole, read = pcall(metrics)
        return is_whole and read.value(series) == tonumber(value)
      end, line)
    end
    local body = of_app("1", "the same")
    for _ = 1, 25 do assert.are.equal(200, ask(signed(body)).status) end
    assert.are.equal(401, ask(raw.post(body)).status)
    local stored = 'marketplace_requests_total{outcome="stored",reason=""} '
    local refused = 'marketplace_requests_total{outcome="refused",reason="signature_missing"} 1'
    wait_for_metric 'marketplace_requests_total{outcome="duplicate",reason=""} 24'
    wait_for_metric(refused)
    server:reload()
    assert.are.equal(200, ask(signed(of_app("2", "another"))).status)
    wait_for_metric(stored .. 2)
    wait_for_metric(refused)
    wait_for_metric "marketplace_commit_seconds_count 26"
    wait_for_metric 'marketplace_runs_total{outcome="done"} 2'
    wait_for_metric 'marketplace_inbox_notifications{state="ready"} 0'
    server:write("secrets", "another secret\n")
    server:reload() -- no worker that is left knows the secret that these were signed with
    wait_for_metric(('marketplace_verified_total{secret="%s"} 26'):format(marketplace.fingerprint(SECRET)))
    wait_for_metric(('marketplace_verified_total{secret="%s"} 0'):format(marketplace.fingerprint "another secret"))
  end)

  describe("with lua_code_cache off", function()
    it("reads the handlers anew for each request, and runs them", function()
      for _, init in ipairs { MEMORY .. ", retry = { base = 0.01 }", SHARED } do
        assert(start { http = "lua_code_cache off;\n", init = init, handlers = [[
          return function(receiver)
            receiver:on("*", function(n, ctx)
              tell("old", n.id, ctx.attempt)
              if ctx.attempt == 1 and n.app_id == "again" then return nil, "not yet" end
            end)
          end]] })
        assert.are.equal(200, ask(signed(of_app("1", "a"))).status)
        wait_for_told "old a 1"
        server:write("handlers.lua", server:read "handlers.lua":gsub('"old"', '"new"'))
        -- the request before may still be at it, and run what comes now with what it has
        for i = 1, 100 do
          local id = "b" .. i
          assert.are.equal(200, ask(signed(of_app("1", id))).status)
          wait_for_told(id .. " 1")
          if told():find("new " .. id .. " 1", 1, true) then break end
        end
        assert.is_truthy(told():find("new b", 1, true))
        if init ~= SHARED then
          assert.are.equal(200, ask(signed(of_app("again", "c"))).status)
          wait_for_told "new c 2"
        end
        server:stop()
      end
      server = nil
    end)
  end)

  describe("does not start", function()
    local function refused(given, message)
      local made, problem = start(given)
      assert.is_nil(made)
      assert.is_truthy(problem:find(message, 1, true), problem)
    end

    it("without what it needs, and says what that is", function()
      refused({ init = 'inbox = "memory", dispatch = true', workers = 4 }, "set worker_processes 1")
      refused({ init = 'inbox = "memory:", dispatch = true', workers = 4 }, "set worker_processes 1")
      refused({ init = 'inbox = "memory"' }, "needs dispatch = true")
      refused({ init = 'inbox = "postgres:host=a password=b"' }, "there is no PostgreSQL inbox inside nginx")
      refused({ init = 'inbox = assert(require("marketplace").inbox("sqlite:a.db"))' }, "would hold up all requests")
      refused({ init = 'inbox = "memory", dispatch = true, secrets = "x"' }, "one of the options 'secrets'")
      refused({ init = 'inbox = "memory", dispatch = true, dict = "none"' }, "no lua_shared_dict 'none'")
      refused({ init = 'inbox = "memory", dispatch = true, lese = 1' }, "unknown option 'lese'")
      refused({ init = 'inbox = "memory", dispatch = true } require("marketplace.nginx").init { inbox = "memory"' },
        "one nginx has one receiver")
      refused({ handlers = "return 1" }, "must return function(receiver)")
      refused({ handlers = "syntax error" }, "handlers.lua")
      refused({ handlers = "return function() return nil, 'no database' end" }, "no database")
      refused({ init = MEMORY .. ", handlers = function() return nil, 'no database' end" }, "no database")
    end)
  end)

  it("warns once of secrets and an inbox that others can read, and of those files only", function()
    local made = shell.run "mktemp -u"
    assert(inbox.open("sqlite:" .. made)):close()
    assert(start { workers = 2, init = ([[dispatch = true, inbox = (function()
      os.execute "cd <folder> && mv %s inbox.db && chmod 640 inbox.db && chmod 644 secrets"
      return "sqlite:inbox.db"
    end)()]]):format(made) })
    os.remove(made .. "-holders")
    local secrets, database = server.folder .. "/secrets", core.real_path(server.folder) .. "/inbox.db"
    server:wait_for("others can read " .. database)
    local log = server:error_log()
    assert.matches('%[warn%].* advice reason="others can read %S+/inbox.db %(mode 0640%), .*: chmod 600 %S+/inbox.db ',
      log)
    assert.equal(1, select(2, log:gsub("others can read", "")))
    assert.is_nil(log:find("-holders", 1, true))
    server:reload() -- at the start the terminal gets what init logs
    server:wait_for(("others can read %s (mode 0644): chmod 600 %s"):format(secrets, secrets))
  end)

  it("warns of white space and quotes around the secrets of its options", function()
    assert(start { secrets = [[secrets = { "'a'", "b\n" }]] })
    server:reload() -- at the start the terminal gets what init logs
    server:wait_for "advice reason=\"secret 2 in the option 'secrets' ends with white space: remove it"
    assert.is_truthy(server:error_log():find("secret 1 in the option 'secrets' is in quotes: remove them", 1, true))
  end)

  it("keeps the password for Redis when another nginx takes over, or says what it takes", function()
    local redis = redis_server.start "--requirepass hunter2"
    finally(function() redis:remove() end)
    local given = { init = ('inbox = "redis:%s"'):format(redis:words()), started_with = "REDISCLI_AUTH=hunter2" }
    local advice = "write env REDISCLI_AUTH; at the top of nginx's configuration"
    assert(start(given))
    server:wait_for(advice)
    server:stop()
    given.main = "env REDISCLI_AUTH;"
    assert(start(given))
    assert.are.equal(200, ask(signed(of_app "1")).status)
    server:take_over()
    assert.are.equal(200, ask(signed(of_app "2")).status)
    assert.is_nil(server:error_log():find(advice, 1, true))
    assert.is_nil(server:error_log():find("hunter2", 1, true))
  end)

  it("answers 503 if init_worker was forgotten, as nobody would run what is stored", function()
    assert(start { init_worker = "" })
    assert.are.equal(503, ask(signed(of_app "1")).status)
    server:wait_for "call marketplace.nginx's init_worker in init_worker_by_lua"
  end)
end)
