-- marketplace inbox forward, in this process, on an inbox in memory, to another system that is imitated.
local cli = require "marketplace.cli"
local core = require "marketplace.core"
local forward = require "marketplace.forward"
local inboxes = require "marketplace.inbox"
local json = require "marketplace.json"
local memory = require "marketplace.inbox.memory"
local output = require "marketplace.cli.support.output"

local HOUR = 3600
local URL = "https://laptop.example/hook"

describe("marketplace inbox forward", function()
  local box, now, written, noted, stubs, made, sent, answers, secret, sleeps, stops

  before_each(function()
    now, written, noted, made, sent, answers, secret, sleeps, stops = 1e9, {}, {}, nil, {}, {}, nil, {}, false
    box = memory.new { clock = function() return now end }
    local imitated = {}
    function imitated.send(_, n, about)
      sent[#sent + 1] = { body = n.body, id = about.id, traceparent = about.traceparent }
      return answers[about.id] or { state = "done", status = 204 }
    end
    stubs = {
      stub(inboxes, "open", function() return setmetatable({ close = function() end }, { __index = box }) end),
      stub(forward, "new", function(given)
        made = given
        return imitated
      end),
      stub(core, "now", function() return now end),
      stub(core, "catch_signals"),
      stub(core, "stop_asked", function() return stops end),
      stub(core, "sleep", function()
        local step = table.remove(sleeps, 1)
        if step then step() else stops = true end
      end),
      stub(output, "raw", function(bytes) written[#written + 1] = bytes end),
      stub(output, "note", function(message) noted[#noted + 1] = message end),
      stub(os, "getenv", function(name)
        return name == "HOME" and "/nowhere" or name == "MARKETPLACE_SECRET" and secret or nil
      end),
    }
  end)

  after_each(function()
    for _, one in ipairs(stubs) do one:revert() end
  end)

  local function put(id, more)
    local record = {
      key = id, digest = "digest of " .. id, type = "AppUnavailable", event = "app_unavailable", app_id = id,
      body = "body of " .. id,
    }
    for name, value in pairs(more or {}) do record[name] = value end
    assert(box:put { record })
  end

  local function run(...)
    return cli.main { "inbox", "forward", "--inbox", "redis://h", "--to", URL, ... }
  end

  local function ids()
    local list = {}
    for i, one in ipairs(sent) do list[i] = one.id end
    return table.concat(list, " ")
  end

  it("sends what the options select, the oldest first, and says what became of each", function()
    put "n1"
    now = now + 2 * HOUR
    put "n2"
    put("n3", { traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" })
    answers.n3 = { state = "failed", status = 500, reason = "it answered 500: no\27such app" }
    assert.equal(1, run("--since", "1h"))
    assert.equal("n2 n3", ids())
    assert.equal("body of n2", sent[1].body)
    assert.equal("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", sent[2].traceparent)
    assert.same({ "n2: it answered 204\n", "n3: it answered 500: no\\x1bsuch app\n" }, written)
    assert.same({ "forwarded: 1, failed: 1" }, noted)
    assert.same({ ready = 3, leased = 0, done = 0, dead = 0 }, box:counts())
  end)

  it("writes JSON, and nothing else", function()
    put "n1"
    answers.n1 = { state = "gone", status = 410, reason = "it answered 410" }
    assert.equal(1, run("n1", "--json"))
    assert.same({
      id = "n1", type = "AppUnavailable", event = "app_unavailable", app_id = "n1", state = "gone", status = 410,
      reason = "it answered 410",
    }, json.decode(written[1]))
    assert.same({}, noted)
  end)

  it("goes through more than a page, up to the limit, without what is a forward itself", function()
    for i = 1, 250 do
      put(("n%03d"):format(i))
      put(("forward:chat:n%03d"):format(i), { event = "forward" })
    end
    assert.equal(0, run("--state", "ready", "--limit", "240"))
    assert.equal(240, #sent)
    assert.equal("n240", sent[240].id)
    sent = {}
    assert.equal(0, run("--event", "forward"))
    assert.equal(250, #sent)
    sent = {}
    assert.equal(0, run "forward:chat:n007")
    assert.equal("forward:chat:n007", ids())
  end)

  it("says that a body is no longer kept, and of an id that there is none", function()
    put "n1"
    local claimed = box:claim(1, 60)[1]
    claimed.state = "done"
    box:finish { claimed }
    box:forget({ bodies = now + 1, ids = 0 }, 10)
    assert.equal(1, run "n1")
    assert.same({ "n1: its body is no longer kept\n" }, written)
    assert.equal(1, run "n2")
    assert.matches("^no such notification: n2, in ", noted[#noted])
  end)

  it("follows what arrives, each once, also what is committed late", function()
    put "n1"
    sleeps = {
      function() put "n2" end,
      function()
        now = now - 30
        put "n3"
        now = now + 30
      end,
      function()
        now = now + HOUR
        put "n4"
        put("forward:chat:n4", { event = "forward" })
      end,
      function() end,
    }
    assert.equal(0, run "--follow")
    assert.equal("n2 n3 n4", ids())
  end)

  it("follows what a filter selects, from the past on", function()
    put("n1", { app_id = "1" })
    put("n2", { app_id = "2" })
    sleeps = { function() put("n3", { app_id = "1" }) end, function() put("n4", { app_id = "2" }) end }
    assert.equal(0, run("--follow", "--since", "1h", "--app", "1"))
    assert.equal("n1 n3", ids())
  end)

  it("signs if there is a secret", function()
    put "n1"
    assert.equal(0, run "n1")
    assert.same({ nil, nil }, { made.secret, made.headers })
    secret = "abc"
    assert.equal(0, run("n1", "--headers", "standard", "--timeout", "3"))
    assert.same({ { "abc" }, "standard", 3, URL }, { made.secret, made.headers, made.timeout, made.url })
  end)

  it("refuses what it cannot do", function()
    assert.equal(2, run())
    assert.matches("^inbox forward: nothing says what to forward: give an ID, %-%-follow, or an option that", noted[1])
    assert.equal(2, run("--follow", "--before", "1h"))
    assert.equal(2, run("n1", "--timeout", "0"))
    assert.equal(2, cli.main { "inbox", "forward", "n1", "--inbox", "redis://h", "--to", "http://laptop/" })
    assert.matches("^inbox forward: %-%-to is http:// to another host, laptop", noted[#noted])
  end)
end)
