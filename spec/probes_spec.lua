-- What load balancers and supervisors ask, while Lua is busy.
local core = require "marketplace.core"
local json = require "marketplace.json"
local marketplace = require "marketplace"
local memory = require "marketplace.inbox.memory"
local postgres_server = require "support.postgres_server"
local proxy = require "support.proxy"
local raw = require "support.raw_http"
local readiness = require "marketplace.readiness"
local samples = require "marketplace.samples"
local shell = require "support.shell"
local wait_until = require "support.wait_until"

local SECRET = "the secret"

describe("marketplace serve, asked by probes", function()
  local folder, origin

  before_each(function() folder = shell.run "mktemp -d" end)
  after_each(function() shell.run("rm -rf " .. folder) end)

  local function connect(bytes) return raw.connect(origin, bytes) end

  local function get(path)
    local answer = raw.answer(connect(("GET %s HTTP/1.1\r\nHost: a\r\n\r\n"):format(path)))
    return answer.status, answer.body
  end

  local function notification(id) return raw.notification(SECRET, samples.body("ping", { id = id })) end

  local function serve(inbox, use, more)
    local handlers = folder .. "/handlers.lua"
    shell.run(("mkfifo %s/end"):format(folder))
    assert(core.replace_file(handlers, ([[return function(receiver)
      receiver:on("*", function(n)
        if not n.id:find "^slow" then return end
        io.open("%s/begun", "w"):close()
        if io.open("%s/end"):read(1) then os.exit(7) end
      end)
    end]]):format(folder, folder)))
    return shell.with_server(shell.marketplace(("serve %s --inbox '%s' --port 0 --json %s"):format(handlers, inbox,
      more or ""), "env MARKETPLACE_SECRET='" .. SECRET .. "'"), function(url)
        origin = url
        use()
      end)
  end

  local function begin_callback(number)
    assert.equal(200, raw.answer(connect(notification("slow" .. (number or "")))).status)
    wait_until("the callback did not begin", function() return shell.exists(folder .. "/begun") end)
  end

  -- With a word, the callback ends the process.
  local function end_callback(word)
    local pipe = io.open(folder .. "/end", "w")
    pipe:write(word or "")
    pipe:close()
  end

  it("lives, takes requests and is not ready while a callback takes its time", function()
    local _, status = serve("sqlite:" .. folder .. "/inbox.db", function()
      assert.equal(200, (get "/readyz"))
      begin_callback()
      local waiting = {}
      for i = 1, 20 do
        assert.same({ 200, "ok\n" }, { get "/healthz" })
        waiting[i] = connect(notification("n" .. i))
      end
      assert.same({ 503, "busy with the inbox or a callback\n" }, { get "/readyz" })
      end_callback()
      for i = 1, 20 do assert.equal(200, raw.answer(waiting[i]).status) end
      assert.same({ 200, "ok\n" }, { get "/readyz" })
    end)
    assert.equal(0, status)
  end)

  local function head(line, ...) return line .. " HTTP/1.1\r\nHost: a\r\n" .. table.concat({ ... }) .. "\r\n" end

  local FORM = "X-Apple-Signature: hmacsha256=" .. ("0a"):rep(32) .. "\r\n"
  local FORGED = head("POST /notifications", FORM, "Content-Length: 2\r\n") .. "{}"
  local UNSIGNED = head("POST /notifications", "Content-Length: 2\r\n") .. "{}"

  local REFUSED = {
    head "GET /", head("POST /", FORM, "Content-Length: 0\r\n"), head "DELETE /healthz", head "PUT /readyz",
    head "GET /notifications", head("POST /notifications", FORM), UNSIGNED,
    head("POST /notifications/", FORM, FORM, "Content-Length: 2\r\n") .. "{}",
    head("POST /notifications", "X-Apple-Signature:\r\nContent-Length: 2\r\n") .. "{}",
    head("POST /notifications", FORM, "Content-Encoding: gzip\r\nContent-Length: 2\r\n") .. "{}",
    head("POST /notifications", FORM, "Content-Length: 1048577\r\n"),
    head("POST /notifications", FORM, "Transfer-Encoding: chunked\r\n") .. "100001\r\n" .. ("x"):rep(0x100001),
    head("GET /", "Host: b\r\n"), head("GET /healthz", "Content-Length: 2\r\n") .. "{}",
  }

  -- How many requests the log tells of, by reason.
  local function logged(output)
    local counts = {}
    for line in output:gmatch "[^\n]+" do
      local entry = line:find "^{" and json.decode(line) or {}
      if entry.message == "refused" or entry.message == "more refused" then
        counts[entry.code] = (counts[entry.code] or 0) + (entry.count or 1)
      end
    end
    return counts
  end

  it("refuses what is no notification in the same words while a callback takes its time", function()
    local output = serve("memory", function()
      local answers = {}
      local function ask_all()
        for i, request in ipairs(REFUSED) do
          answers[i] = raw.answer(connect(request))
          answers[i].headers.date, answers[i].headers["x-request-id"] = nil, nil
        end
        return answers
      end
      local usual = ask_all()
      answers = {}
      begin_callback()
      assert.same(usual, ask_all())
      end_callback()
    end)
    assert.same({
      not_found = 2, wrong_path = 2, not_get = 4, not_post = 2, no_length = 2, signature_missing = 2,
      signature_malformed = 4, encoded = 2, too_large = 4, malformed = 2,
    }, logged(output))
  end)

  it("lets those who have no signature keep nobody out while a callback takes its time", function()
    local output = serve("memory", function()
      begin_callback()
      local held, waiting = {}, {}
      for i = 1, 60 do held[i] = connect(UNSIGNED) end
      for i = 1, 4 do waiting[i] = connect(notification("n" .. i)) end
      assert.same({ 200, "ok\n" }, { get "/healthz" })
      for i = 1, 30 do held[60 + i] = connect(UNSIGNED) end
      end_callback()
      for i = 1, 4 do assert.equal(200, raw.answer(waiting[i]).status) end
      for _, one in ipairs(held) do one:close() end
    end, "--max-connections 8")
    assert.same({ signature_missing = 90 }, logged(output))
  end)

  it("is asked whether it lives and is ready also while others make up signatures, or ask that", function()
    serve("memory", function()
      for number, request in ipairs { FORGED, head "GET /readyz" } do
        begin_callback(number)
        local held = {}
        for i = 1, 100 do
          held[i] = connect(request)
          assert.same({ 200, "ok\n" }, { get "/healthz" })
        end
        assert.equal(503, (get "/readyz"))
        local last = connect(notification("last" .. number))
        if request == FORGED then assert.equal(503, raw.answer(last).status) end
        end_callback()
        if request == FORGED then
          assert.equal(401, raw.answer(held[1]).status)
        else
          assert.equal(200, raw.answer(last).status)
        end
        for _, one in ipairs(held) do one:close() end
        os.remove(folder .. "/begun")
      end
    end, "--max-connections 8")
  end)

  it("tells how many it has refused also if a callback ends the process", function()
    local output, status = serve("memory", function()
      for _ = 1, 20 do assert.equal(401, raw.answer(connect(UNSIGNED)).status) end
      begin_callback()
      for _ = 1, 40 do assert.equal(401, raw.answer(connect(UNSIGNED)).status) end
      end_callback "now"
    end)
    assert.equal(7, status)
    assert.same({ signature_missing = 60 }, logged(output))
  end)

  it("lives, and is not ready, while its inbox does not answer #full", function()
    local server = postgres_server.start()
    local between = proxy.start(server.port)
    finally(function()
      between:stop()
      server:remove()
    end)
    serve(("postgres://postgres@127.0.0.1:%d/postgres?timeout=2"):format(between.port), function()
      assert.equal(200, raw.answer(connect(notification "a")).status)
      assert.equal(200, (get "/readyz"))
      between:freeze()
      local unanswered, refused = connect(notification "b"), nil
      wait_until("it stayed ready", function()
        local status, why = get "/readyz"
        refused = refused or status == 503 and why
        assert.same({ 200, "ok\n" }, { get "/healthz" })
        return refused
      end)
      assert.equal("busy with the inbox or a callback\n", refused)
      assert.equal(503, raw.answer(unanswered).status)
      assert.same({ 503, "inbox unavailable\n" }, { get "/readyz" })
      between:thaw()
      wait_until("it did not become ready again", function() return get "/readyz" == 200 end)
    end)
  end)
end)

