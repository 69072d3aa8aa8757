-- The dashboard's own views: what an operator sees first, what comes in live, what the outside looks like. Every text
-- from outside is hostile.
local core = require "marketplace.core"
local h = require "marketplace.dashboard.html"
local scheduler = require "marketplace.client.scheduler"
local sqlite = require "marketplace.inbox.sqlite"
local shell = require "support.shell"
local support = require "support.dashboard"

local HOSTILE = "\"><script>alert('x')</script>\226\128\174"

describe("the dashboard's overview", function()
  local browser

  before_each(function() browser = support.open():sign_in() end)
  after_each(function() browser:close() end)

  local function body(path)
    local answer = browser:get(path or "/")
    assert.equal(200, answer.status, answer.body)
    return answer.body
  end

  local function has(text, page) assert.is_truthy(page:find(text, 1, true), text .. "\n" .. page) end

  local function figure(page, label)
    return page:match('<dt>' .. label:gsub("%p", "%%%0") .. '</dt><dd>.-<span class="value">([^<]*)</span>')
  end

  local function kill(ids, code)
    local items = {}
    for i, entry in ipairs(assert(browser.inbox:claim(#ids, 60))) do
      items[i] = { id = entry.id, token = entry.token, state = "dead", code = code, reason = HOSTILE }
    end
    assert(browser.inbox:finish(items))
  end

  it("says that nothing is there", function()
    local page = body()
    for _, label in ipairs { "Waiting", "Running", "Received in an hour", "Received in a day", "Dead" } do
      assert.equal("0", figure(page, label), label)
    end
    assert.equal("–", figure(page, "Oldest has waited"))
    has("Nothing has been received yet.", page)
    has("No app has had a notification yet.", page)
    has("Nothing has been received yet.", body "/live")
    has("No app has had a notification yet.", body "/apps")
  end)

  it("counts what waits, what came and what has died", function()
    kill(browser:put { { app_id = "1" }, { app_id = "2" } }, "no_callback")
    kill(browser:put { { app_id = "3" } }, "failed")
    browser.now = browser.now + 4000
    browser:put { { app_id = "4" }, { app_id = "4" } }
    browser.now = browser.now + 901
    local page = body()
    for label, count in pairs {
      Waiting = "2", Dead = "3", ["Without a callback"] = "2", ["Received in an hour"] = "2",
      ["Received in a day"] = "5", ["Oldest has waited"] = "15 min",
    } do
      assert.equal(count, figure(page, label), label)
    end
    has('<a href="/dead?code=no_callback">no_callback</a>', page)
    has("its callback failed too often", page)
  end)

  it("counts five thousand at most of those that came, and nothing that is older", function()
    local list = {}
    for i = 1, 5000 do list[i] = { app_id = "1" } end
    browser:put(list)
    assert.same({ "5,000+", "5,000" }, { figure(body(), "Received in an hour"), figure(body(), "Waiting") })
    browser.now = browser.now + 3601
    browser:put { { app_id = "2" } }
    assert.same({ "1", "5,000+" }, { figure(body(), "Received in an hour"), figure(body(), "Received in a day") })
    browser.now = browser.now + 86401
    browser:sign_in()
    assert.same({ "0", "0" }, { figure(body(), "Received in an hour"), figure(body(), "Received in a day") })
  end)

  it("shows the last of each app, and all apps by pages", function()
    local list = {}
    for i = 1, 60 do list[i] = { app_id = ("%03d"):format(i), id = "id-" .. i } end
    browser:put(list)
    local page = body()
    has("001", page)
    assert.is_nil(page:find("app=020", 1, true))
    has('href="/apps"', page)
    local first = body "/apps"
    assert.is_nil(first:find("app=060", 1, true))
    local following = first:match 'href="(/apps%?from=[^"]+)"'
    has("app=060", body(following))
    assert.is_nil(body(following):find("Next page", 1, true))
  end)

  it("shows hostile texts as texts", function()
    local records = { { key = HOSTILE, digest = "d", body = "{}", event = "other", type = HOSTILE, app_id = HOSTILE } }
    assert(browser.inbox:put(records))
    for _, path in ipairs { "/", "/live", "/apps", "/live?app=" .. "%22%3E%3Cscript%3E" } do
      local page = body(path)
      assert.is_nil(page:find "<script>alert" or page:find "\226\128\174", path)
      assert.is_nil(page:find('"><script>', 1, true), path)
    end
    has("&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;\\u202e", body())
  end)

  it("shows one app's live, if that is asked for", function()
    browser:put { { app_id = "1", id = "mine" }, { app_id = "2", id = "other" } }
    local page = body "/live?app=1"
    has("mine", page)
    assert.is_nil(page:find("other<", 1, true))
    has('data-live="2"', page)
    has('http-equiv="refresh"', page)
  end)

  it("is the same on SQLite", function()
    local folder = shell.run "mktemp -d"
    local other = support.open { inbox = assert(sqlite.open { path = folder .. "/inbox.db" }) }
    other:sign_in():put { { app_id = "1", id = "mine" } }
    local page = other:get("/").body
    assert.same({ "1", "1" }, { figure(page, "Waiting"), figure(page, "Received in an hour") })
    has("mine", page)
    has("mine", other:get("/apps").body)
    other:close()
    shell.run("rm -rf " .. folder)
  end)

  describe("of a reconciliation", function()
    local path

    before_each(function() path = os.tmpname() end)
    after_each(function() os.remove(path) end)

    local function page_with(state)
      local file = assert(io.open(path, "wb"))
      file:write(state)
      file:close()
      local other = support.open { reconcile_state = path }
      local answer = other:sign_in():get "/"
      other:close()
      assert.equal(200, answer.status)
      return answer.body
    end

    it("says how far it has come, and what it could not compare", function()
      local page = page_with(([[{"version":1,"webhooks":{
        "fine":{"app":"1","checked":"%s"},
        "<b>":{"app":"2","checked":"2020-01-01T00:00:00Z","uncompared":{"e":"2020-01-01T00:00:00Z"},
          "unseen":{"to":"2020-01-02T00:00:00Z"},"left":{"f":"2020-01-01T00:00:00Z"}}}}]])
        :format(os.date("!%Y-%m-%dT%H:%M:%SZ", browser.now - 60)))
      for _, words in ipairs {
        "complete", "it is late", "1 could not be compared", "can no longer be compared", "1 redeliveries to ask for",
        "&lt;b&gt;",
      } do has(words, page) end
    end)

    it("says that none has run, or that its state cannot be read", function()
      has("No reconciliation has run yet", page_with '{"version":1,"webhooks":{}}')
      has("The state of the reconciliation cannot be read", page_with "{")
    end)
  end)

  describe("of the outside", function()
    local asked, other

    before_each(function()
      asked = 0
      other = support.open { check = {
        webhook_url = "https://market.example/notifications",
        transport = function()
          asked = asked + 1
          return { status = 200, headers = {}, body = HOSTILE }
        end,
      } }
      other:sign_in()
    end)

    after_each(function() other:close() end)

    it("waits for nobody, and is looked at once in five minutes", function()
      has('data-from="/check?from=overview"', other:get("/").body)
      assert.equal(0, asked)
      local page = other:get("/check").body
      has("a notification without a signature is accepted with 200", page)
      has("1 wrong", page)
      local first = asked
      other:get "/check"
      assert.equal(first, asked)
      has("1 wrong", other:get("/").body)
      assert.is_nil(other:get("/").body:find("data%-from"))
      assert.equal("/check", other:post("/check").headers.location)
      assert.equal(2 * first, asked)
      other.now = other.now + 300
      has('data-from="/check?from=overview"', other:get("/").body)
    end)

    it("is looked at again after somebody has left before it was over", function()
      local waits = true
      other.dashboard.outside.given.transport = function()
        if waits then scheduler.pause()(1000) end
        return { status = 401, headers = {}, body = "" }
      end
      local tasks = scheduler.new(core.monotonic, function() end)
      local task = tasks:add(function() other:get "/check" end, function() end)
      tasks:turn()
      has("Somebody else is looking", other:get("/check").body)
      tasks:stop(task)
      waits, other.now = false, other.now + 30
      has("is refused with 401", other:get("/check").body)
    end)

    it("is not there if nothing is to be looked at", function()
      assert.equal(404, browser:get("/check").status)
      assert.is_nil(browser:get("/").body:find('href="/check"', 1, true))
    end)
  end)
end)

describe("marketplace.dashboard.shown", function()
  local shown = require "marketplace.dashboard.shown"

  it("groups digits", function()
    for count, words in pairs {
      [0] = "0", [999] = "999", [1000] = "1,000", [123456] = "123,456", [1e9] = "1,000,000,000",
    } do
      assert.equal(words, shown.count(count))
    end
  end)

  it("tells lengths of time in two units at most", function()
    for seconds, words in pairs {
      [0] = "0 s", [0.9] = "0 s", [59.9] = "59 s", [60] = "1 min", [61] = "1 min 1 s", [3600] = "1 h",
      [3661] = "1 h 1 min", [599] = "9 min 59 s", [601] = "10 min", [90000] = "1 d 1 h",
      [86400 * 400] = "400 d", [-5] = "0 s",
    } do
      assert.equal(words, shown.duration(seconds))
    end
    assert.matches(">1 min ago<", h.render(shown.ago(1000, 1060)))
    assert.matches(">in 1 min<", h.render(shown.ago(1060, 1000)))
    assert.matches(">now<", h.render(shown.ago(1000, 1000.5)))
    assert.equal("–", shown.ago(nil, 1000))
    assert.matches('datetime="1970%-01%-01T00:16:40', h.render(shown.time(1000)))
  end)
end)
