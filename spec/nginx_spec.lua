-- marketplace.nginx in a real nginx with the module for Lua.
local core = require "marketplace.core"
local inbox = require "marketplace.inbox"
local marketplace = require "marketplace"
local nginx_server = require "support.nginx_server"
local raw = require "support.raw_http"
local samples = require "marketplace.samples"
local shell = require "support.shell"

local SECRET = "the secret of the specs"

local LOCATIONS = [[
location = /notifications { content_by_lua_block { require("marketplace.nginx").handle() } }
location = /metrics { content_by_lua_block { require("marketplace.nginx").metrics() } }
location = /healthz { content_by_lua_block { require("marketplace.nginx").health() } }
]]

-- What a handlers file of the specs begins with: `tell(...)` adds a line to a file, with one write.
local HANDLERS = [[
local function tell(...)
  local file = assert(io.open("<folder>/told", "a"))
  file:write(table.concat({ ... }, " ") .. "\n")
  file:close()
end
]]

describe("marketplace.nginx", function()
  local server

  local function start(given)
    server = nil
    local made, problem = nginx_server.start {
      workers = given.workers, env = given.env, files = {
        ["handlers.lua"] = HANDLERS .. (given.handlers or [[
          return function(receiver) receiver:on("*", function(n) tell(n.id or "-") end) end]]),
        secrets = SECRET .. "\n",
      },
      main = given.main,
      http = (given.http or "") .. ([[
        init_by_lua_block {
          require("marketplace.nginx").init {
            handlers = "handlers.lua", secret_file = "secrets", %s
          }
        }
        init_worker_by_lua_block { require("marketplace.nginx").init_worker() }
      ]]):format(given.init or 'inbox = "memory", dispatch = true'),
      server = (given.server or "") .. LOCATIONS,
    }
    server = made
    return made, problem
  end

  after_each(function()
    if server then server:stop() end
    server = nil
  end)

  local function signed(body, headers)
    local lines = { "X-Apple-Signature: " .. marketplace.sign(SECRET, body) }
    for _, line in ipairs(headers or {}) do lines[#lines + 1] = line end
    return raw.post(body, lines)
  end

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
    local body = ('{"data":{"type":"AppUnavailable","version":1,"id":"%s","attributes":{"appId":"1","x":"%s"}}}'):format(
      id, "%s")
    return body:format(("x"):rep(bytes - #body + 2)), id
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
      end
      for _, code in ipairs { "signature_missing\"} 1", "signature_malformed\"} 3", "signature_mismatch\"} 1" } do
        assert.is_truthy(ask("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").body:find(code, 1, true), code)
      end
      server:wait_for "refused status=401 remote=127.0.0.1"
      assert.is_nil(server:error_log():find(header:match "%x+$", 1, true))
    end)

    it("401 also where the signature comes twice behind a hundred other headers", function()
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
      assert.is_nil(server:error_log():find("stored", 1, true))
    end)

    it("health", function()
      assert.are.same("ok\n", ask("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").body)
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
    it("with Retry-After where the inbox cannot store, or fails", function()
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

    it("where the worker ends and only it would know", function()
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
end)
