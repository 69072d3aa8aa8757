-- What load balancers and supervisors ask, while Lua is busy.
local core = require "marketplace.core"
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

  -- The first answer that comes.
  local function answer_of(client)
    local got = ""
    while #raw.responses(got) == 0 do
      local all, why, part = client:receive(1)
      assert(why ~= "timeout", "no answer")
      got = got .. (all or part)
    end
    client:close()
    return raw.responses(got)[1]
  end

  local function get(path)
    local answer = answer_of(connect(("GET %s HTTP/1.1\r\nHost: a\r\n\r\n"):format(path)))
    return answer.status, answer.body
  end

  local function notification(id) return raw.notification(SECRET, samples.body("ping", { id = id })) end

  local function serve(inbox, use)
    local handlers = folder .. "/handlers.lua"
    shell.run(("mkfifo %s/end"):format(folder))
    assert(core.replace_file(handlers, ([[return function(receiver)
      receiver:on("*", function(n)
        if n.id ~= "slow" then return end
        io.open("%s/begun", "w"):close()
        io.open("%s/end"):close()
      end)
    end]]):format(folder, folder)))
    return shell.with_server(shell.marketplace(("serve %s --inbox '%s' --port 0 --json"):format(handlers, inbox),
      "env MARKETPLACE_SECRET='" .. SECRET .. "'"), function(url)
        origin = url
        use()
      end)
  end

  it("lives, takes requests and is not ready while a callback takes its time", function()
    local _, status = serve("sqlite:" .. folder .. "/inbox.db", function()
      assert.equal(200, (get "/readyz"))
      assert.equal(200, answer_of(connect(notification "slow")).status)
      wait_until("the callback did not begin", function() return shell.exists(folder .. "/begun") end)
      local waiting = {}
      for i = 1, 20 do
        assert.same({ 200, "ok\n" }, { get "/healthz" })
        waiting[i] = connect(notification("n" .. i))
      end
      assert.same({ 503, "busy with the inbox or a callback\n" }, { get "/readyz" })
      io.open(folder .. "/end", "w"):close()
      for i = 1, 20 do assert.equal(200, answer_of(waiting[i]).status) end
      assert.same({ 200, "ok\n" }, { get "/readyz" })
    end)
    assert.equal(0, status)
  end)

  it("lives, and is not ready, while its inbox does not answer #full", function()
    local server = postgres_server.start()
    local between = proxy.start(server.port)
    finally(function()
      between:stop()
      server:remove()
    end)
    serve(("postgres://postgres@127.0.0.1:%d/postgres?timeout=2"):format(between.port), function()
      assert.equal(200, answer_of(connect(notification "a")).status)
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
      assert.equal(503, answer_of(unanswered).status)
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
    inbox = { run = function(_, id)
      assert.equal("", id)
      probes = probes + 1
      if works == nil then error "broken" end
      if works then return false end
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
