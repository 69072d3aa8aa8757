-- The catalogue for Spotlight in a real nginx, whose store is read in nginx's threads.
local nginx_server = require "support.nginx_server"
local raw = require "support.raw_http"
local support = require "support.device"

local HANDLERS = [[
  local marketplace = require "marketplace"
  local kinds = {}
  function kinds.com_waits() ngx.sleep(0.01) return { name = "waited" } end
  function kinds.com_raises() error "the names are gone" end
  return function(receiver)
    receiver:add_responder(assert(marketplace.spotlight {
      packages = "%s", base_url = "https://market.example",
      app = function(version)
        local kind = kinds[version.bundle_id:gsub("%%.", "_")]
        return kind and kind() or { name = "<" .. version.item_id .. ">" }
      end,
    }))
  end
]]

local CONFIGURATION = [[
  init_by_lua_block {
    require("marketplace.nginx").init {
      secrets = "a secret of the specs", inbox = "memory", dispatch = true, handlers = "handlers.lua"
    }
  }
  init_worker_by_lua_block { require("marketplace.nginx").init_worker() }
]]

describe("the catalogue for Spotlight in nginx #full", function()
  local setup_, server

  before_each(function()
    setup_ = support.open()
    setup_:publish("v1", { appleItemId = "1", appleVersionId = "1", bundleId = "com.one" })
    setup_:publish("v2", { appleItemId = "2", appleVersionId = "1", bundleId = "com.waits" })
    server = assert(nginx_server.start {
      files = { ["handlers.lua"] = HANDLERS:format(setup_.root) }, main = "thread_pool marketplace threads=2;",
      http = CONFIGURATION,
      server = 'location / { content_by_lua_block { require("marketplace.nginx").device() } }',
    })
  end)

  after_each(function()
    server:stop()
    setup_:close()
  end)

  local function get(path)
    return raw.answer(raw.connect(server.url, ("GET %s HTTP/1.1\r\nHost: a\r\n\r\n"):format(path)))
  end

  it("is answered, and without what is taken down from the next answer on", function()
    local sitemap = get "/sitemap.xml"
    assert.same({ 200, "application/xml; charset=utf-8" }, { sitemap.status, sitemap.headers["content-type"] })
    assert.matches("/apps/1.html<.*/apps/2.html<", sitemap.body)
    local page = get "/apps/1.html"
    assert.equal(200, page.status)
    assert.matches("<h1 dir=\"auto\">&lt;1&gt;</h1>", page.body, 1, true)
    assert.matches("<h1 dir=\"auto\">waited</h1>", get("/apps/2.html").body, 1, true)
    assert(setup_.store:availability { scope = "app", id = "1", available = false })
    assert.equal(404, get("/apps/1.html").status)
    assert.is_nil(get("/sitemap.xml").body:find("/apps/1.html", 1, true))
    setup_:publish("v3", { appleItemId = "3", appleVersionId = "1", bundleId = "com.raises" })
    assert.equal(503, get("/sitemap.xml").status)
    assert.equal(200, get("/apps/2.html").status)
    assert.equal(404, get("/apps/4.html").status)
  end)
end)
