-- The dashboard without a server: who may ask, from where, and what every answer has.
local dashboard = require "marketplace.dashboard"
local support = require "support.dashboard"

local HTTPS = { origin = "https://localhost:9465" }

describe("marketplace.dashboard", function()
  local browser

  before_each(function() browser = support.open() end)
  after_each(function() browser:close() end)

  local function other_browser(cookies)
    return setmetatable({ cookies = cookies or {}, csrf = false }, { __index = browser })
  end

  describe("signing in", function()
    it("is asked of everybody, and leads to where one was going", function()
      local asked = browser:get "/live?app=a%2Fb%26"
      assert.same({ 303, "/login?next=%2Flive%3Fapp%3Da%252Fb%2526" }, { asked.status, asked.headers.location })
      local form = browser:follow(asked)
      assert.equal(200, form.status)
      assert.is_truthy(form.body:find('action="/login?next=%2Flive%3Fapp%3Da%252Fb%2526"', 1, true))
      local answer = browser:post(asked.headers.location, { token = support.TOKEN })
      assert.same({ 303, "/live?app=a%2Fb%26" }, { answer.status, answer.headers.location })
      assert.equal(200, browser:follow(answer).status)
      assert.equal(303, browser:get("/login").status)
    end)

    it("leads to the overview if that would be too long for a header", function()
      assert.equal("/login", browser:get("/live?app=" .. ("%25"):rep(2000)).headers.location)
    end)

    it("leads nowhere else", function()
      for _, place in ipairs {
        "https://evil.example/", "//evil.example", "/\\evil.example", "/nothing", "/login", "/logout", "/a\r\nb: c",
        "javascript:alert(1)", "",
      } do
        local address = "/login" .. require("marketplace.dashboard.forms").query { next = place }
        assert.equal("/", browser:post(address, { token = support.TOKEN }).headers.location, place)
      end
    end)

    it("sets a cookie that no script reads and no other site sends, and only HTTPS where that is", function()
      local line = browser:post("/login", { token = support.TOKEN }).headers["set-cookie"]
      assert.matches("^marketplace_%x+=v1%.%d+%.%x+%.%x+; Path=/; Max%-Age=43200; HttpOnly; SameSite=Strict$", line)
      line = browser:post("/login", { token = support.TOKEN }, HTTPS).headers["set-cookie"]
      assert.matches("^__Host%-marketplace_%x+=.*; Path=/; .*HttpOnly; SameSite=Strict; Secure$", line)
    end)

    it("is refused with a wrong token, and slowed down after some", function()
      local statuses = {}
      for i = 1, 6 do statuses[i] = browser:post("/login", { token = "wrong" .. i }).status end
      assert.same({ 401, 401, 401, 401, 401, 429 }, statuses)
      local slowed = browser:post("/login", { token = support.TOKEN })
      assert.same({ 429, "1" }, { slowed.status, slowed.headers["retry-after"] })
      assert.equal("Too many wrong tokens came from here. Try again in 1 s.", slowed.reason)
      browser.remote = "192.0.2.2"
      assert.equal(303, browser:post("/login", { token = support.TOKEN }).status)
      assert.equal(401, browser:post("/login", {}).status)
      assert.same({ "signed in to the dashboard", "192.0.2.2" }, { browser.log[1].message, browser.log[1].remote })
      assert.is_nil(browser.log[2])
      local metrics = browser.dashboard:metrics()
      for outcome, count in pairs { succeeded = 1, failed = 6, slowed = 2 } do
        assert.is_truthy(metrics:find(('logins_total{outcome="%s"} %d\n'):format(outcome, count), 1, true), metrics)
      end
    end)

    it("lasts twelve hours", function()
      browser:sign_in()
      browser.now = browser.now + 43199
      assert.equal(200, browser:get("/").status)
      browser.now = browser.now + 1
      assert.equal(303, browser:get("/").status)
    end)

    it("ends when one signs out, for whoever has the cookie", function()
      browser:sign_in()
      local stolen = other_browser { next(browser.cookies) }
      for name, value in pairs(browser.cookies) do stolen.cookies = { [name] = value } end
      assert.equal(200, stolen:get("/").status)
      local answer = browser:post "/logout"
      assert.same({ 303, "/login" }, { answer.status, answer.headers.location })
      assert.same({}, browser.cookies)
      assert.equal(303, stolen:get("/").status)
      browser.dashboard:set_tokens { support.TOKEN }
      assert.equal(303, stolen:get("/").status, "after the tokens were reread")
    end)

    it("ends with the token, and only with that", function()
      browser:sign_in()
      local new = ("n"):rep(16)
      browser.dashboard:set_tokens { new, support.TOKEN }
      assert.equal(200, browser:get("/").status)
      browser.dashboard:set_tokens { new }
      assert.equal(303, browser:get("/").status)
      assert.equal(401, browser:post("/login", { token = support.TOKEN }).status)
      assert.equal(303, browser:post("/login", { token = new }).status)
    end)

    it("is known to other processes with the same token, and not to those with another", function()
      browser:sign_in()
      local same = assert(dashboard.new { inbox = browser.inbox, token = support.TOKEN })
      local other = assert(dashboard.new { inbox = browser.inbox, token = ("o"):rep(32) })
      for made, status in pairs { [same] = 200, [other] = 303 } do
        local asking = other_browser(browser.cookies)
        asking.dashboard = made
        assert.equal(status, asking:get("/").status)
        made:close()
      end
    end)

    it("cannot be made up", function()
      browser:sign_in()
      local name, value = next(browser.cookies)
      local forged = { "", "v1", value:sub(1, -2), value .. "0", value:gsub("^v1%.%d", "v1.9"), value:upper(),
        value:gsub("%x$", function(digit) return digit == "0" and "1" or "0" end), ("v1.1.a."):rep(1000) }
      for _, one in ipairs(forged) do
        assert.equal(303, other_browser({ [name] = one }):get("/").status, one:sub(1, 100))
      end
      browser.now = browser.now - 3600
      assert.equal(303, browser:get("/").status, "from the future")
    end)
  end)

  describe("a form", function()
    before_each(function() browser:sign_in() end)

    local function status(fields, headers) return browser:post("/logout", fields, headers).status end

    it("needs the session's own token", function()
      for _, csrf in ipairs { "", "x", browser.csrf:sub(1, -2), ("0"):rep(64), support.TOKEN } do
        assert.equal(403, status { csrf = csrf })
      end
      local other = other_browser()
      other:sign_in()
      assert.equal(403, status { csrf = other.csrf })
      assert.equal(303, status {})
    end)

    it("needs to come from here", function()
      for _, headers in ipairs {
        { ["sec-fetch-site"] = "cross-site" }, { ["sec-fetch-site"] = "same-site" }, { origin = "null" },
        { origin = "https://evil.example" }, { origin = "http://localhost:1" }, { origin = { "a", "b" } },
        { ["sec-fetch-site"] = "cross-site", origin = "http://localhost:9465" },
      } do
        assert.equal(403, status({}, headers))
        assert.equal(403, browser:post("/login", { token = support.TOKEN }, headers).status)
      end
      assert.equal(303, status({}, { ["sec-fetch-site"] = "same-origin", origin = "http://localhost:9465" }))
    end)

    it("needs to be one", function()
      for _, kind in ipairs { "text/plain", "multipart/form-data; boundary=a", "application/json" } do
        assert.equal(415, status({}, { ["content-type"] = kind }))
      end
      assert.equal(405, browser:get("/logout").status)
      assert.equal(405, browser:ask("DELETE", "/").status)
      assert.equal("GET, HEAD", browser:ask("DELETE", "/").headers.allow)
    end)
  end)

  describe("the host", function()
    local function status(host) return browser:get("/login", { host = host }).status end

    it("is an address, localhost, or one that is named", function()
      for _, host in ipairs { "127.0.0.1:9465", "[::1]:9465", "10.0.0.5", "localhost", "LOCALHOST:1", "a.localhost" } do
        assert.equal(200, status(host), host)
      end
      for _, host in ipairs {
        "evil.example", "evil.example:9465", "127.0.0.1.evil.example", "localhost.evil.example", "", "a b", "[evil]",
        "127.0.0.1@evil.example", "1.2.3.4.5", false,
      } do
        assert.equal(421, status(host), tostring(host))
      end
      local named = support.open { hosts = { "Ops.example" } }
      assert.equal(200, named:get("/login", { host = "ops.Example:443" }).status)
      assert.equal(421, named:get("/login", { host = "a.ops.example" }).status)
      named:close()
    end)

    it("is nothing that a script could come from", function()
      local answer = browser:get("/", { host = "<script>alert(1)</script>" })
      assert.same({ 421, "text/plain; charset=utf-8", "nosniff" },
        { answer.status, answer.headers["content-type"], answer.headers["x-content-type-options"] })
    end)
  end)

  it("lets a link of another site lead in, though a browser sends no cookie with that", function()
    browser:sign_in()
    local stranger = other_browser()
    local led = { ["sec-fetch-site"] = "cross-site", ["sec-fetch-mode"] = "navigate" }
    local answer = stranger:get("/live?app=a%26b", led)
    assert.same({ 200, "0; url=/live?app=a%26b" }, { answer.status, answer.headers.refresh })
    assert.is_nil(answer.body:find "data%-live")
    local long = "/live?app=" .. ("%"):rep(7000)
    answer = stranger:get(long, led)
    assert.is_nil(answer.headers.refresh)
    assert.is_truthy(answer.body:find(long:gsub("%%", "%%25"), 1, true))
    assert.equal("/inbox", browser:post("/confirm?do=run&app=" .. ("%"):rep(2000)).headers.location)
    assert.equal(303, stranger:get("/live?app=a%26b", { ["sec-fetch-site"] = "same-origin" }).status)
    assert.equal(303, stranger:get("/nothing\r\nx: y", led).status)
  end)

  it("has the same policy on every answer", function()
    local answers = { browser:get "/login", browser:get "/", browser:get "/nothing", browser:post("/login", {}) }
    browser:sign_in()
    for _, path in ipairs { "/", "/live", "/nothing", "/logout" } do answers[#answers + 1] = browser:get(path) end
    answers[#answers + 1] = browser:post("/logout", { csrf = "x" })
    for _, answer in ipairs(answers) do
      local headers = answer.headers
      assert.equal("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " ..
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'", headers["content-security-policy"])
      assert.same({ "nosniff", "no-store", "same-origin", "DENY" }, {
        headers["x-content-type-options"], headers["cache-control"], headers["referrer-policy"],
        headers["x-frame-options"],
      })
    end
  end)

  it("gives its assets to everybody, to be kept, and by their contents' name", function()
    local body = browser:get("/login").body
    local count = 0
    for path in body:gmatch '"(/assets/[^"]+)"' do
      count = count + 1
      local answer = browser:get(path)
      assert.equal(200, answer.status)
      assert.equal("public, max-age=31536000, immutable", answer.headers["cache-control"])
      assert.equal(303, browser:get((path:gsub("%x%.", "z."))).status)
      assert.equal(405, browser:post(path).status)
    end
    assert.equal(3, count)
  end)

  it("is all below its path", function()
    local below = support.open { path = "/ops/dashboard/" }
    assert.same({ 308, "/ops/dashboard/" }, { below:get("/ops/dashboard").status,
      below:get("/ops/dashboard").headers.location })
    below:sign_in()
    local body = below:get("/ops/dashboard/").body
    for address in body:gmatch '%f[%w](?:href|action|src)="([^"]+)"' do
      assert.matches("^/ops/dashboard/", address)
    end
    for address in body:gmatch 'action="([^"]+)"' do assert.matches("^/ops/dashboard/", address) end
    assert.same({ "/ops/dashboard", "/ops/dashboard/" }, below.dashboard:paths())
    assert.is_true(below.dashboard:answers "/ops/dashboard?a")
    assert.is_true(below.dashboard:answers "/ops/dashboard/live")
    assert.is_false(below.dashboard:answers "/ops/dashboards")
    -- what a proxy that keeps others from /ops/dashboard may let through
    assert.equal(404, below:get("/xxx/xxxxxxxxx/live").status)
    below:close()
  end)

  it("says that the inbox is away, and what to do", function()
    local away = support.open()
    local function fail() return nil, "the disk is <full>", "inbox_unavailable" end
    away.inbox.backlog, away.inbox.list = fail, fail
    away:sign_in()
    for _, path in ipairs { "/", "/live" } do
      local answer = away:get(path)
      assert.equal(503, answer.status)
      assert.is_truthy(answer.body:find("the disk is &lt;full&gt;", 1, true))
      assert.is_truthy(answer.body:find("Look at the log", 1, true))
    end
  end)

  it("answers a mistake of its own with 500, and logs it", function()
    browser:sign_in()
    browser.inbox.backlog = function() error "broken <b>" end
    local answer = browser:get "/"
    assert.equal(500, answer.status)
    assert.is_nil(answer.body:find("broken", 1, true))
    assert.matches("overview: .*broken <b>", browser.log[#browser.log].reason)
  end)

  it("refuses options that cannot be meant", function()
    local inbox = browser.inbox
    for pattern, given in pairs {
      ["option 'inbox' is missing"] = { token = support.TOKEN },
      ["one of the options 'token' and 'token_file'"] = { inbox = inbox },
      ["one of the options 'token' and 'token_file' is"] = { inbox = inbox, token = "a", token_file = "b" },
      ["option 'path' must begin with a slash"] = { inbox = inbox, token = support.TOKEN, path = "ops" },
      ["option 'path' must begin"] = { inbox = inbox, token = support.TOKEN, path = "/a//b" },
      ["option 'hosts' must be a name without a port"] = { inbox = inbox, token = support.TOKEN, hosts = { "a:1" } },
      ["option 'inbox' must be an inbox"] = { inbox = {}, token = support.TOKEN },
    } do
      local ok, problem = pcall(dashboard.new, given)
      assert.is_false(ok, pattern)
      assert.is_truthy(problem:find(pattern, 1, true), problem)
    end
    for _, token in ipairs { "short", { support.TOKEN, "short" }, {} } do
      local made, message, code = dashboard.new { inbox = inbox, token = token }
      assert.is_nil(made)
      assert.equal("token_invalid", code)
      assert.is_nil(message:find("'short'", 1, true))
    end
  end)
end)
