-- marketplace.packages in a real nginx: callbacks reach the store through nginx's threads.
local core = require "marketplace.core"
local marketplace = require "marketplace"
local nginx_server = require "support.nginx_server"
local raw = require "support.raw_http"
local samples = require "marketplace.samples"

local SECRET = "the secret of the specs"
local APP = "6740067890" -- and the others: those of marketplace.samples
local PACKAGE, VERSION = "5c2e8f4b-0d8e-4f5e-9a41-3c1f2b7d9e60", "b7d0a6c2-7f43-4d0b-8a35-91e6f4c8d217"

local HANDLERS = [[
  local marketplace = require "marketplace"
  return function(receiver)
    local packages = assert(marketplace.packages { folder = "<folder>/packages" })
    packages:add_callbacks(receiver)
  end
]]

describe("marketplace.packages in nginx #full", function()
  local server, packages

  local function start(main)
    server = assert(nginx_server.start {
      files = { ["handlers.lua"] = HANDLERS, secrets = SECRET .. "\n" }, main = main,
      http = [[
        init_by_lua_block {
          require("marketplace.nginx").init {
            handlers = "handlers.lua", secret_file = "secrets", inbox = "memory", dispatch = true
          }
        }
        init_worker_by_lua_block { require("marketplace.nginx").init_worker() }
      ]],
      server = [[
        location = /notifications { content_by_lua_block { require("marketplace.nginx").handle() } }
        location = /current { content_by_lua_block {
          local p = require("marketplace").packages { folder = "packages" }
          local version, message, code = p:current("]] .. APP .. [[")
          ngx.log(ngx.WARN, "current: ", tostring(version), " ", tostring(message), " ", tostring(code))
          ngx.log(ngx.WARN, "turn: ", tostring(p.turn), ", versions: ", #p:list(), ", jobs: ", #p:jobs())
          p:withdraw { app = "]] .. APP .. [[", territories = { "FRA" } }
          local where = p:territories { app = "]] .. APP .. [[" }
          ngx.log(ngx.WARN, "in France: ", where.FRA, ", elsewhere: ", where["*"])
        } }
      ]],
    })
  end

  after_each(function()
    if packages then packages:close() end
    packages = nil
    server:stop()
  end)

  local function ask(bytes)
    return raw.answer(raw.connect(server.url, bytes))
  end

  local function send(event, at)
    local body = samples.body(event, { time = at, generation = 1 })
    assert.equal(200, ask(raw.notification(SECRET, body)).status)
  end

  local function wait_for(is_so)
    packages = packages or assert(marketplace.packages { folder = server.folder .. "/packages" })
    server:wait(is_so, "the callback ran")
  end

  it("record what is wanted, and what is taken down and comes back", function()
    start "thread_pool marketplace threads=2;"
    send("version_available", core.now())
    wait_for(function() return #packages:jobs() == 1 end)
    local job = packages:jobs()[1]
    assert.same({ VERSION, APP, "wanted" }, { job.version, job.app, job.state })
    send("app_unavailable", core.now() + 1)
    wait_for(function() return packages:territories { app = APP }["*"] == false end)
    send("versions_unavailable", core.now() + 2)
    wait_for(function() return packages:territories { package = PACKAGE }["*"] == false end)
    assert.equal("384", tostring(core.stat(server.folder .. "/packages/state/store.db").mode))
  end)

  it("can be asked, but fetch nothing", function()
    start "thread_pool marketplace threads=2;"
    ask "GET /current HTTP/1.1\r\nHost: a\r\n\r\n"
    server:wait_for "current: false nil nil"
    server:wait_for "turn: nil, versions: 0, jobs: 0"
    server:wait_for "in France: false, elsewhere: true"
  end)

  it("say what to write if nginx has no threads for them", function()
    start ""
    send("version_available", core.now())
    server:wait_for "write thread_pool marketplace threads=4;"
  end)
end)
