-- The client's own part: tokens, what is tried again and when, errors, pages, several calls at once. Without a network.
local cjson = require "cjson"
local marketplace = require "marketplace"
local shell = require "support.shell"

local NOW = 1780000000
local KEY = shell.run "openssl ecparam -name prime256v1 -genkey -noout" .. "\n"
local SECRET = "the webhook's own secret"

local function answer(status, body, headers)
  if type(body) == "table" then body = cjson.encode(body) end
  return { status = status, body = body or "", headers = headers or {} }
end

local FOUND = '{"data":{"type":"webhooks","id":"w1","attributes":{"name":"a"}},"links":{"self":"x"}}'

local function errors(status, code)
  return answer(status, { errors = { { status = tostring(status), code = code, title = "title", detail = "detail" } } })
end

local function lost(sent, code)
  return function() return nil, "the peer is gone", code or "http_failed", { sent = sent } end
end

-- A client whose transport gives one answer after another, the last one again and again, and whose clock moves only
-- when it sleeps.
local function rig(answers, more)
  local made = { requests = {}, slept = {}, time = NOW, entries = {} }
  local given = {
    key = KEY, key_id = "K1", issuer_id = "I1", base_url = "http://127.0.0.1:1",
    clock = function() return made.time end,
    random = function() return 0.5 end,
    sleep = function(seconds)
      made.slept[#made.slept + 1] = seconds
      made.time = made.time + seconds
    end,
    log = function(entry) made.entries[#made.entries + 1] = entry end,
    transport = function(request)
      made.requests[#made.requests + 1] = request
      local next_answer = answers[math.min(#made.requests, #answers)]
      if type(next_answer) == "function" then return next_answer(request, made) end
      return next_answer
    end,
  }
  for name, value in pairs(more or {}) do given[name] = value end
  made.client = assert(marketplace.client(given))
  return made
end

local function bearer(request)
  for _, line in ipairs(request.headers) do
    local token = line:match "^Authorization: Bearer (.+)$"
    if token then return token end
  end
end

local function claims(request)
  local base64 = bearer(request):match "%.([^.]+)%.":gsub("-", "+"):gsub("_", "/")
  return cjson.decode(shell.run(("echo '%s' | base64 -d"):format(base64 .. ("="):rep(-#base64 % 4))))
end

describe("marketplace.client", function()
  it("passes a trace on with each request, under spans of their own", function()
    local TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    local made = rig { answer(200, FOUND) }
    local traced = made.client:traced(TRACE)
    local function sent(client)
      client.webhooks:get "w1"
      return table.concat(made.requests[#made.requests].headers, "\n"):match "\ntraceparent: ([^\n]+)"
    end
    local one, other = sent(traced), sent(traced)
    for _, header in ipairs { one, other } do
      assert.matches("^00%-0af7651916cd43dd8448eb211c80319c%-%x+%-01$", header)
      assert.not_equal(TRACE, header)
    end
    assert.not_equal(one, other)
    assert.is_nil(sent(made.client))
    assert.equal(made.client, made.client:traced(nil))
    assert.equal(made.client, made.client:traced "made up")
  end)

  describe("requests", function()
    it("have the token, the query in order and the body", function()
      local made = rig { answer(200, FOUND) }
      local document, response = made.client:request("GET", "/v1/webhooks/w1",
        { query = { limit = 5, ["fields[webhooks]"] = { "name", "url" }, a = "x y&z" } })
      assert.equal("w1", document.data.id)
      assert.equal(200, response.status)
      local request = made.requests[1]
      assert.equal("http://127.0.0.1:1/v1/webhooks/w1?a=x%20y%26z&fields%5Bwebhooks%5D=name,url&limit=5", request.url)
      assert.is_nil(request.body)
      local lines = table.concat(request.headers, "\n")
      assert.matches("\nAccept: application/json\nUser%-Agent: lua%-marketplace$", lines)
      assert.same({ iss = "I1", aud = "appstoreconnect-v1", iat = NOW - 60, exp = NOW + 1140 }, claims(request))
      assert(made.client.webhooks:update("w1", { enabled = false }))
      assert.same({ data = { type = "webhooks", id = "w1", attributes = { enabled = false } } },
        cjson.decode(made.requests[2].body))
      assert.equal("Content-Type: application/json", made.requests[2].headers[4])
    end)

    it("have whole numbers as such in the query, whatever their kind", function()
      local made = rig { answer(200, FOUND) }
      local query = { limit = 100 / 2, half = 0.5, list = { 2 ^ 53, -6 / 2 }, yes = true }
      assert(made.client:request("GET", "/v1/webhooks/w1", { query = query }))
      assert.matches("?half=0.5&limit=50&list=9007199254740992,-3&yes=true", made.requests[1].url, 1, true)
    end)

    it("never take the token to another host", function()
      local made = rig { answer(200, FOUND) }
      for _, path in ipairs {
        "https://api.appstoreconnect.apple.com/v1/apps", "http://127.0.0.1:2/v1/apps", "https://127.0.0.1:1/v1/apps",
        "http://127.0.0.1:1@example.com/v1/apps", "http://127.0.0.1:1.example.com/", "v1/apps", "@example.com/v1",
      } do
        local document, message, code, detail = made.client:request("GET", path)
        assert.same({ nil, "request_invalid", false }, { document, code, detail.sent }, message)
      end
      assert.equal(0, #made.requests)
      assert(made.client:request("GET", "http://127.0.0.1:1/v1/apps?cursor=x", { query = { limit = 1 } }))
      assert.equal("http://127.0.0.1:1/v1/apps?cursor=x&limit=1", made.requests[1].url)
    end)

    it("with a mistake in the program raise", function()
      local client = rig({ answer(200, FOUND) }).client
      assert.error_matches(function() client:request("BREW", "/v1") end, "the method must be GET, POST, PATCH or D")
      assert.has_error(function() client:request("GET") end, "client:request: the path must be a string")
      assert.error_matches(function() client:request("GET", "/v1", { querry = {} }) end, "unknown option 'querry'")
      assert.error_matches(function() marketplace.client {} end, "option 'key_id' is missing")
      for pattern, given in pairs {
        ["an api token needs either 'issuer_id'"] = { key_id = "a", key = KEY },
        ["either 'key' or 'key_file' is needed"] = { key_id = "a", issuer_id = "b" },
        ["option 'key_id' must be one word"] = { key_id = "a b", issuer_id = "b", key = KEY },
      } do
        local ok, problem = pcall(function() return (marketplace.client(given)) end)
        assert.is_false(ok)
        assert.matches("^spec/client_spec.lua:%d+: marketplace.client: " .. pattern, problem)
      end
      for pattern, call in pairs {
        ["client:request: the path"] = function() client:request("GET") return 1 end,
        ["client:request: unknown option"] = function() client:request("GET", "/v1", { a = 1 }) return 1 end,
        ["client:request: option 'timeout'"] = function() client:request("GET", "/v1", { timeout = 0 }) return 1 end,
        ["client:request: option 'query'"] = function() client:request("GET", "/v1", { query = { {} } }) return 1 end,
        ["client:parallel: task 1"] = function() client:parallel { { 1, "/v1" } } return 1 end,
        ["client:parallel: task 2"] = function() client:parallel { print, {} } return 1 end,
        ["client:parallel: unknown option"] = function() client:parallel({}, { a = 1 }) return 1 end,
        ["client:parallel: option 'at_once'"] = function() client:parallel({}, { at_once = 0 }) return 1 end,
        ["client:parallel: a list of tasks"] = function() client:parallel(1) return 1 end,
        ["client:download: unknown option"] = function() client:download("https://a", { a = 1 }) return 1 end,
        ["client:download: the URL must be a string"] = function() client:download(1, { file = "a" }) return 1 end,
        ["client:download: either"] = function() client:download("https://a", {}) return 1 end,
      } do
        local ok, problem = pcall(call)
        assert.is_false(ok)
        assert.matches("^spec/client_spec.lua:%d+: " .. pattern, problem)
      end
      for _, timeout in ipairs { 0, -1, 86400.5, 0 / 0, math.huge } do
        assert.error_matches(function() client:request("GET", "/v1", { timeout = timeout }) end, "option 'timeout'")
      end
      for name, value in pairs { ["1"] = { "limit" }, limit = { limit = print }, apps = { apps = { "1", {} } } } do
        assert.error_matches(function() client:request("GET", "/v1", { query = value }) end,
          "client:request: option 'query' must have .* for '" .. name)
      end
      for name, values in pairs {
        base_url = { "api.example.com", "ftp://api.example.com", "https://a/?b", "https://a/#b" },
        retries = { -1, 101 }, timeout = { 0, 86401 }, attempt_timeout = { 0, 86401 }, connect_timeout = { 0, 86401 },
      } do
        for _, value in ipairs(values) do
          local ok, problem = pcall(function()
            local made = marketplace.client { key_id = "a", key = KEY, issuer_id = "b", [name] = value }
            return made
          end)
          assert.is_false(ok)
          assert.matches("^spec/client_spec.lua:%d+: marketplace.client: option '" .. name .. "'", problem)
        end
      end
      local made, message, code = marketplace.client { key_id = "a", key_file = "/nowhere.p8", issuer_id = "b" }
      assert.same({ nil, "key_invalid" }, { made, code })
      assert.matches("/nowhere.p8: No such file", message)
    end)

    it("take every option up to its limit", function()
      local made = rig({ errors(500, "X") }, { retries = 100, timeout = 86400, attempt_timeout = 86400,
        connect_timeout = 86400, random = function() return 0 end })
      made.client:request("GET", "/v1/webhooks/w1", { timeout = 86400 })
      assert.equal(101, #made.requests)
      assert.same({ 86400, 86400 }, { made.requests[1].timeout, made.requests[1].connect_timeout })
      made = rig({ errors(500, "X") }, { retries = 0 })
      made.client:request("GET", "/v1/webhooks/w1")
      assert.equal(1, #made.requests)
      assert.equal(1, #made.client:parallel({ function() end }, { at_once = 1 }))
    end)

    it("report the limit of requests", function()
      local made = rig { answer(200, FOUND, { ["x-rate-limit"] = "user-hour-lim:3500;user-hour-rem:499;" }) }
      assert.same({}, made.client.rate_limit)
      assert(made.client.webhooks:get "w1")
      assert.same({ limit = 3500, remaining = 499 }, made.client.rate_limit)
      for _, header in ipairs {
        "user-hour-lim:1;", "user-hour-rem:1;", "", "user-hour-lim:x;user-hour-rem:y",
        "user-hour-lim:1;user-hour-rem:1234567890123456;", { "user-hour-lim:1;user-hour-rem:1;" },
      } do
        local other = rig { answer(200, FOUND, { ["x-rate-limit"] = header }) }
        assert(other.client.webhooks:get "w1")
        assert.same({}, other.client.rate_limit)
      end
      made = rig { answer(200, FOUND, { ["x-rate-limit"] = "user-hour-lim:123456789012345;user-hour-rem:0;" }) }
      assert(made.client.webhooks:get "w1")
      assert.same({ limit = 123456789012345, remaining = 0 }, made.client.rate_limit)
    end)
  end)

  describe("tokens", function()
    it("are used until shortly before they expire", function()
      local made = rig { answer(200, FOUND) }
      for _ = 1, 3 do assert(made.client.webhooks:get "w1") end
      made.time = NOW + 1019
      assert(made.client.webhooks:get "w1")
      made.time = NOW + 1021
      assert(made.client.webhooks:get "w1")
      local first = bearer(made.requests[1])
      for i = 2, 4 do assert.equal(first, bearer(made.requests[i])) end
      assert.not_equal(first, bearer(made.requests[5]))
    end)

    it("follow the server's clock, when it is ten minutes off", function()
      for _, off in ipairs { -600, 600 } do
        local server_time = NOW
        local made = rig({ function(request)
          local claimed = claims(request)
          local good = claimed.iat <= server_time and claimed.exp > server_time and claimed.exp - claimed.iat <= 1200
          local date = os.date("!%a, %d %b %Y %H:%M:%S GMT", server_time)
          return good and answer(200, FOUND, { date = date })
            or answer(401, { errors = { { status = "401", code = "NOT_AUTHORIZED", title = "t" } } }, { date = date })
        end })
        made.time = NOW + off
        assert(made.client.webhooks:get "w1")
        -- a slow clock's token is still good: it began earlier than it had to
        assert.equal(off > 0 and 2 or 1, #made.requests)
        assert(made.client.webhooks:get "w1")
        assert.equal(off > 0 and 3 or 2, #made.requests)
        assert.same({}, made.slept)
      end
    end)

    it("forget a server's clock once it does not help", function()
      local made = rig { answer(401, "", { date = "Thu, 01 Jan 1970 00:00:00 GMT" }), answer(401), answer(401),
        answer(200, FOUND) }
      made.client.webhooks:get "w1"
      assert.equal(-60, claims(made.requests[2]).iat)
      assert(made.client.webhooks:get "w1")
      assert.equal(NOW - 60, claims(made.requests[4]).iat)
    end)

    it("that are refused have the message name a clock that is wrong", function()
      local function message_at(off)
        local made = rig { answer(401, "", { date = "Thu, 28 May 2026 20:26:40 GMT" }) }
        made.time = NOW + off
        return select(2, made.client.webhooks:get "w1")
      end
      assert.equal("Thu, 28 May 2026 20:26:40 GMT", os.date("!%a, %d %b %Y %H:%M:%S GMT", NOW))
      local HINT = "; this machine's clock is %s the server's, which may be why: set it, best by NTP"
      for off, words in pairs { [30] = "30 s ahead of", [3601.7] = "3601 s ahead of", [-86400] = "86400 s behind" } do
        local message = message_at(off)
        assert.is_truthy(message:find(HINT:format(words), 1, true), message)
      end
      for _, off in ipairs { 0, 29, -29 } do assert.is_nil(message_at(off):find("clock", 1, true)) end
    end)

    it("that are refused twice end the call", function()
      local made = rig { errors(401, "NOT_AUTHORIZED") }
      local got, message, code, detail = made.client.webhooks:get "w1"
      assert.same({ nil, "unauthorized", 401, 2 }, { got, code, detail.status, #made.requests })
      assert.matches("NOT_AUTHORIZED", message)
    end)

    it("have a scope", function()
      local made = rig({ answer(200, FOUND) }, { scope = { "GET /v1/webhooks" } })
      assert(made.client.webhooks:get "w1")
      assert.same({ "GET /v1/webhooks" }, claims(made.requests[1]).scope)
    end)
  end)

  describe("of failures", function()
    local function outcome(answers, call, more)
      local made = rig(answers, more)
      local got, message, code, detail = call(made.client)
      return made, got, message, code, detail
    end

    local function get(client) return client.webhooks:get "w1" end
    local function update(client) return client.webhooks:update("w1", { enabled = true }) end
    local function delete(client) return client.webhooks:delete "w1" end
    local function create(client) return client.webhookPings:create { webhook = "w1" } end

    -- answer, and how many attempts of each method: 5 is all, 1 is one
    local TABLE = {
      { "a refused connection", lost(false, "connect_failed"), get = 5, update = 5, delete = 5, create = 5 },
      { "no connection in time", lost(false, "timeout"), get = 5, update = 5, delete = 5, create = 5 },
      { "no answer in time", lost(true, "timeout"), get = 5, update = 5, delete = 5, create = 1 },
      { "a cut connection", lost(true), get = 5, update = 5, delete = 5, create = 1 },
      { "a certificate that is not trusted", lost(false, "tls_failed"), get = 1, update = 1, delete = 1, create = 1 },
      { "429", errors(429, "RATE_LIMIT_EXCEEDED"), get = 5, update = 5, delete = 5, create = 5 },
      { "500", errors(500, "UNEXPECTED_ERROR"), get = 5, update = 5, delete = 5, create = 1 },
      { "HTML from a gateway", answer(502, "<html>bad gateway</html>"), get = 5, update = 5, delete = 5, create = 1 },
      { "503 and nothing", answer(503), get = 5, update = 5, delete = 5, create = 1 },
      { "409", errors(409, "STATE_ERROR"), get = 1, update = 1, delete = 1, create = 1 },
      { "404", errors(404, "NOT_FOUND"), get = 1, update = 1, delete = 1, create = 1 },
      { "a redirect", answer(302, "", { location = "/x" }), get = 1, update = 1, delete = 1, create = 1 },
      { "no JSON", answer(200, "<html>"), get = 1, update = 1, create = 1 },
    }
    local CALLS = { get = get, update = update, delete = delete, create = create }

    for _, row in ipairs(TABLE) do
      for name, call in pairs(CALLS) do
        if row[name] then
          it(("%s: %s is sent %d times"):format(row[1], name, row[name]), function()
            local made, got, message, code = outcome({ row[2] }, call)
            assert.is_nil(got)
            assert.equal(row[name], #made.requests, message)
            assert.is_string(code)
            assert.matches("^%u+ /v1/", message)
          end)
        end
      end
    end

    it("the pauses grow, at random up to twice as long each time", function()
      assert.same({ 0.25, 0.5, 1, 2 }, outcome({ errors(500, "X") }, get).slept)
      assert.same({ 0, 0, 0, 0 }, outcome({ errors(500, "X") }, get, { random = function() return 0 end }).slept)
      local made = rig({ errors(500, "X") }, { retries = 12, timeout = 86400 })
      get(made.client)
      assert.equal(15, made.slept[12])
    end)

    it("Retry-After is heeded, in both forms, by the server's clock", function()
      local date = "Sun, 06 Nov 1994 08:49:37 GMT"
      local until_ = "Sun, 06 Nov 1994 08:49:47 GMT"
      local made, got = outcome({ answer(429, "", { ["retry-after"] = "7" }),
        answer(503, "", { ["retry-after"] = until_, date = date }), answer(200, FOUND) }, get)
      assert.equal("w1", got.id)
      assert.same({ 7.25, 10.5 }, made.slept)
    end)

    it("a call takes no longer than its timeout", function()
      local made, got, _, code, detail = outcome({ answer(429, "", { ["retry-after"] = "61" }) }, get)
      assert.same({ nil, "rate_limited", 61, 1 }, { got, code, detail.retry_after, #made.requests })
      local function hang(request, state)
        state.time = state.time + request.timeout
        return nil, "no answer", "timeout", { sent = true }
      end
      made = outcome({ hang }, get)
      assert.is_true(made.time <= NOW + 60.001 and #made.requests == 2)
      made = outcome({ hang }, get, { timeout = 5 })
      assert.is_true(made.time <= NOW + 5.001 and #made.requests == 1)
      made = rig { hang }
      made.client:request("GET", "/v1/apps", { timeout = 3 })
      assert.equal(NOW + 3, made.time)
    end)

    it("a POST that may have been executed says so", function()
      for _, one in ipairs { lost(true), errors(500, "UNEXPECTED_ERROR"), answer(201, "{"), answer(201, "<html>") } do
        local _, _, message, _, detail = outcome({ one }, create)
        assert.matches("it may have been executed all the same", message)
        assert.is_true(detail.may_have_run)
      end
      for _, one in ipairs { lost(false, "connect_failed"), errors(409, "X"), errors(429, "X") } do
        local _, _, message, _, detail = outcome({ one }, create)
        assert.is_nil(message:find("may have been", 1, true))
        assert.is_nil(detail.may_have_run)
      end
    end)

    it("a DELETE that finds nothing, once it may have been executed, is done", function()
      assert.is_true(select(2, outcome({ lost(true), errors(404, "NOT_FOUND") }, delete)))
      assert.is_true(select(2, outcome({ errors(500, "X"), errors(404, "NOT_FOUND") }, delete)))
      local _, got, _, _, detail = outcome({ lost(false, "connect_failed"), errors(404, "NOT_FOUND") }, delete)
      assert.same({ nil, 404 }, { got, detail.status })
      assert.is_nil(select(2, outcome({ lost(true), answer(404, "<html>not here</html>") }, delete)))
    end)

    it("a DELETE that is answered with a page is none", function()
      local _, got, _, code = outcome({ answer(200, "<html>hello</html>") }, delete)
      assert.same({ nil, "answer_invalid" }, { got, code })
      assert.is_true(select(2, outcome({ answer(204) }, delete)))
      assert.is_true(select(2, outcome({ answer(200) }, delete)))
    end)

    it("what is tried again is logged, and never with a token or a secret", function()
      local function echoes(request)
        return answer(409, { errors = { { status = "409", code = "X", title = "t",
          detail = ("the secret '%s' and %s"):format(SECRET, bearer(request)), source = { pointer = SECRET } } } })
      end
      local made = rig { errors(500, "X"), echoes }
      local quoted = 'q8/"' .. SECRET
      local _, quoting = rig({ function(request)
        return answer(409, { errors = { { status = "409", code = "X", title = "t", detail = "in " .. request.body } } })
      end }).client.webhooks:update("w1", { secret = quoted })
      assert.is_nil(quoting:find(SECRET, 1, true), quoting)
      local got, message, _, detail = made.client.webhooks:update("w1", { secret = SECRET })
      assert.is_nil(got)
      local words = { message }
      for _, error_object in ipairs(detail.errors) do
        for _, value in pairs(error_object) do words[#words + 1] = value end
      end
      for _, entry in ipairs(made.entries) do words[#words + 1] = require("marketplace.log").line(entry) end
      words = table.concat(words, "\n")
      assert.matches("trying again .*attempt=1 again_in=0%.%ds url=\"PATCH http", words)
      assert.matches("answered .*status=409 attempt=2", words)
      assert.is_nil(words:find(SECRET, 1, true))
      assert.is_nil(words:find("eyJ", 1, true), words)
    end)
  end)

  describe("several calls at once", function()
    it("wait for one another's pauses together, and give results in order", function()
      local tries = {}
      local made = rig { function(request)
        tries[request.url] = (tries[request.url] or 0) + 1
        if tries[request.url] < 3 then return errors(500, "X") end
        return answer(200, FOUND)
      end }
      local results = made.client:parallel({
        function() return made.client.webhooks:get "w1" end,
        { "GET", "/v1/webhooks/w2", { query = { limit = 1 } } },
        function() return nil, "a", "b" end,
      }, { at_once = 2 })
      assert.equal("w1", results[1][1].id)
      assert.equal("w1", results[2][1].data.id)
      assert.same({ n = 3, nil, "a", "b" }, results[3])
      assert.equal(3, tries["http://127.0.0.1:1/v1/webhooks/w2?limit=1"])
      assert.equal(NOW + 0.75, made.time) -- not one after another
    end)

    it("raise what one of them raises", function()
      local made = rig { answer(200, FOUND) }
      assert.error_matches(function()
        made.client:parallel { function() made.client.webhooks:get(1) end }
      end, "an id is expected")
      assert.error_matches(function() made.client:parallel { 1 } end, "task 1 must be a function")
      for _, at_once in ipairs { 0, 1.5, 0 / 0 } do
        assert.error_matches(function() made.client:parallel({}, { at_once = at_once }) end, "at_once")
      end
      assert.same({}, made.client:parallel {})
    end)

    it("leave a caller's own loop running", function()
      local made = rig({ errors(500, "X"), answer(200, FOUND) }, {
        pause = function(seconds) coroutine.yield(seconds) end,
      })
      local thread = coroutine.create(function() return made.client.webhooks:get "w1" end)
      local ok, seconds = coroutine.resume(thread)
      assert.same({ true, 0.25, "suspended" }, { ok, seconds, coroutine.status(thread) })
      local _, webhook = coroutine.resume(thread)
      assert.equal("w1", webhook.id)
      assert.same({}, made.slept)
    end)
  end)

  describe("downloads", function()
    it("show no token, follow redirects and stay on https", function()
      local made = rig {
        answer(302, "", { location = "/second" }), answer(307, "", { location = "http://127.0.0.1:2/third" }),
        function(request)
          request.sink "some "
          request.sink "bytes"
          return answer(200)
        end,
      }
      local path = os.tmpname()
      assert.equal(10, assert(made.client:download("http://127.0.0.1:1/first", { file = path })).bytes)
      local file = assert(io.open(path))
      assert.equal("some bytes", file:read "*a")
      file:close()
      os.remove(path)
      for _, request in ipairs(made.requests) do assert.is_nil(request.headers) end
      assert.equal("http://127.0.0.1:1/second", made.requests[2].url)
      assert.equal("http://127.0.0.1:2/third", made.requests[3].url)
      local got, message = rig({ answer(302, "", { location = "http://127.0.0.1/" }) }).client:download(
        "https://example.com/", { sink = function() end })
      assert.is_nil(got)
      assert.matches("away from https", message)
      got, message = rig({ answer(302, "", { location = "/again" }) }).client:download("https://example.com/",
        { sink = function() end })
      assert.is_nil(got)
      assert.matches("more than 5 redirects", message)
    end)

    it("leave nothing behind if they fail", function()
      local path = os.tmpname()
      os.remove(path)
      for _, one in ipairs { answer(403), lost(true), function(request)
        request.sink "half"
        return nil, "cut", "http_failed", { sent = true }
      end } do
        assert.is_nil((rig({ one }).client:download("https://example.com/", { file = path })))
        assert.is_nil((io.open(path)))
        assert.is_nil((io.open(path .. ".part")))
      end
      local _, message, code = rig({ answer(200) }).client:download("https://example.com/", { file = "/nowhere/x" })
      assert.equal("file_failed", code, message)
    end)
  end)
end)
