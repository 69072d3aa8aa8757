local core = require "marketplace.core"
local comma = require "support.comma"
local log = require "marketplace.log"
local marketplace = require "marketplace"
local memory = require "marketplace.inbox.memory"
local samples = require "marketplace.samples"

local SECRET = "the secret"

describe("marketplace.receiver", function()
  local receiver, inbox, entries, now

  before_each(function()
    local function clock() return now end
    inbox, entries, now = memory.new { clock = clock }, {}, 1000
    receiver = marketplace.receiver {
      secrets = SECRET, inbox = inbox, log = function(entry) entries[#entries + 1] = entry end,
      clock = clock, random = function() return 0.5 end,
    }
  end)

  local function signed(body, more)
    local headers = { ["x-apple-signature"] = marketplace.sign(SECRET, body) }
    for name, value in pairs(more or {}) do headers[name] = value or nil end
    return { method = "POST", headers = headers, body = body, remote = "192.0.2.7" }
  end

  local function post(body, more)
    return receiver:handle(signed(body, more))
  end

  local function without_body(fault)
    local request = signed ""
    request.body, request.fault = nil, fault
    return request
  end

  local function last_reason() return entries[#entries].reason end

  describe("gives each request an id", function()
    it("that is in its answer and in the log, of what is stored, refused or not stored", function()
      local found = {}
      local _, headers = post(samples.body "app_unavailable")
      found[#found + 1] = headers["x-request-id"]
      _, headers = post("{}", { ["x-apple-signature"] = false })
      found[#found + 1] = headers["x-request-id"]
      stub(inbox, "put", function() return nil, "full", "inbox_unavailable" end)
      _, headers = post(samples.body "ping")
      found[#found + 1] = headers["x-request-id"]
      assert.same(found, { entries[1].request, entries[2].request, entries[3].request })
      for i, id in ipairs(found) do
        assert.matches("^%x+%-%d+$", id)
        assert.not_equal(found[i % 3 + 1], id)
      end
    end)

    it("unless its carrier has given it one", function()
      local body = samples.body "app_unavailable"
      local _, headers = receiver:handle {
        method = "POST", body = body, request_id = "of-the-proxy",
        headers = { ["x-apple-signature"] = marketplace.sign(SECRET, body), ["x-request-id"] = "made-up" },
      }
      assert.same({ "of-the-proxy", "of-the-proxy" }, { headers["x-request-id"], entries[1].request })
    end)
  end)

  it("keeps a trace with what it stores, for callbacks and forwards, if it can be passed on", function()
    local TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    local traces = {}
    receiver:on("*", function(n, ctx) traces[n.id] = ctx.traceparent or "none" end)
    post(samples.body("app_unavailable", { id = "n1", app_id = "1" }), { Traceparent = TRACE })
    post(samples.body("app_unavailable", { id = "n2", app_id = "2" }), { traceparent = "made up" })
    post(samples.body("app_unavailable", { id = "n3", app_id = "3" }), { traceparent = { TRACE, TRACE } })
    assert.equal(TRACE, inbox:get("n1").traceparent)
    receiver:dispatch()
    assert.same({ n1 = TRACE, n2 = "none", n3 = "none" }, traces)
  end)

  describe("answers", function()
    it("200 to what it stored, and to its duplicate", function()
      local body = samples.body "app_unavailable"
      local status, headers, text = post(body)
      assert.same({ 200, "" }, { status, text })
      assert.same({ ["x-request-id"] = entries[1].request }, headers)
      assert.equal(200, (post(body)))
      assert.equal(1, inbox:counts().ready)
      assert.same({ stored = 1, duplicate = 1 }, receiver:counts())
      assert.equal("stored", entries[1].message)
      assert.equal("duplicate", entries[2].message)
      assert.equal(1, entries[1].secret)
      assert.is_number(entries[1].took)
    end)

    it("401 to every wrong signature alike, and only the log tells why", function()
      local body = samples.body "app_unavailable"
      local right = marketplace.sign(SECRET, body)
      local answers = {}
      for reason, header in pairs {
        signature_missing = false, signature_mismatch = marketplace.sign("x", body),
        ["signature_malformed 1"] = right:upper(), ["signature_malformed 2"] = right:sub(1, -2),
        ["signature_malformed 3"] = right .. "0", ["signature_malformed 4"] = " " .. right,
        ["signature_malformed 5"] = right:gsub("hmacsha256", "hmacsha512"), ["signature_malformed 6"] = "",
        ["signature_malformed 7"] = { right, right }, ["signature_malformed 8"] = right .. ", " .. right,
      } do
        local status, headers, text = post(body, { ["x-apple-signature"] = header })
        assert.equal(401, status)
        answers[#answers + 1] = text .. headers["content-type"]
        assert.equal(answers[1], answers[#answers])
        assert.is_true(receiver:counts()["refused:" .. reason:match "%S+"] > 0)
        assert.equal(401, entries[#entries].status)
        assert.equal("192.0.2.7", entries[#entries].remote)
      end
      assert.equal(0, inbox:counts().ready)
    end)

    it("401 to the signature header given twice under names of different case", function()
      local body = samples.body "ping"
      local header = marketplace.sign(SECRET, body)
      assert.equal(401, (post(body, { ["X-Apple-Signature"] = header })))
      assert.matches("more than once", last_reason())
    end)

    it("200 to a header name of any case", function()
      for _, name in ipairs { "X-Apple-Signature", "X-APPLE-SIGNATURE", "x-Apple-signature" } do
        local body = samples.body "ping"
        assert.equal(200, (receiver:handle { method = "POST", body = body,
          headers = { [name] = marketplace.sign(SECRET, body) } }))
      end
    end)

    it("200 to what is authentic but not to be read, and keeps it as dead", function()
      for _, body in ipairs { "", "not JSON", "{}", '{"data":{"type":5}}', "\0\255" } do
        assert.equal(200, (post(body)))
        assert.equal("kept as dead (stored)", entries[#entries].message)
        assert.is_string(last_reason())
      end
      assert.equal(5, inbox:counts().dead)
      assert.equal("not JSON", inbox:list({ state = "dead" })[1] and inbox:get(entries[2].id).body)
      assert.equal(200, (post "not JSON"))
      assert.equal(5, inbox:counts().dead)
    end)

    it("413 to more than max_body, held or declared", function()
      receiver = marketplace.receiver { secrets = SECRET, max_body = 100, log = function() end }
      assert.equal(413, (post((" "):rep(101))))
      assert.equal(200, (post((" "):rep(100))))
      assert.equal(413, (post("x", { ["content-length"] = "101" })))
      assert.equal(200, (post("x", { ["content-length"] = "100" })))
      assert.equal(413, (receiver:handle(without_body "too_large")))
    end)

    it("405 with Allow to what is no POST", function()
      for _, method in ipairs { "GET", "PUT", "post", "" } do
        local request = signed(samples.body "ping")
        request.method = method
        local status, headers = receiver:handle(request)
        assert.equal(405, status)
        assert.equal("POST", headers.allow)
      end
    end)

    it("415 to an encoded body", function()
      for _, encoding in ipairs { "gzip", "identity, gzip", { "identity", "gzip" } } do
        assert.equal(415, (post(samples.body "ping", { ["content-encoding"] = encoding })))
      end
      for _, encoding in ipairs { "identity", " Identity ", "" } do
        assert.equal(200, (post(samples.body "ping", { ["Content-Encoding"] = encoding })))
      end
    end)

    it("408 to a body that did not arrive in time, 503 when too much comes at once", function()
      assert.equal(408, (receiver:handle(without_body "timeout")))
      assert.equal(503, (receiver:handle(without_body "overloaded")))
    end)

    it("400 to what can be read in two ways, 411 to what says not where it ends, whatever else it says", function()
      assert.equal(400, (receiver:handle(without_body "malformed")))
      assert.equal(411, (receiver:handle(without_body "no_length")))
      assert.equal(400, (receiver:handle { method = "", fault = "no_request", remote = "192.0.2.1" }))
      assert.same({ "no_request", "192.0.2.1" }, { entries[3].code, entries[3].remote })
      assert.is_nil(entries[3].status)
      receiver:handle { method = "", fault = "malformed", answered = 431 }
      assert.equal(431, entries[4].status)
    end)

    it("what the head says before it asks for the body", function()
      local function status(head)
        return (receiver:receive(head, function() error "the body was read" end))
      end
      local header = marketplace.sign(SECRET, "x")
      assert.equal(401, status { method = "POST" })
      assert.equal(401, status { method = "POST", signature = "hmacsha256=00" })
      assert.equal(401, status { method = "POST", signature = header:upper() })
      assert.equal(401, status { method = "POST", signature = { header, header } })
      assert.equal(405, status { method = "GET", signature = header })
      assert.equal(415, status { method = "POST", signature = header, encoding = "gzip" })
      assert.equal(413, status { method = "POST", signature = header, length = "99999999999999999999" })
      assert.equal(411, status { method = "POST", signature = header, fault = "no_length" })
    end)

    it("503 to a notification whose body was not received, as a mistake of ours", function()
      assert.equal(503, (receiver:handle(without_body "unread")))
      assert.same({ "error", "failed" }, { entries[1].level, entries[1].code })
    end)

    it("503 with Retry-After while the inbox cannot store, and stores later", function()
      local body = samples.body "ping"
      local put = inbox.put
      inbox.put = function() return nil, "the disk is full", "inbox_unavailable" end
      local status, headers = post(body)
      assert.equal(503, status)
      assert.equal("5", headers["retry-after"])
      assert.equal("the disk is full", last_reason())
      assert.equal("error", entries[#entries].level)
      inbox.put = put
      assert.equal(200, (post(body)))
      assert.same({ ["unavailable:inbox_unavailable"] = 1, stored = 1 }, receiver:counts())
    end)

    it("503 while it is draining", function()
      receiver:drain()
      local status, headers = post(samples.body "ping")
      assert.equal(503, status)
      assert.is_string(headers["retry-after"])
      assert.equal(0, inbox:counts().ready)
    end)

    it("in this order: method, body, signature, meaning", function()
      local request = signed("not JSON", { ["content-encoding"] = "gzip", ["x-apple-signature"] = "wrong" })
      request.method = "GET"
      assert.equal(405, (receiver:handle(request)))
      request.method = "POST"
      assert.equal(415, (receiver:handle(request)))
      request.headers["content-encoding"] = nil
      assert.equal(401, (receiver:handle(request)))
      assert.equal(0, inbox:counts().dead)
    end)
  end)

  describe("receive", function()
    local body, head, reads

    before_each(function()
      body, reads = samples.body "ping", 0
      head = { method = "POST", signature = marketplace.sign(SECRET, body), length = tostring(#body), remote = "::1" }
    end)

    local function receive(fault)
      return receiver:receive(head, function()
        reads = reads + 1
        if fault then return nil, fault end
        return body
      end)
    end

    it("reads the body once, and stores it", function()
      local status, headers, text = receive()
      assert.same({ 200, { ["x-request-id"] = head.request_id }, "" }, { status, headers, text })
      assert.same({ 1, 1 }, { reads, inbox:counts().ready })
    end)

    it("does not read the body if the head alone tells that it is refused", function()
      for name, case in pairs {
        method = { "PUT", 405 }, encoding = { "gzip", 415 }, length = { "1048577", 413 },
      } do
        local right = head[name]
        head[name] = case[1]
        assert.equal(case[2], (receive()))
        assert.equal("::1", entries[#entries].remote)
        head[name] = right
      end
      assert.equal(0, reads)
      head.length = "1048576"
      assert.equal(200, (receive()))
    end)

    it("answers for a body that could not be read, and tells why", function()
      for fault, status in pairs { timeout = 408, too_large = 413, overloaded = 503, unreadable = 503 } do
        assert.equal(status, (receive(fault)))
        assert.equal(1, receiver:counts()["refused:" .. fault])
      end
      assert.equal(4, reads)
    end)

    it("asks a function for the peer's address, and only if it is told", function()
      local asked = 0
      head.remote = function()
        asked = asked + 1
        return "192.0.2.9"
      end
      receive()
      assert.equal(0, asked)
      head.signature = nil
      receive()
      assert.same({ 1, "192.0.2.9" }, { asked, entries[#entries].remote })
    end)

    it("refuses what has been read when it is drained meanwhile", function()
      local status = receiver:receive(head, function()
        receiver:drain()
        return body
      end)
      assert.same({ 503, 0 }, { status, inbox:counts().ready })
    end)
  end)

  describe("with 100,000 requests that are refused", function()
    local function bytes_and_sums()
      local bytes, shown, summed = 0, {}, {}
      for _, entry in ipairs(entries) do
        bytes = bytes + #log.line(entry) + 1
        local counts = entry.message == "refused" and shown or summed
        counts[entry.code] = (counts[entry.code] or 0) + (entry.count or 1)
      end
      return bytes, shown, summed
    end

    it("writes down the first of each reason, and how many more there were", function()
      local unsigned = { method = "POST", body = "{}", remote = "192.0.2.7" }
      local forged = { method = "POST", body = "{}", signature = marketplace.sign("x", "{}"), remote = "192.0.2.7" }
      for _ = 1, 50000 do
        receiver:receive(unsigned, function() return "{}" end)
        receiver:receive(forged, function() return "{}" end)
      end
      receiver:sum_up_refused(true)
      local bytes, shown, summed = bytes_and_sums()
      for _, code in ipairs { "signature_missing", "signature_mismatch" } do
        assert.equal(50000, shown[code] + summed[code])
        assert.equal(50000, receiver:counts()["refused:" .. code])
      end
      assert.is_true(bytes < 20000, "bytes: " .. bytes)
    end)

    it("still shows another sender's, and another reason", function()
      local forged = { method = "POST", signature = marketplace.sign("x", "{}"), remote = "192.0.2.7" }
      for _ = 1, 1000 do receiver:receive(forged, function() return "{}" end) end
      forged.remote = "17.0.0.1"
      receiver:receive(forged, function() return "{}" end)
      assert.equal("17.0.0.1", entries[#entries].remote)
      receiver:receive({ method = "PUT", remote = "192.0.2.7" }, function() return "{}" end)
      assert.same({ "192.0.2.7", "not_post" }, { entries[#entries].remote, entries[#entries].code })
    end)
  end)

  it("tells how many more were refused before it is closed", function()
    for _ = 1, 5 do receiver:handle { method = "GET" } end
    receiver:close()
    assert.same({ "more refused", "not_post", 405, 2 },
      { entries[4].message, entries[4].code, entries[4].status, entries[4].count })
  end)

  it("counts and sums up what its carrier has refused and knows nothing else of", function()
    receiver:refused_many("malformed", 431, 7)
    receiver:refused_many("no_request", nil, 2)
    assert.equal(0, #entries)
    receiver:sum_up_refused(true)
    local told = {}
    for i, entry in ipairs(entries) do told[i] = { entry.message, entry.code, entry.status, entry.count } end
    table.sort(told, function(a, b) return a[2] < b[2] end)
    assert.same({ { "more refused", "malformed", 431, 7 }, { "more refused", "no_request", nil, 2 } }, told)
    assert.same({ ["refused:malformed"] = 7, ["refused:no_request"] = 2 }, receiver:counts())
  end)

  it("tells what the system said of a body that cannot be read back", function()
    receiver:receive({ method = "POST", signature = marketplace.sign(SECRET, "") }, function()
      return nil, "unreadable", "/tmp/x: Permission denied"
    end)
    assert.equal("error", entries[1].level)
    assert.equal("the body cannot be read back from its temporary file: /tmp/x: Permission denied", entries[1].reason)
  end)

  it("keeps the same id with another body, and says so", function()
    assert.equal(200, (post(samples.body("app_unavailable", { id = "same", time = 1 }))))
    assert.equal(200, (post(samples.body("app_unavailable", { id = "same", time = 2 }))))
    assert.equal("conflict", entries[2].message)
    assert.equal("warning", entries[2].level)
    assert.equal(2, inbox:counts().ready)
  end)

  it("names another body under the same id by an id of its own, whatever becomes of it", function()
    local body = samples.body("app_unavailable", { id = "same", time = 2 })
    local id = "same#" .. core.sha256(body)
    post(samples.body("app_unavailable", { id = "same", time = 1 }))
    for _ = 1, 2 do post(body) end
    assert.same({ id }, inbox:cancel({ id = id }, "enough"))
    inbox:replay {}
    inbox:cancel({ id = "same" }, "enough")
    local claimed = inbox:claim(1, 60)[1]
    claimed.state, claimed.code = "dead", "failed"
    inbox:finish { claimed }
    post(body)
    local told = {}
    for i, entry in ipairs(entries) do told[i] = entry.message .. " " .. entry.id end
    assert.same({ "stored same", "conflict " .. id, "duplicate " .. id, "rearmed " .. id }, told)
    assert.same({ stored = 1, conflict = 1, duplicate = 1, rearmed = 1 }, receiver:counts())
    assert.is_table(inbox:get(entries[4].id))
  end)

  it("says of another body that is too old, too, which one it is", function()
    now = 1e9
    local body = samples.body("app_unavailable", { id = "same", time = 1e9 - 91 * 86400 })
    post(samples.body("app_unavailable", { id = "same", time = 1e9 }))
    post(body)
    assert.same({ "kept as dead (too_old)", "same#" .. core.sha256(body) }, { entries[2].message, entries[2].id })
    assert.same({ stored = 1, too_old = 1 }, receiver:counts())
  end)

  it("keeps as dead what is older than what the inbox remembers, as it may have run before, and says so", function()
    local ran = 0
    receiver:on("*", function() ran = ran + 1 end)
    now = 1e9
    assert.equal(200, (post(samples.body("app_unavailable", { id = "old", time = 1e9 - 91 * 86400 }))))
    assert.equal(200, (post(samples.body("app_unavailable", { id = "new", time = 1e9 - 89 * 86400 }))))
    assert.same({ too_old = 1, stored = 1 }, receiver:counts())
    assert.same({ "warning", "kept as dead (too_old)", "old" },
      { entries[1].level, entries[1].message, entries[1].id })
    assert.equal("its event is older than what the inbox remembers, so it may have run before: see what it says, " ..
      "and replay it if it has not", entries[1].reason)
    assert.same({ "dead", "too_old" }, { inbox:get("old").state, inbox:get("old").code })
    receiver:dispatch()
    assert.equal(1, ran)
    inbox:replay { code = "too_old" }
    receiver:dispatch()
    assert.equal(2, ran)
  end)

  it("has a memory inbox of its own that goes by its clock", function()
    receiver = marketplace.receiver { secrets = SECRET, log = function() end, clock = function() return now end }
    post(samples.body("ping", { id = "a" }))
    assert.equal(1000, receiver.inbox:get("a").received_at)
  end)

  it("takes the body's SHA-256 as the key if there is no id", function()
    local body = '{"data":{"type":"AppUnavailable"}}'
    post(body)
    post(body)
    assert.equal(1, inbox:counts().ready)
    assert.matches("^%x+$", inbox:list({})[1].key)
    assert.equal(64, #inbox:list({})[1].key)
  end)

  it("answers many with one commit, each in its place", function()
    local puts, put = 0, inbox.put
    inbox.put = function(...)
      puts = puts + 1
      return put(...)
    end
    local first, second = signed(samples.body "ping"), signed(samples.body "ping")
    local forged = signed("x", { ["x-apple-signature"] = "hmacsha256=" .. ("0"):rep(64) })
    local statuses = {}
    for i, response in ipairs(receiver:handle_many { first, forged, second, first, { method = "GET" } }) do
      statuses[i] = response.status
    end
    assert.same({ 200, 401, 200, 200, 405 }, statuses)
    assert.equal(1, puts)
    assert.same({}, receiver:handle_many {})
    assert.same(401, receiver:handle_many({ forged })[1].status)
    assert.equal(1, puts)
  end)

  it("answers all of a failed commit with 503, and the rest as ever", function()
    inbox.put = function() return nil, "no", "inbox_unavailable" end
    local responses = receiver:handle_many { signed(samples.body "ping"), { method = "GET" }, signed "dead" }
    assert.same({ 503, 405, 503 }, { responses[1].status, responses[2].status, responses[3].status })
  end)

  it("can have its secrets replaced while it runs", function()
    local body = samples.body "ping"
    receiver:set_secrets { "new", SECRET }
    assert.equal(200, (post(body)))
    assert.equal(2, entries[1].secret)
    receiver:set_secrets "new"
    assert.equal(401, (post(body)))
    assert.is_false((pcall(receiver.set_secrets, receiver, "")))
    assert.equal(401, (post(body)))
  end)

  it("keeps its secrets whole if new ones cannot be taken", function()
    local signature = require "marketplace.signature"
    local fingerprints = signature.fingerprints
    signature.fingerprints = function() error "no cryptography" end
    assert.is_false((pcall(receiver.set_secrets, receiver, { "new", "newer" })))
    signature.fingerprints = fingerprints
    local body = samples.body "ping"
    assert.equal(200, (post(body)))
    assert.equal(401, (post(body, { ["x-apple-signature"] = marketplace.sign("newer", body) })))
  end)

  it("tells which secret verified what, by its fingerprint: in the inbox, the log and the metrics", function()
    local old, new = marketplace.fingerprint(SECRET), marketplace.fingerprint "new"
    receiver:set_secrets { "new", SECRET }
    post(samples.body("ping", { id = "first" }))
    post "not JSON"
    receiver:set_secrets { "new" }
    local body = samples.body("ping", { id = "second" })
    post(body, { ["x-apple-signature"] = marketplace.sign("new", body) })
    post(body)
    assert.same({ old, new }, { inbox:get("first").verified_by, inbox:get("second").verified_by })
    assert.equal(old, inbox:list({ state = "dead" })[1].verified_by)
    assert.same({ old, 2, new, 1 },
      { entries[1].verified_by, entries[1].secret, entries[3].verified_by, entries[3].secret })
    receiver:set_secrets { "new", SECRET }
    assert.equal(401, (post("{}", { ["x-apple-signature"] = marketplace.sign("another", "{}") })))
    assert.equal(new .. "," .. old, entries[#entries].secrets)
    post(("x"):rep(2000000))
    assert.is_nil(entries[#entries].secrets)
    assert.matches(('marketplace_verified_total{secret="%s"} 2\n'):format(old), receiver:metrics())
    assert.matches(('marketplace_verified_total{secret="%s"} 1\n'):format(new), receiver:metrics())
  end)

  it("tells of a secret that has verified nothing yet, and takes the same secret twice for one", function()
    receiver:set_secrets { "new", "new", SECRET }
    assert.matches(('marketplace_verified_total{secret="%s"} 0\n'):format(marketplace.fingerprint "new"),
      receiver:metrics())
    post(samples.body "ping")
    assert.equal(3, entries[1].secret)
  end)

  it("tells its metrics with points, whatever the locale", function()
    post(samples.body "ping")
    local told = comma.run(function() return receiver:metrics() end)
    assert.matches('marketplace_commit_seconds_bucket{le="0.0005"} %d\n', told)
    assert.is_nil(told:find "%d,%d", told)
  end)

  it("logs no body, secret or signature", function()
    local body = samples.body "app_unavailable"
    post(body)
    post(body, { ["x-apple-signature"] = marketplace.sign("x", body) })
    post '{"private":"thing"'
    for _, entry in ipairs(entries) do
      for _, value in pairs(entry) do
        for _, private in ipairs { SECRET, "hmacsha256=%x", "private", "attributes" } do
          assert.is_nil(tostring(value):find(private))
        end
      end
    end
  end)

  describe("on", function()
    local function run_with(...)
      local order = {}
      for _, name in ipairs { ... } do
        receiver:on(name, function(n) order[#order + 1] = name .. ":" .. n.event end)
      end
      post(samples.body "versions_unavailable")
      assert.equal(1, receiver:dispatch())
      return order
    end

    it("takes an event, a type and everything, and runs them in that order", function()
      assert.same({ "versions_unavailable:versions_unavailable", "AppVersionsUnavailable:versions_unavailable",
        "*:versions_unavailable" }, run_with("*", "AppVersionsUnavailable", "versions_unavailable", "app_unavailable"))
    end)

    it("takes both of Apple's spellings of one type", function()
      assert.same({ "AppVersionUnavailable:versions_unavailable" }, run_with "AppVersionUnavailable")
    end)

    it("runs several callbacks of one event in the order in which they came", function()
      local order = {}
      for i = 1, 3 do receiver:on("ping", function() order[#order + 1] = i end) end
      post(samples.body "ping")
      receiver:dispatch()
      assert.same({ 1, 2, 3 }, order)
    end)

    it("may be called after the first notification, too", function()
      local count = 0
      post(samples.body "ping")
      receiver:dispatch()
      receiver:on("ping", function() count = count + 1 end)
      post(samples.body "ping")
      receiver:dispatch()
      assert.equal(1, count)
    end)

    it("takes type names that are not known yet", function()
      local seen
      receiver:on("somethingQuiteNew", function(n) seen = n end)
      receiver:on("other", function() end)
      post '{"data":{"type":"somethingQuiteNew","id":"1","attributes":{"x":1}}}'
      receiver:dispatch()
      assert.equal("other", seen.event)
      assert.equal(1, seen.attributes.x)
    end)

    it("raises for what is neither, with the list of events", function()
      for _, name in ipairs { "app_unavailble", "", "ping ", "APP-GONE", "lowercase" } do
        local ok, message = pcall(receiver.on, receiver, name, function() end)
        assert.is_false(ok, name)
        assert.matches("receiver:on: unknown event", message, 1, true)
        assert.matches("version_available, versions_unavailable, app_unavailable", message, 1, true)
      end
      assert.is_false((pcall(receiver.on, receiver, nil, function() end)))
      local ok, message = pcall(receiver.on, receiver, "ping", "not a function")
      assert.is_false(ok)
      assert.matches("the callback must be a function, not a string", message)
    end)

    it("gives the receiver back", function()
      assert.equal(receiver, receiver:on("ping", function() end))
    end)
  end)

  describe("refuses at once", function()
    local function problem(given)
      local ok, message = pcall(marketplace.receiver, given)
      return not ok and message
    end

    it("wrong options", function()
      assert.matches("a table of options is expected", problem(nil))
      assert.matches("option 'secrets' is missing", problem {})
      assert.matches("secret 1 is empty", problem { secrets = "" })
      assert.matches("no secret is given", problem { secrets = {} })
      assert.matches("unknown option 'secret'; known: alert_age, .*inbox", problem { secrets = "x", secret = "x" })
      for _, bytes in ipairs { 0, -1, 16777217, 0 / 0 } do
        assert.matches("'max_body' must be from 1 to 16777216 bytes", problem { secrets = "x", max_body = bytes })
      end
      for _, bytes in ipairs { 1, 16777216 } do
        assert.equal(bytes, marketplace.receiver({ secrets = "x", max_body = bytes }).max_body)
      end
      for _, seconds in ipairs { 0, -1, 0 / 0 } do
        assert.matches("'lease' must be more than 0", problem { secrets = "x", lease = seconds })
      end
      assert.matches("unknown option 'tries'; known: attempts, base, cap",
        problem { secrets = "x", retry = { tries = 1 } })
    end)

    it("what is no request, and blame the caller", function()
      for _, request in ipairs { false, {}, { method = 5 }, { method = "POST", headers = "x" },
        { method = "POST", body = 5 } } do
        for method, given in pairs { handle = request, handle_many = { request } } do
          local ok, told = pcall(function() receiver[method](receiver, given) end)
          assert.is_false(ok)
          assert.matches("receiver_spec%.lua:%d+: receiver:" .. method .. ": .*request.* must be a ", told)
        end
      end
    end)
  end)

  it("answers heads with their bodies as it answers requests, and stores them with one commit", function()
    local puts, put = 0, receiver.inbox.put
    function receiver.inbox.put(self, records)
      puts = puts + 1
      return put(self, records)
    end
    local ping, unavailable = samples.body "ping", samples.body "app_unavailable"
    local answers = receiver:receive_many {
      { method = "POST", signature = marketplace.sign(SECRET, ping), body = ping },
      { method = "POST", signature = marketplace.sign(SECRET, ping), fault = "timeout" },
      { method = "POST", signature = marketplace.sign(SECRET, ping), body = unavailable },
      { method = "POST", signature = marketplace.sign(SECRET, unavailable), body = unavailable },
    }
    local statuses = {}
    for i, answer in ipairs(answers) do statuses[i] = answer.status end
    assert.same({ 200, 408, 401, 200 }, statuses)
    assert.equal(1, puts)
    assert.equal(2, receiver.inbox:counts().ready)
  end)

  -- what takes the square of these lengths takes minutes
  it("is not kept busy by white space", function()
    local encoding = "x" .. (" "):rep(400000) .. "x"
    assert.equal(415, (post("{}", { ["content-encoding"] = encoding })))
    assert.equal(200, (post(samples.body "ping", { ["content-encoding"] = (" "):rep(400000) .. "Identity" })))
  end)

  it("names what is wrong with its requests", function()
    local ok, problem = pcall(receiver.handle_many, receiver)
    assert.is_false(ok)
    assert.matches("receiver:handle_many: a list of requests is expected", problem)
  end)
end)
