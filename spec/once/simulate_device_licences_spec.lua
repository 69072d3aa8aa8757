-- Licences from end to end: the simulated device asks serve, which asks the simulator's sidecar.
local devices = require "marketplace.simulator.device"
local http = require "marketplace.http"
local package_work = require "support.package_work"
local raw = require "support.raw_http"
local shell = require "support.shell"
local support = require "support.device"

local APP = "6740067890"

local DEVICE = [[return {
  packages = "%s", token = { key_id = "K", marketplace_id = "67", key_file = "%s/install.p8" },
  base_url = "%s/device", authenticate = function(request) return request.headers.authorization end,
  licensing = {
    socket = "%s/socket", key_file = "%s/key", encryption_certificate_file = "%s/certificate",
    signing_certificate_file = "%s/certificate",
  },
}]]

describe("a simulated device's licence", function()
  local work, folder

  setup(function()
    work, folder = package_work.start(), shell.run "mktemp -d"
    shell.run(("cd %s && openssl req -x509 -newkey rsa:3072 -nodes -keyout key -out certificate -subj /CN=a -days 2 " ..
      "2>&1 && echo 'return function() end' > handlers.lua"):format(folder))
    shell.run(("umask 077; cat > %s/install.p8 << 'END'\n%sEND"):format(folder, support.KEY))
  end)

  teardown(function()
    work:stop()
    shell.run("rm -r " .. folder)
  end)

  -- Packages are read as a web server would.
  local function transport(request)
    local path = request.url:match "/device/packages(/.*)$"
    if not path then return http.exchange(request) end
    local body = raw.read_file(work.folder .. "/public" .. path)
    if request.sink then request.sink(body) end
    return { status = 200, headers = {}, body = request.sink and "" or body }
  end

  local function with_serve(use)
    local url = "http://127.0.0.1:" .. shell.free_port()
    local options = DEVICE:format(work.folder, folder, url, folder, folder, folder, folder)
    local config = folder .. "/device.lua"
    shell.run(("cat > %s << 'END'\n%s\nEND"):format(config, options))
    local command = shell.marketplace(("serve %s/handlers.lua --port %s --inbox memory --device-config %s"):format(
      folder, url:match "%d+$", config), "MARKETPLACE_SECRET=0123456789abcdef0123456789abcdef exec")
    shell.with_server("sh -c '" .. command .. "'", function()
      use(assert(devices.open { domain = url, headers = { "Authorization: somebody" }, transport = transport }))
    end)
  end

  local function with_sidecar(arguments, use)
    shell.with_server(shell.marketplace(("simulate licences --socket %s/socket %s"):format(folder, arguments)), use)
  end

  -- The outcome for the only app, and the error.
  local function one(report, message)
    local app = assert(report, message).apps[1]
    return app.outcome, app.error, app.reason
  end

  it("is given, renewed, refused and out of reach", function()
    local p = work:open()
    assert.equal("job_done", work:fetch(p, work:add_version { app = APP }).event)
    with_serve(function(device)
      with_sidecar("", function()
        assert.equal("installed", (one(device:install { app = APP })))
        assert.is_string(device:apps()[1].licence)
        assert.equal("renewed", (one(device:renew())))
        assert.equal("restored", (one(device:restore())))
      end)
      with_sidecar("--unlicensed " .. APP, function()
        assert.equal("invalidLicense", (select(2, one(device:renew()))))
        assert.equal("invalidLicense", (select(2, one(device:restore()))))
      end)
      local outcome, name, reason = one(device:restore())
      assert.same({ "failed", "request_failed" }, { outcome, name })
      assert.matches("answers 503", reason)
    end)
  end)
end)
