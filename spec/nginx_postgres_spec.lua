-- nginx in front of an inbox in PostgreSQL, as docs/nginx.md has it.
local blocks = require "support.blocks"
local core = require "marketplace.core"
local inbox = require "marketplace.inbox"
local marketplace = require "marketplace"
local nginx_server = require "support.nginx_server"
local postgres_server = require "support.postgres_server"
local raw = require "support.raw_http"
local samples = require "marketplace.samples"
local shell = require "support.shell"

local GUIDE = raw.read_file("docs/nginx.md"):match "\n(## An inbox in PostgreSQL\n.-)\n## "

describe("nginx and an inbox in PostgreSQL #full", function()
  after_each(raw.remove_files)

  it("are refused together when nginx starts, with why in its error log, and without the password", function()
    local started, said = nginx_server.start {
      files = { ["handlers.lua"] = "return function() end" },
      http = [[init_by_lua_block {
        require("marketplace.nginx").init { handlers = "handlers.lua", secrets = "s", dispatch = true,
          inbox = "postgres://someone:hidden@127.0.0.1:1/none" }
      }]],
    }
    assert.is_nil(started) -- as its exit status was not 0
    assert.matches("%[error%] .* there is no PostgreSQL inbox inside nginx, as it would block the worker: use an " ..
      "inbox in Redis or SQLite, or receive with `marketplace serve %-%-inbox postgres:%.%.%.` behind nginx", said)
    assert.is_nil(said:find("hidden", 1, true))
  end)

  describe("with `marketplace serve` in between", function()
    local postgres, nginx, folder

    setup(function()
      postgres, folder = postgres_server.start(), shell.run "mktemp -d"
      assert(core.replace_file(folder .. "/secrets.txt", "the secret\n"))
      assert(core.replace_file(folder .. "/handlers.lua", ([[
        return function(receiver)
          receiver:on("*", function(n)
            assert(require("marketplace.core").replace_file("%s/ran", n.id))
          end)
        end]]):format(folder)))
    end)

    teardown(function()
      if nginx then nginx:stop() end
      postgres:remove()
      shell.run("rm -rf " .. folder)
    end)

    -- The guide's command that begins so, with this folder's files, on another port.
    local function command(beginning)
      for _, block in ipairs(blocks(GUIDE, "sh")) do
        for line in block:gmatch "[^\n]+" do
          local arguments = line:match("^marketplace (" .. beginning .. " .*)")
          if arguments then
            local url = ("postgres://postgres@127.0.0.1:%d/postgres"):format(postgres.port)
            return (arguments:gsub("%-%-port 8080", "--port 0"):gsub("handlers%.lua", folder .. "/handlers.lua")
              :gsub("secrets%.txt", folder .. "/secrets.txt"):gsub("postgres://db%.example/marketplace", url))
          end
        end
      end
      error("the guide has no command " .. beginning)
    end

    it("stores, and `marketplace work` runs it", function()
      local body = samples.body("version_available", { id = "n1", app_id = "a" })
      local log = shell.with_server(shell.marketplace(command "serve" .. " --json"), function(url)
        local location = blocks(GUIDE, "nginx")[1]:gsub("127%.0%.0%.1:8080", (url:match "//([^/]+)"))
        nginx = assert(nginx_server.start { server = location })
        local client = nginx:connect()
        client:send(("POST /notifications HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n" ..
          "x-apple-signature: %s\r\n\r\n%s"):format(#body, marketplace.sign("the secret", body), body))
        local answer = client:receive "*l"
        client:close()
        assert.equal("HTTP/1.1 200 OK", answer)
      end)
      assert.matches('"stored"', log)
      shell.with_server(shell.marketplace(command "work" .. " --metrics-port 0 --json"), function()
        local stop = core.monotonic() + 30
        repeat core.sleep(0.02) until shell.exists(folder .. "/ran") or core.monotonic() > stop
      end)
      assert.equal("n1", raw.read_file(folder .. "/ran"))
      local box = assert(inbox.open("postgres:" .. postgres:words()))
      assert.equal(1, box:counts().done)
      box:close()
    end)
  end)
end)
