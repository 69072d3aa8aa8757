-- Forwards: what is sent on to another system, and how it fares apart from the notification and from other forwards.
local base64 = require "marketplace.base64"
local core = require "marketplace.core"
local entries = require "marketplace.cli.commands.inbox.entries"
local http_server = require "marketplace.http_server"
local marketplace = require "marketplace"
local memory = require "marketplace.inbox.memory"
local samples = require "marketplace.samples"

local SECRET = "a receiver's secret"
local MOST_SECONDS = 20
local KEY = "0123456789abcdefghijklmnopqrstuv" -- the key's bytes
local WHSEC = "whsec_" .. base64.encode(KEY)

describe("a forward", function()
  local servers, receivers

  before_each(function() servers, receivers = {}, {} end)

  after_each(function()
    for _, receiver in ipairs(receivers) do receiver.dispatcher:stop(0) end
    for _, system in ipairs(servers) do system.http:close() end
  end)

  -- Another system, in this process: `answers` one after another, the last one for ever; false: none yet.
  local function other_system(...)
    local http = assert(http_server.open { port = 0 })
    local system = {
      http = http, url = ("http://127.0.0.1:%d/hook"):format((select(2, http:address()))), answers = { ... }, got = {},
    }
    servers[#servers + 1] = system
    return system
  end

  local function answer_all(system)
    local requests = assert(system.http:poll(0))
    for _, request in ipairs(requests) do
      system.got[#system.got + 1] = request
      local given = system.answers[math.min(#system.got, #system.answers)]
      if type(given) == "number" then given = { status = given } end
      if given then
        system.http:answer({ request }, { { status = given.status, headers = given.headers or {},
          body = given.body or "ok" } })
      end
    end
  end

  local function receiver_of(given)
    given = given or {}
    given.secrets, given.log = SECRET, given.log or function() end
    given.retry = given.retry or { base = 0 }
    local receiver = marketplace.receiver(given)
    receivers[#receivers + 1] = receiver
    return receiver
  end

  local function arrives(receiver, event, id, given, more)
    given = given or {}
    given.id, given.generation = id, 2
    local body = samples.body(event, given)
    local headers = { ["x-apple-signature"] = marketplace.sign(SECRET, body) }
    for name, value in pairs(more or {}) do headers[name] = value end
    assert.equal(200, (receiver:handle { method = "POST", body = body, headers = headers }))
    return body
  end

  local function turn_until(receiver, is_over)
    local deadline = core.monotonic() + MOST_SECONDS
    while core.monotonic() < deadline do
      local pause = receiver.dispatcher:turn(1)
      for _, system in ipairs(servers) do answer_all(system) end
      if is_over() then return end
      core.sleep(math.min(pause, 0.001))
    end
    error "it does not come"
  end

  local function state_of(receiver, id)
    local entry = receiver.inbox:get(id)
    return entry and entry.state
  end

  local function has_ended(receiver, id, state)
    return function() return state_of(receiver, id) == state end
  end

  local function forward_to(system, given)
    given = given or {}
    given.url, given.name = system.url, given.name or "second"
    return assert(marketplace.forward(given))
  end

  describe("as Apple's", function()
    it("has the same bytes, signed anew", function()
      local system, receiver = other_system(200), receiver_of()
      receiver:on("*", forward_to(system, { secret = "another secret" }))
      local body = arrives(receiver, "app_unavailable", "n1")
      turn_until(receiver, has_ended(receiver, "forward:second:n1", "done"))
      local got = system.got[1]
      assert.same({ "POST", "/hook", body, "application/json" },
        { got.method, got.path, got.body, got.headers["content-type"] })
      assert.equal(1, marketplace.verify("another secret", got.body, got.headers["x-apple-signature"]))
      assert.equal("n1", got.headers["idempotency-key"])
      assert.equal("done", state_of(receiver, "n1"))
    end)

    it("is an entry of its own, in a lane of its own", function()
      local system, receiver = other_system(200), receiver_of()
      receiver:on("*", forward_to(system))
      arrives(receiver, "app_unavailable", "n1")
      turn_until(receiver, has_ended(receiver, "forward:second:n1", "done"))
      local original, entry = receiver.inbox:get "n1", receiver.inbox:get "forward:second:n1"
      assert.same({ "forward", "second/" .. original.app_id, original.type, original.body },
        { entry.event, entry.app_id, entry.type, entry.body })
      assert.matches("verified_by  %- %(it is to be sent on, and signed anew: a forward put it here%)",
        table.concat(entries.lines(entry, core.now()), "\n"))
    end)
  end)

  it("can be signed as Standard Webhooks has it, with each secret", function()
    local system, receiver = other_system(200), receiver_of()
    local other = "whsec_" .. base64.encode "an older key, which is still used"
    receiver:on("*", forward_to(system, { secret = { WHSEC, other }, headers = "standard" }))
    local body = arrives(receiver, "app_unavailable", "n1")
    turn_until(receiver, has_ended(receiver, "forward:second:n1", "done"))
    local headers = system.got[1].headers
    assert.equal("n1", headers["webhook-id"])
    local age = core.now() - tonumber(headers["webhook-timestamp"])
    assert.is_true(age >= 0 and age < 60)
    local signed = ("n1.%s."):format(headers["webhook-timestamp"]) .. body
    local words = {}
    for word in headers["webhook-signature"]:gmatch "%S+" do words[#words + 1] = word end
    for i, key in ipairs { KEY, "an older key, which is still used" } do
      local digits = marketplace.sign(key, signed):match "=(%x+)"
      local bytes = digits:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end)
      assert.equal("v1," .. base64.encode(bytes), words[i])
    end
    assert.equal(2, #words)
    assert.is_nil(headers["x-apple-signature"])
  end)

  it("sends a body of one's own, made anew each time", function()
    local system, receiver, made = other_system(500, 200), receiver_of(), 0
    receiver:on("*", forward_to(system, {
      content_type = "text/plain",
      body = function(n)
        made = made + 1
        return n.event .. made
      end,
    }))
    arrives(receiver, "app_unavailable", "n1")
    turn_until(receiver, has_ended(receiver, "forward:second:n1", "done"))
    assert.same({ "app_unavailable1", "app_unavailable2" }, { system.got[1].body, system.got[2].body })
    assert.equal("text/plain", system.got[1].headers["content-type"])
  end)

  it("leaves out what `when` does not want, and events that it is not added for", function()
    local system, receiver = other_system(200), receiver_of()
    receiver:on("app_unavailable", forward_to(system, { when = function(n) return n.id ~= "n1" end }))
    receiver:on("*", function() end)
    arrives(receiver, "app_unavailable", "n1")
    arrives(receiver, "app_restored", "n2")
    arrives(receiver, "app_unavailable", "n3")
    turn_until(receiver, has_ended(receiver, "forward:second:n3", "done"))
    assert.same({ ready = 0, leased = 0, dead = 0, done = 4 }, receiver.inbox:counts())
  end)

  it("makes no header of an id that is not a plain word", function()
    local system, receiver = other_system(200), receiver_of()
    receiver:on("*", forward_to(system, { secret = WHSEC, headers = "standard" }))
    local id = "n.1: \226\130\172"
    arrives(receiver, "app_unavailable", id)
    turn_until(receiver, has_ended(receiver, "forward:second:" .. id, "done"))
    local headers = system.got[1].headers
    assert.equal("sha256_" .. core.sha256(id), headers["webhook-id"])
    assert.equal(headers["webhook-id"], headers["idempotency-key"])
  end)

  describe("has a fate of its own:", function()
    it("one that fails repeats neither the others nor the callbacks", function()
      local away, well, receiver, ran = other_system(500), other_system(200), receiver_of(), 0
      receiver:on("*", function() ran = ran + 1 end)
      receiver:on("*", forward_to(away, { name = "away", attempts = 3 }))
      receiver:on("*", forward_to(well, { name = "well" }))
      arrives(receiver, "app_unavailable", "n1")
      turn_until(receiver, has_ended(receiver, "forward:away:n1", "dead"))
      turn_until(receiver, has_ended(receiver, "forward:well:n1", "done"))
      assert.same({ 1, 3, 1 }, { ran, #away.got, #well.got })
      local entry = receiver.inbox:get "forward:away:n1"
      assert.same({ "failed", "away answered 500: ok", 3 }, { entry.code, entry.reason, entry.attempt })
    end)

    it("a callback that fails has nothing forwarded again", function()
      local system, receiver, ran = other_system(200), receiver_of(), 0
      receiver:on("*", forward_to(system))
      receiver:on("*", function()
        ran = ran + 1
        return ran == 3, "not yet"
      end)
      arrives(receiver, "app_unavailable", "n1")
      turn_until(receiver, has_ended(receiver, "n1", "done"))
      turn_until(receiver, has_ended(receiver, "forward:second:n1", "done"))
      assert.same({ 3, 1 }, { ran, #system.got })
    end)

    it("nor has a replay of the notification; one of the forward has", function()
      local system, receiver, ran = other_system(200), receiver_of(), 0
      receiver:on("*", forward_to(system))
      receiver:on("*", function() ran = ran + 1 end)
      arrives(receiver, "app_unavailable", "n1")
      turn_until(receiver, has_ended(receiver, "forward:second:n1", "done"))
      receiver.inbox:replay { id = "n1", state = "done" }
      turn_until(receiver, has_ended(receiver, "n1", "done"))
      turn_until(receiver, function() return ran == 2 end)
      assert.equal(1, #system.got)
      receiver.inbox:replay { id = "forward:second:n1", state = "done" }
      turn_until(receiver, function() return #system.got == 2 end)
      assert.equal(2, ran)
    end)

    it("a forward that is dead stays so, however often the notification runs", function()
      local system, receiver = other_system(500), receiver_of()
      receiver:on("*", forward_to(system, { attempts = 1 }))
      arrives(receiver, "app_unavailable", "n1")
      turn_until(receiver, has_ended(receiver, "forward:second:n1", "dead"))
      receiver.inbox:replay { id = "n1", state = "done" }
      turn_until(receiver, has_ended(receiver, "n1", "done"))
      assert.equal("dead", state_of(receiver, "forward:second:n1"))
    end)

    it("one that hangs delays no callback", function()
      local system, receiver, ran = other_system(false), receiver_of(), 0
      receiver:on("*", forward_to(system))
      receiver:on("*", function() ran = ran + 1 end)
      for i = 1, 20 do arrives(receiver, "app_unavailable", "n" .. i, { app_id = tostring(i) }) end
      turn_until(receiver, function() return #system.got == 8 end)
      for i = 21, 40 do arrives(receiver, "app_unavailable", "n" .. i, { app_id = tostring(i) }) end
      turn_until(receiver, function() return ran == 40 end)
      assert.equal(8, #system.got)
    end)

    it("it gets the notifications of an app one after another, in their order", function()
      local system, receiver = other_system(false, 200), receiver_of()
      receiver:on("*", forward_to(system))
      arrives(receiver, "app_unavailable", "n1")
      arrives(receiver, "app_restored", "n2")
      turn_until(receiver, function()
        return #system.got == 1 and state_of(receiver, "forward:second:n2") == "ready"
      end)
      for _ = 1, 20 do receiver.dispatcher:turn(1) end
      assert.equal(1, #system.got)
      system.http:answer(system.got, { { status = 200, headers = {}, body = "" } })
      turn_until(receiver, has_ended(receiver, "forward:second:n2", "done"))
      local second = system.got[2].headers["idempotency-key"]
      assert.same({ "n1", "n2" }, { system.got[1].headers["idempotency-key"], second })
    end)
  end)

  describe("heeds the answer:", function()
    local function forwarded(given, ...)
      local now = 1e9
      local inbox = memory.new { clock = function() return now end }
      local system, receiver = other_system(...), receiver_of { inbox = inbox, retry = { base = 10, cap = 10 } }
      receiver:on("*", forward_to(system, given))
      arrives(receiver, "app_unavailable", "n1")
      turn_until(receiver, function()
        local entry = inbox:get "forward:second:n1"
        return entry and entry.state ~= "leased" and (entry.reason or entry.state == "done")
      end)
      local entry = inbox:get "forward:second:n1"
      return entry, entry.at - now
    end

    it("2xx is done, before its body has come", function()
      local entry = forwarded(nil, { status = 202, body = ("x"):rep(100000) })
      assert.equal("done", entry.state)
    end)

    it("410 is dead, as cancelled", function()
      local entry = forwarded(nil, 410)
      assert.same({ "dead", "cancelled" }, { entry.state, entry.code })
      assert.matches("^second answered 410: it wants no more of them", entry.reason)
    end)

    it("a redirect is a failure, and is not followed", function()
      local entry = forwarded(nil, { status = 307, headers = { location = "http://127.0.0.1:1/" } })
      assert.equal("ready", entry.state)
      assert.matches("^second answered 307: redirects are not followed", entry.reason)
    end)

    it("429 and 503 say how long to wait", function()
      local _, wait = forwarded(nil, { status = 503, headers = { ["retry-after"] = "1800" } })
      assert.equal(1800, wait)
      _, wait = forwarded(nil, { status = 429, headers = { ["retry-after"] = "999999" } })
      assert.equal(86400, wait)
      _, wait = forwarded(nil, { status = 503, headers = { ["retry-after"] = "0" } })
      assert.is_true(wait >= 5 and wait <= 10)
      _, wait = forwarded(nil, { status = 500, headers = { ["retry-after"] = "1800" } })
      assert.is_true(wait <= 10)
    end)

    it("and tells what it says, without secrets", function()
      local entry = forwarded({ secret = "s3cret-of-second" }, {
        status = 400, body = "no\n such\27[2J thing: s3cret-of-second" .. ("x"):rep(1000),
      })
      assert.matches("^second answered 400: no | such\27%[2J thing: %(hidden%)x", entry.reason)
      assert.is_true(#entry.reason < 300)
    end)
  end)

  describe("that cannot be sent", function()
    it("is dead if its name is no longer known, until it is", function()
      local inbox = memory.new()
      local first, system = receiver_of { inbox = inbox }, other_system(200)
      first:on("*", forward_to(system))
      arrives(first, "app_unavailable", "n1")
      first:dispatch { limit = 1 }
      local lines = {}
      local second = receiver_of { inbox = inbox, log = function(entry) lines[#lines + 1] = entry end }
      second:on("*", function() end)
      turn_until(second, has_ended(second, "forward:second:n1", "dead"))
      local entry = inbox:get "forward:second:n1"
      assert.same({ "no_callback", "there is no forward called 'second': add one, then replay this" },
        { entry.code, entry.reason })
      assert.same({ "error", "no forward" }, { lines[#lines].level, lines[#lines].message })
      second:on("*", forward_to(system))
      inbox:replay { code = "no_callback" }
      turn_until(second, has_ended(second, "forward:second:n1", "done"))
    end)

    it("is tried again if nothing listens, or its body fails", function()
      local system, receiver = other_system(200), receiver_of { retry = { base = 3600 } }
      system.http:close()
      servers = {}
      receiver:on("*", forward_to(system, { name = "nobody" }))
      receiver:on("*", forward_to(system, { name = "broken", body = function() error "broken body" end }))
      receiver:on("*", forward_to(system, { name = "nothing", body = function() end }))
      arrives(receiver, "app_unavailable", "n1")
      local function reason(name) return (receiver.inbox:get("forward:" .. name .. ":n1") or {}).reason or "" end
      turn_until(receiver, function() return reason "nobody" ~= "" and reason "nothing" ~= "" end)
      assert.matches("^not forwarded to nobody: Failed to connect", reason "nobody")
      assert.matches("^not forwarded to broken: its function 'body' failed: .*broken body", reason "broken")
      assert.matches("^not forwarded to nothing: its function 'body' returned a nil, not a string", reason "nothing")
      assert.equal("done", state_of(receiver, "n1"))
    end)

    it("for want of room in the inbox has the notification run again", function()
      local system, receiver = other_system(200), receiver_of { inbox = memory.new { capacity = 1 } }
      receiver:on("*", forward_to(system))
      arrives(receiver, "app_unavailable", "n1")
      receiver:dispatch { limit = 1 }
      local entry = receiver.inbox:get "n1"
      assert.equal("ready", entry.state)
      assert.matches("^not yet to be forwarded to second: the memory inbox is full", entry.reason)
    end)

    it("is given back when the process stops, and comes again", function()
      local system, receiver = other_system(false, 200), receiver_of()
      receiver:on("*", forward_to(system))
      arrives(receiver, "app_unavailable", "n1")
      turn_until(receiver, function() return #system.got == 1 end)
      receiver.dispatcher:stop(0)
      local entry = receiver.inbox:get "forward:second:n1"
      assert.same({ "ready", 0 }, { entry.state, entry.attempt })
      turn_until(receiver, has_ended(receiver, "forward:second:n1", "done"))
    end)

    it("ends before its lease does", function()
      local system, receiver = other_system(false), receiver_of { lease = 0.2, retry = { base = 3600 } }
      receiver:on("*", forward_to(system))
      arrives(receiver, "app_unavailable", "n1")
      turn_until(receiver, function() return (receiver.inbox:get "forward:second:n1" or {}).reason end)
      assert.matches("^not forwarded to second: ", receiver.inbox:get("forward:second:n1").reason)
    end)
  end)

  it("is no end for a dispatch that may take so long, or be so many", function()
    local receiver = receiver_of { lease = 0.2, retry = { base = 3600 } }
    receiver:on("*", forward_to(other_system(false)))
    for i = 1, 5 do arrives(receiver, "app_unavailable", "n" .. i, { app_id = tostring(i) }) end
    assert.equal(6, receiver:dispatch { limit = 6 })
    assert.is_true(receiver:dispatch { seconds = 0 } < 4)
  end)

  it("is counted apart from callbacks", function()
    local system, receiver = other_system(500, 200), receiver_of()
    receiver:on("*", forward_to(system))
    assert.matches('marketplace_forwards_total{forward="second",outcome="dead"} 0\n', receiver:counters())
    arrives(receiver, "app_unavailable", "n1")
    turn_until(receiver, has_ended(receiver, "forward:second:n1", "done"))
    local text = receiver:counters()
    assert.matches('marketplace_forwards_total{forward="second",outcome="done"} 1\n', text)
    assert.matches('marketplace_forwards_total{forward="second",outcome="retry"} 1\n', text)
    assert.matches('marketplace_runs_total{outcome="done"} 1\n', text)
    assert.matches('marketplace_runs_total{outcome="retry"} 0\n', text)
    assert.matches('marketplace_requests_total{outcome="stored",reason=""} 1\n', text)
  end)

  it("keeps the trace of the notification's request, under a span of its own for each attempt", function()
    local TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    local system, receiver = other_system(500, 200), receiver_of()
    receiver:on("*", forward_to(system))
    arrives(receiver, "app_unavailable", "n1", nil, { traceparent = TRACE })
    turn_until(receiver, has_ended(receiver, "forward:second:n1", "done"))
    local first, second = system.got[1].headers.traceparent, system.got[2].headers.traceparent
    for _, header in ipairs { first, second } do
      assert.matches("^00%-0af7651916cd43dd8448eb211c80319c%-%x+%-01$", header)
    end
    assert.is_true(first ~= TRACE and second ~= TRACE and first ~= second)
    arrives(receiver, "app_unavailable", "n2")
    turn_until(receiver, has_ended(receiver, "forward:second:n2", "done"))
    assert.is_nil(system.got[3].headers.traceparent)
  end)

  describe("is refused", function()
    local function problem_of(given)
      local ok, message = pcall(function()
        local one = marketplace.forward(given)
        return one
      end)
      assert.is_false(ok)
      return message
    end

    it("with a URL that is none, or in the clear", function()
      assert.matches("option 'url' must be a URL such as", problem_of { url = "ftp://example.com" })
      assert.matches("option 'url' must be a URL such as", problem_of { url = "https://user:x@example.com/" })
      assert.matches("option 'url' must be a URL such as", problem_of { url = "https://exa mple.com/" })
      assert.matches("option 'url' is http:// to another host, example.com", problem_of { url = "http://example.com/" })
      assert.is_truthy(marketplace.forward { url = "http://example.com/", plain = true })
    end)

    it("with other options that cannot be", function()
      local url = "https://example.com/"
      assert.matches("spec/forward_spec.lua:", problem_of { url = url, name = "a b" })
      assert.matches("option 'name' is needed", problem_of { url = "https://[2001:db8::1]/" })
      assert.matches("option 'headers' must be", problem_of { url = url, headers = "other", secret = "x" })
      assert.matches("option 'headers' needs a 'secret'", problem_of { url = url, headers = "apple" })
      assert.matches("give one of the options", problem_of { url = url, secret = "x", secret_file = "y" })
      assert.matches("option 'timeout' must be", problem_of { url = url, timeout = 0 })
      assert.matches("option 'attempts' must be", problem_of { url = url, attempts = 1.5 })
      assert.matches("must have no control characters", problem_of { url = url, content_type = "a\r\nb" })
      assert.matches("secret 1 is empty", problem_of { url = url, secret = "" })
    end)

    it("with secrets that cannot be read or used, which it does not show", function()
      local url = "https://example.com/"
      local made, message, code = marketplace.forward { url = url, secret_file = "/nowhere" }
      assert.same({ nil, "secret_invalid" }, { made, code })
      assert.matches("^marketplace.forward 'example.com': the secret file cannot be read: ", message)
      made, message, code = marketplace.forward { url = url, secret = "whsec_a?b", headers = "standard" }
      assert.same({ nil, "secret_invalid" }, { made, code })
      assert.is_nil(message:find("a?b", 1, true))
    end)

    it("beside another one of its name", function()
      local receiver = receiver_of()
      local url = "https://example.com/"
      local one = marketplace.forward { url = url }
      receiver:on("app_unavailable", one):on("app_restored", one)
      local ok, message = pcall(function() receiver:on("*", marketplace.forward { url = url }) end)
      assert.is_false(ok)
      assert.matches("^spec/forward_spec.lua:%d+: receiver:on: there is another forward called 'example.com'", message)
    end)
  end)

  it("waits for its outcome when it is sent at once", function()
    local system = other_system()
    system.http:close()
    servers = {}
    local one = forward_to(system)
    local n = marketplace.parse(samples.body("app_unavailable", { id = "n1" }))
    local outcome = one:send(n)
    assert.equal("failed", outcome.state)
    assert.matches("^not forwarded to second: Failed to connect", outcome.reason)
  end)
end)