describe("marketplace.readiness", function()
  local clock, probes, works, inbox

  before_each(function()
    clock, probes, works = 1000, 0, true
    inbox = { probe = function()
      probes = probes + 1
      if works == nil then error "broken" end
      if works then return true end
      return nil, "no connection", "inbox_unavailable"
    end }
    stub(core, "monotonic", function() return clock end)
  end)

  after_each(function() core.monotonic:revert() end)

  local function receiver_with(box)
    return marketplace.receiver { secrets = SECRET, inbox = box, log = function() end }
  end

  it("asks the inbox if nothing was stored for five seconds, and not more often", function()
    local receiver = receiver_with(inbox)
    assert.is_true(receiver:is_ready())
    works, clock = false, clock + 4.99
    assert.is_true(receiver:is_ready())
    assert.equal(1, probes)
    clock = clock + 0.01
    assert.is_false(receiver:is_ready())
    assert.is_false(receiver:is_ready())
    assert.equal(2, probes)
    works, clock = nil, clock + 5
    assert.is_false(receiver:is_ready())
    works, clock = true, clock + 5
    assert.is_true(receiver:is_ready())
    assert.equal(4, probes)
  end)

  it("goes by what was stored, or could not be", function()
    local body = samples.body "ping"
    local headers = { ["x-apple-signature"] = marketplace.sign(SECRET, body) }
    local request = { method = "POST", body = body, headers = headers }
    function inbox.put() return nil, "no connection", "inbox_unavailable" end
    local receiver = receiver_with(inbox)
    assert.equal(503, (receiver:handle(request)))
    assert.is_false(receiver:is_ready())
    function inbox.put() return { "stored" } end
    assert.equal(200, (receiver:handle(request)))
    assert.is_true(receiver:is_ready())
    assert.equal(0, probes)
  end)

  it("is not there while the receiver drains", function()
    local receiver = receiver_with(memory.new())
    assert.is_true(receiver:is_ready())
    receiver:drain()
    assert.is_false(receiver:is_ready())
  end)

  it("changes nothing in an inbox", function()
    local box = memory.new()
    assert.is_true(readiness.new(box):probe())
    assert.same({ ready = 0, leased = 0, done = 0, dead = 0 }, box:counts())
    box:close()
    assert.is_false(readiness.new(box):probe())
  end)
end)
