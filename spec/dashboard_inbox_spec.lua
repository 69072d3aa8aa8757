-- The dashboard's views of notifications, and what an operator does with them.
local core = require "marketplace.core"
local forms = require "marketplace.dashboard.forms"
local record = require "marketplace.inbox.record"
local samples = require "marketplace.samples"
local shell = require "support.shell"
local sqlite = require "marketplace.inbox.sqlite"
local support = require "support.dashboard"
local url = require "marketplace.inbox.url"

local SCRIPT = "<script>alert(1)</script>"
local BIDI = "\226\128\174"

local ENGINES = {
  memory = function() return support.open() end,
  sqlite = function(root)
    local browser
    browser = support.open {
      inbox = assert(sqlite.open(url.parse(("sqlite:%s/inbox.db"):format(root)), {
        clock = function() return browser and browser.now or core.now() end,
      })),
    }
    return browser
  end,
}

for engine, open in pairs(ENGINES) do
  describe("the dashboard's inbox (" .. engine .. ")", function()
    local root, browser

    before_each(function()
      root = shell.run "mktemp -d"
      browser = open(root)
      browser:sign_in()
    end)

    after_each(function()
      browser:close()
      shell.run("rm -rf " .. root)
    end)

    local function page(path, query, status)
      local answer = browser:get(path .. forms.query(query))
      assert.equal(status or 200, answer.status, answer.body)
      return answer.body
    end

    local function has(body, words)
      assert.is_truthy(body:find(words, 1, true), words .. " is not in " .. body)
    end

    local function has_not(body, words)
      assert.is_nil(body:find(words, 1, true), words .. " is in " .. body)
    end

    -- So many notifications, a second apart, each of an app of its own unless one is given.
    local function put(count, more)
      local ids = {}
      for i = 1, count do
        local given = { app_id = ("1%04d"):format(i) }
        for name, value in pairs(more or {}) do given[name] = value end
        ids[i] = browser:put({ given })[1]
        browser.now = browser.now + 1
      end
      return ids
    end

    -- Claims what can be, and has it end so.
    local function finish(state, more)
      assert(browser.inbox:recover { 1 })
      local items = {}
      for i, entry in ipairs(assert(browser.inbox:claim(1000, 60))) do
        items[i] = { id = entry.id, token = entry.token, state = state }
        for name, value in pairs(more or {}) do items[i][name] = value end
      end
      assert(browser.inbox:finish(items))
    end

    local function die(code, reason)
      finish("dead", { code = code or "failed", reason = reason or "no catalogue" })
    end

    local function state_of(id)
      local entry = browser.inbox:get(id)
      return entry and entry.state
    end

    -- Follows the link or the form with this text or label, as a person would: returns the next page's body.
    local function address_of(body, pattern)
      local address = body:match(pattern)
      assert.is_truthy(address, pattern .. " is not in " .. body)
      return (address:gsub("&amp;", "&"))
    end

    local function ask(body, action)
      return browser:get(address_of(body, 'href="(/confirm[^"]*do=' .. action .. '[^"]*)"')).body
    end

    local function confirm(body, fields)
      local answer = browser:post(address_of(body, 'action="(/confirm[^"]*)"'), fields)
      assert.equal(303, answer.status, answer.body)
      return browser:follow(answer).body:match 'role="status"><p>(.-)</p>', answer.headers.location
    end

    --[[ Lists ]]

    it("says that nothing is there", function()
      has(page "/inbox", "No notification is here yet.")
      has(page("/inbox", { app = "1" }), "No notification fits.")
      has_not(page "/inbox", "/confirm")
      has(page "/dead", "No notification is here yet.")
    end)

    it("lists what is there, the newest first, by pages", function()
      local ids = put(51)
      local body = page "/inbox"
      has(body, ids[51])
      has_not(body, ids[1])
      assert.is_true(body:find(ids[51], 1, true) < body:find(ids[50], 1, true))
      body = browser:get(address_of(body, 'href="([^"]*)" rel="next"')).body
      has(body, ids[1])
      has_not(body, ids[2])
      has(body, 'href="/inbox" rel="first"')
      body = page("/inbox", { order = "oldest" })
      assert.is_true(body:find(ids[1], 1, true) < body:find(ids[2], 1, true))
    end)

    it("finds by app, event, id, state, code, secret, type and time", function()
      local ids = put(3)
      die("failed")
      local ping = browser:put({ { event = "ping" } })[1]
      browser.now = browser.now + 3600
      local function found(query)
        local body, names = page("/inbox", query), {}
        for i, id in ipairs { ids[1], ids[2], ids[3], ping } do
          if body:find('<code>' .. id .. '</code>', 1, true) then names[#names + 1] = i end
        end
        return table.concat(names, " ")
      end
      assert.equal("2", found { app = " 10002 " })
      assert.equal("4", found { event = "ping" })
      assert.equal("3", found { id = ids[3] })
      assert.equal("4", found { state = "ready" })
      assert.equal("1 2 3", found { code = "failed" })
      assert.equal("", found { code = "no_callback" })
      assert.equal("1 2 3", found { type = "AppUnavailable" })
      assert.equal("1 2 3 4", found { since = "2h" })
      assert.equal("", found { since = "30m" })
      assert.equal("1 2 3 4", found { before = "30m" })
      assert.equal("", found { secret = "none" })
    end)

    it("says what of a search is not understood, and searches for nothing", function()
      put(1)
      local body = page("/inbox", { since = "soon" })
      has(body, "This is neither a length of time, such as 45s")
      has(body, 'aria-invalid="true"')
      has(body, "Nothing was searched for: see what is wrong above.")
      has_not(body, "/confirm")
      for _, query in ipairs {
        { state = "alive" }, { code = "x" }, { event = "x" }, { app = "\255" }, { id = "a\0b" }, { state = "done",
          code = "failed" },
      } do
        has(page("/inbox", query), "Nothing was searched for")
      end
      page("/live", { app = "a\0b" }, 400)
      page("/apps", { from = "\255" }, 400)
      for _, from in ipairs { "x", "-1", "1e3", ("9"):rep(100), "'", "\255" } do
        page("/inbox", { from = from }, 400)
      end
    end)

    it("says what each waits for", function()
      local ids = put(2, { app_id = "7" })
      local body = page "/inbox"
      has(body, ">now<")
      has(body, "behind <a")
      finish("ready", { wait = 125, reason = "no catalogue" })
      body = page "/inbox"
      has(body, "in 2 min")
      has(page("/notification", { id = ids[2] }), "of the same app, which is tried again")
      assert.equal(1, #assert(browser.inbox:claim(1, 60)) + #browser.inbox:list { state = "ready" } - 1)
    end)

    --[[ One ]]

    it("shows one with all that is known of it, and its body", function()
      local id = put(1)[1]
      die("failed", "handlers.lua:3: no\nstack traceback")
      local body = page("/notification", { id = id })
      has(body, "<h1>app_unavailable</h1>")
      has(body, "handlers.lua:3: no\nstack traceback</pre>")
      has(body, '  &quot;data&quot;: {\n    &quot;type&quot;: &quot;AppUnavailable&quot;')
      has(body, 'href="/inbox?app=10001"')
      has(body, "Its callback failed too often, and it was given up (<time")
      local answer = browser:get("/notification/body?entry=" .. id)
      assert.same({ "application/octet-stream", 'attachment; filename="notification.json"', "nosniff" },
        { answer.headers["content-type"], answer.headers["content-disposition"],
          answer.headers["x-content-type-options"] })
      assert.equal(browser.inbox:get(id).body, answer.body)
    end)

    it("shows which secret signed it, or that none did", function()
      local given = record.of(samples.body("ping", {}))
      given.verified_by = "b1946ac92492d234"
      assert(browser.inbox:put { given })
      has(page("/notification", { id = given.key }), 'href="/inbox?secret=b1946ac92492d234"')
      given = record.of_unsigned(samples.body("ping", {}))
      local id = given.key
      assert(browser.inbox:put { given })
      has(page("/notification", { id = id }), "no signature: reconcile put it here")
    end)

    it("shows what is sent on, and which notification that is", function()
      local id = browser:put({ { event = "ping" } })[1]
      local sent = record.of_unsigned(samples.body("ping", {}))
      sent.key, sent.event, sent.app_id = "forward:chat:" .. id, "forward", "chat/67"
      assert(browser.inbox:put { sent })
      local body = page("/notification", { id = sent.key })
      has(body, "<dt>Sent on to</dt><dd><code>chat</code></dd>")
      has(body, 'href="/notification?id=' .. id .. '"')
      has_not(body, "Signed with")
      has(page("/inbox", { event = "forward" }), "<code>chat/67</code>")
    end)

    it("shows what happened to it", function()
      local id = put(1)[1]
      finish("ready", { wait = 1, reason = "no " .. SCRIPT })
      browser.now = browser.now + 5
      die()
      assert(browser.inbox:replay { id = id })
      local body = page("/notification", { id = id })
      has(body, "<h2>History</h2>")
      for _, what in ipairs { "failed", "replayed" } do has(body, "<div>" .. what .. "</div>") end
      has_not(body, SCRIPT)
    end)

    it("shows those that have one id, each for itself", function()
      local body_of = '{"data":{"type":"AppUnavailable","version":1,"id":"same","attributes":{"appId":"%d"}}}'
      local ids = {}
      for i = 1, 2 do
        browser:put { { body = body_of:format(i) } }
        ids[i] = browser.inbox:list({})[i].id
      end
      has(page("/notification", { id = ids[1] }), "Other bodies came with this notification&#39;s id")
      local body = page("/notification", { id = ids[2] })
      has(body, ids[2]:match "#%x+")
      has(body, "Id as sent")
      page("/notification", { id = "none" }, 404)
      page("/notification", {}, 404)
    end)

    --[[ What is done with them ]]

    it("replays, runs and cancels one, after it has asked", function()
      local id = put(1)[1]
      die()
      local asked = ask(page("/notification", { id = id }), "replay")
      has(asked, "<h1>Replay 1 notification?</h1>")
      assert.equal("dead", state_of(id))
      local said, place = confirm(asked)
      assert.same({ "1 notification is ready again.", "/notification?id=" .. id }, { said, place })
      assert.equal("ready", state_of(id))
      finish("ready", { wait = 1000 })
      assert.equal("1 notification is due now.", (confirm(ask(page("/notification", { id = id }), "run"))))
      assert.equal(0, browser.inbox:next_in())
      local cancelled = ask(page("/notification", { id = id }), "cancel")
      assert.equal("1 notification is cancelled.", (confirm(cancelled, { reason = "not needed " .. SCRIPT })))
      local entry = browser.inbox:get(id)
      assert.same({ "dead", "cancelled", "not needed " .. SCRIPT }, { entry.state, entry.code, entry.reason })
      said = confirm(cancelled)
      assert.matches("^Nothing was changed", said)
      has(page("/confirm", { ["do"] = "cancel", entry = id }), "there is nothing to do")
    end)

    it("replays all that is dead of a code, and says how many", function()
      local failed = put(3)
      die "failed"
      local others = put(2)
      die "no_callback"
      local body = page "/dead"
      has(body, '>failed</a> <span class="value">3</span>')
      has(body, '>no_callback</a> <span class="value">2</span>')
      has(page("/dead", { code = "no_callback" }), others[1])
      has_not(page("/dead", { code = "no_callback" }), failed[1])
      local asked = page("/confirm", { ["do"] = "replay", state = "dead", code = "failed" })
      has(asked, "<h1>Replay 3 notifications?</h1>")
      local said, place = confirm(asked)
      assert.same({ "3 notifications are ready again.", "/dead?code=failed" }, { said, place })
      assert.same({ "ready", "dead" }, { state_of(failed[3]), state_of(others[1]) })
    end)

    it("shows what is done after its body was dropped", function()
      local id = put(1)[1]
      finish "done"
      browser.now = browser.now + 10
      assert.equal(1, browser.inbox:forget({ bodies = browser.now, ids = 1 }, 10).bodies)
      has(page("/notification", { id = id }), "is kept for a while only")
      page("/notification/body", { entry = id }, 404)
    end)

    it("replays each once, though it dies or is done again at once", function()
      for i, state in ipairs { "dead", "done" } do
        put(1)
        local calls = {}
        function browser.inbox.replay(_, filter)
          local ids = {}
          for n = 1, filter.limit do ids[n] = "n" .. n end
          calls[#calls + 1] = ids
          return ids
        end
        finish(state, { code = state == "dead" and "failed" or nil })
        local said = confirm(page("/confirm", { ["do"] = "replay", state = state, since = "1d" }))
        assert.same({ 1, "10,000" }, { #calls, said:match "^[%d,]+" })
        assert.matches(i == 1 and "once they have run, do it again" or "search for what was received later", said)
      end
    end)

    it("cancels and runs all that a search selects, and nothing that came after it was counted", function()
      local waiting = put(2, { app_id = "7" })
      local other = put(1, { app_id = "8" })[1]
      local asked = ask(page("/inbox", { app = "7" }), "cancel")
      has(asked, "<h1>Cancel 2 notifications?</h1>")
      browser.now = browser.now + 5
      local later = put(1, { app_id = "7" })[1]
      assert.equal("2 notifications are cancelled.", (confirm(asked, { reason = "" })))
      assert.same({ "dead", "dead", "ready", "ready" },
        { state_of(waiting[1]), state_of(waiting[2]), state_of(other), state_of(later) })
      assert.equal("cancelled by an operator", browser.inbox:get(waiting[1]).reason)
      finish("ready", { wait = 1000 })
      assert.equal("1 notification is due now.", (confirm(ask(page("/inbox", { app = "8" }), "run"))))
    end)

    it("replays what is done only if one says which", function()
      local ids = put(2)
      finish "done"
      page("/confirm", { ["do"] = "replay", state = "done" }, 400)
      assert.equal(400, browser:post("/confirm?do=replay&state=done", {}).status)
      assert.same({ "done", "done" }, { state_of(ids[1]), state_of(ids[2]) })
      page("/confirm", { ["do"] = "replay", state = "done", before = "0s" }, 400)
      has_not(page("/inbox", { state = "done" }), "/confirm")
      assert.equal("1 notification is ready again.",
        (confirm(ask(page("/inbox", { state = "done", app = "10001" }), "replay"))))
      assert.same({ "ready", "done" }, { state_of(ids[1]), state_of(ids[2]) })
    end)

    it("does nothing that it does not know, and nothing for another site", function()
      local id = put(1)[1]
      for _, query in ipairs { {}, { ["do"] = "delete" }, { ["do"] = "cancel", since = "x" },
        { ["do"] = "cancel", entry = "\255" } } do
        page("/confirm", query, 400)
        assert.equal(400, browser:post("/confirm" .. forms.query(query), {}).status)
      end
      local address = "/confirm" .. forms.query { ["do"] = "cancel", entry = id }
      assert.equal(403, browser:post(address, { csrf = ("0"):rep(64) }).status)
      assert.equal(403, browser:post(address, {}, { origin = "https://evil.example" }).status)
      assert.equal("ready", state_of(id))
    end)

    --[[ Texts from outside ]]

    local HOSTILE = {
      ('{"data":{"type":"X%s","version":1,"id":"a%s","attributes":{"appId":"b%s"}}}'):format(SCRIPT, SCRIPT, SCRIPT),
      ('{"data":{"type":"X","version":1,"id":"%s\\"\'&amp;","attributes":{"appId":"%s"}}}'):format(BIDI, BIDI),
      '{"data":{"type":"X","version":1,"id":"../../?x=1#y%2f\\\\ +","attributes":{"appId":"a b&c=d"}}}',
      '{"data":{"type":"X","version":1,"id":"' .. ("i"):rep(255) .. '","attributes":{"appId":"' .. ("a"):rep(255) ..
        '"}}}',
      "\255\254" .. SCRIPT .. "\0\27[31m", ("<"):rep(1048576), ("["):rep(500000), "",
      '{"data":{"type":"X","version":1,"id":"big","attributes":{"x":"' .. ("<&>"):rep(300000) .. '"}}}',
      '{"data":{"type":"X","version":1,"id":"nul\\u0007","attributes":{"appId":"1"}}}',
    }

    it("keeps texts from outside texts", function()
      for _, body in ipairs(HOSTILE) do browser:put { { body = body } } end
      die("failed", SCRIPT .. BIDI .. "\255")
      local function check(body)
        has_not(body, "<script>alert")
        has_not((body:gsub('value="[^"]*"', "")), BIDI)
        assert.is_true(core.is_utf8(body))
        assert.is_nil(body:find "[%z\1-\8\11-\31\127]")
        assert.is_true(#body < 3000000)
      end
      check(page "/inbox")
      check(page "/dead")
      check(page("/inbox", { app = SCRIPT, id = BIDI, since = SCRIPT, type = '"><b>' }))
      local list = assert(browser.inbox:list {})
      assert.equal(#HOSTILE, #list)
      for _, entry in ipairs(list) do
        local body = page("/notification", { id = entry.id })
        check(body)
        has(body, 'href="' .. "/notification/body" .. forms.query { entry = entry.id } .. '"')
        assert.equal(browser.inbox:get(entry.id).body,
          browser:get("/notification/body" .. forms.query { entry = entry.id }).body)
        if entry.code == "failed" then
          assert.equal("1 notification is ready again.", (confirm(ask(body, "replay"))))
          assert.equal("ready", state_of(entry.id))
        end
      end
    end)

    it("says so if the inbox is away", function()
      browser.inbox:close()
      for _, path in ipairs {
        "/inbox", "/dead", "/notification?id=a", "/notification/body?entry=a", "/confirm?do=cancel",
      } do
        local answer = browser:get(path)
        assert.equal(503, answer.status, path)
        has(answer.body, "closed")
      end
      local answer = browser:post("/confirm?do=cancel", {})
      assert.equal(503, browser:follow(answer).status)
    end)
  end)
end
