-- The dashboard in a real nginx: its inbox is read in nginx's threads, two workers know each other's sessions, and it
-- is nowhere but at its own location.
local forms = require "marketplace.dashboard.forms"
local nginx_server = require "support.nginx_server"
local raw = require "support.raw_http"
local samples = require "marketplace.samples"

local TOKEN, SECRET = ("t"):rep(32), "a secret of the specs"

local HTTP = [[
  lua_shared_dict marketplace 1m;
  init_by_lua_block {
    require("marketplace.nginx").init {
      secrets = "a secret of the specs", inbox = "sqlite:inbox.db", handlers = "handlers.lua", dict = "marketplace",
      dashboard = { token_file = "token", hosts = { "ops.example" }, packages = "packages" }
    }
  }
  init_worker_by_lua_block { require("marketplace.nginx").init_worker() }
]]

local LOCATIONS = [[
  location /dashboard/ { content_by_lua_block { require("marketplace.nginx").dashboard() } }
  location = /metrics { content_by_lua_block { require("marketplace.nginx").metrics() } }
  location = /notifications { content_by_lua_block { require("marketplace.nginx").handle() } }
  location / { content_by_lua_block { require("marketplace.nginx").device() } }
]]

describe("the dashboard in nginx", function()
  local server

  before_each(function()
    server = assert(nginx_server.start {
      files = { ["handlers.lua"] = "return function() end", token = TOKEN .. "\n" }, workers = 2,
      main = "thread_pool marketplace threads=2;", http = HTTP, server = LOCATIONS,
    })
  end)

  after_each(function() server:stop() end)

  local function get(path, cookie, host)
    return raw.answer(raw.connect(server.url, ("GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n"):format(path,
      host or "localhost", cookie and "Cookie: " .. cookie .. "\r\n" or "")))
  end

  local function sign_in()
    local answer = raw.answer(raw.connect(server.url, raw.post(forms.query { token = TOKEN }:sub(2),
      { "Content-Type: application/x-www-form-urlencoded" }, "/dashboard/login")))
    assert.equal(303, answer.status, answer.body)
    return answer.headers["set-cookie"]:match "^[^;]+"
  end

  it("shows the receiver's inbox, whichever worker answers", function()
    local body = samples.body("ping", { id = "seen" })
    assert.equal(200, raw.answer(raw.connect(server.url, raw.notification(SECRET, body))).status)
    local cookie = sign_in()
    for _ = 1, 8 do
      for _, path in ipairs { "/dashboard/", "/dashboard/live" } do
        local page = get(path, cookie)
        assert.equal(200, page.status)
        assert.is_truthy(page.body:find("seen", 1, true))
      end
    end
    assert.equal(200, get("/dashboard/", cookie, "ops.example").status)
    assert.equal(421, get("/dashboard/", cookie, "evil.example").status)
    server:wait(function()
      local metrics = get("/metrics").body
      return metrics:find('marketplace_dashboard_answers_total{page="overview",status="200"} 9', 1, true) ~= nil
    end, "the metrics of both workers")
  end)

  local function post(path, fields, cookie)
    fields.csrf = get("/dashboard/", cookie).body:match 'name="csrf" type="hidden" value="(%x+)"'
    return raw.answer(raw.connect(server.url, raw.post(forms.query(fields):sub(2),
      { "Content-Type: application/x-www-form-urlencoded", "Cookie: " .. cookie }, path)))
  end

  it("shows and does in threads what an operator decides, whatever an id is made of", function()
    local cookie, id = sign_in(), "a/../b?c=%2f#d&e +"
    local body = samples.body("ping", { id = id })
    assert.equal(200, raw.answer(raw.connect(server.url, raw.notification(SECRET, body))).status)
    local query = forms.query { id = id }
    local shown = get("/dashboard/notification" .. query, cookie)
    assert.is_truthy(shown.body:find("<code>a/../b?c=%2f#d&amp;e +</code>", 1, true), shown.body)
    assert.equal(body, get("/dashboard/notification/body" .. forms.query { entry = id }, cookie).body)
    assert.equal(200, get("/dashboard/dead", cookie).status)
    local confirm = "/dashboard/confirm" .. forms.query { ["do"] = "cancel", entry = id }
    local answer = post(confirm, { reason = "no" }, cookie)
    assert.same({ 303, "/dashboard/notification" .. query }, { answer.status, answer.headers.location })
    assert.is_truthy(get("/dashboard/notification" .. query, cookie).body:find("It was cancelled", 1, true))
    answer = post("/dashboard/change?do=hold", { scope = "app", id = "67", reason = "a complaint" }, cookie)
    assert.equal(303, answer.status, answer.body)
    answer = post("/dashboard/change?do=fetch&version=v1", { scope = "version" }, cookie)
    assert.equal(303, answer.status, answer.body)
    shown = get("/dashboard/packages", cookie)
    assert.is_truthy(shown.body:find("/dashboard/version?id=v1", 1, true), shown.body)
    assert.equal(200, get("/dashboard/version?id=v1", cookie).status)
    assert.equal(400, get("/dashboard/packages?from=x", cookie).status)
  end)

  it("is nowhere else, and does nothing with what nginx has decoded", function()
    local cookie = sign_in()
    for path, status in pairs {
      ["/login"] = 404, ["/other/dashboard/"] = 404, ["/dashboard/%0d%0aset-cookie:a=b"] = 404,
      ["/dashboard/%3Fa"] = 404, ["/dashboard/..%2fmetrics"] = 200, ["/dashboard/%00"] = 400,
      ["/dashboard/live?app=%0d%0aset-cookie:%20a=b"] = 200,
    } do
      local answer = get(path, cookie)
      assert.equal(status, answer.status, path)
      assert.is_nil(answer.headers["set-cookie"], path)
    end
    local answer = get "/dashboard/live?app=%0d%0aset-cookie:%20a=b"
    assert.equal("/dashboard/login?next=%2Flive%3Fapp%3D%250D%250Aset-cookie%253A%2520a%253Db",
      answer.headers.location)
  end)

  it("says that its inbox is away", function()
    local cookie = sign_in()
    assert.equal(200, get("/dashboard/", cookie).status)
    os.remove(server.folder .. "/inbox.db")
    local answer = get("/dashboard/", cookie)
    assert.equal(503, answer.status)
    assert.is_truthy(answer.body:find("Look at the log", 1, true))
  end)
end)
