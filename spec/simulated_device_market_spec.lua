-- The simulated device against what an operator has: packages that were fetched, and marketplace.device.
local devices = require "marketplace.simulator.device"
local marketplace = require "marketplace"
local package_work = require "support.package_work"
local raw = require "support.raw_http"
local shell = require "support.shell"
local support = require "support.device"

local APP = "6740067890"
local PUBLIC_KEY = shell.run("openssl pkey -pubout << 'END'\n" .. support.KEY .. "END")

describe("a simulated device, against marketplace.device,", function()
  local work, p, phone

  -- Answers for the domain, and a web server for the folder `public`.
  local function transport(answers)
    return function(request)
      local host, path = request.url:match "^https://([^/]+)(.*)$"
      local response = { status = 404, headers = {}, body = "" }
      if host == "packages.market.example" then
        local file = work.folder .. "/public" .. path
        if shell.exists(file) then response.status, response.body = 200, raw.read_file(file) end
      else
        local headers = {}
        for _, line in ipairs(request.headers or {}) do
          local name, value = line:match "^(.-): (.*)$"
          headers[name] = value
        end
        response.status, response.headers, response.body = answers:handle {
          method = request.method, path = path, headers = headers, body = request.body,
        }
      end
      if not request.sink or response.status ~= 200 then return response end
      return request.sink(response.body) ~= false and response or nil, "the sink ended it", "http_failed"
    end
  end

  local function open(more)
    local given = {
      packages = p, token = { key_id = "K", marketplace_id = "67", key = support.KEY },
      base_url = "https://market.example/device", packages_url = "https://packages.market.example",
      authenticate = function(request)
        if request.headers.authorization == "Bearer old" then return false end
        if request.headers.authorization then return "somebody", "FRA" end
      end,
      log = function() end,
    }
    local answers = assert(marketplace.device(given))
    local of_phone = {
      domain = "market.example", headers = { "Authorization: Bearer x" }, token_key = PUBLIC_KEY,
      transport = transport(answers),
    }
    for name, value in pairs(more or {}) do of_phone[name] = value end
    return assert(devices.open(of_phone)), answers
  end

  local function fetch(given)
    given.app = APP
    local version = work:add_version(given)
    assert.equal("job_done", work:fetch(p, version).event)
    return version
  end

  -- The outcome for the only app.
  local function one(report, message)
    return assert(report, message).apps[1].outcome, report.apps[1]
  end

  setup(function() work = package_work.start() end)
  teardown(function() work:stop() end)
  before_each(function()
    work:reset()
    p = work:open()
    fetch { apple_version_id = "800000001" }
    phone = open()
  end)
  it("installs, updates by the delta, is refused what was taken down, and restores it when it is back", function()
    local outcome, app = one(phone:install { app = APP })
    assert.same({ "installed", "800000001", "chunks" }, { outcome, app.apple_version_id, app.proof }, app.reason)
    assert.equal("current", (one(phone:update())))

    local second = fetch { apple_version_id = "800000002", deltas = 1 }
    outcome, app = one(phone:update())
    assert.same({ "updated", "800000002" }, { outcome, app.apple_version_id }, app.reason)
    assert.matches("^delta/", app.asset)
    assert.equal("restored", (one(phone:restore())))

    assert(p:withdraw { app = second.app })
    outcome, app = one(phone:update())
    assert.same({ "unavailable", 404 }, { outcome, app.code })
    assert.equal("unavailable", (one(phone:restore())))
    assert.equal("unavailable", (one(open():install { app = APP })))

    assert(p:restore { app = second.app })
    assert.equal("current", (one(phone:update())))
    assert.equal("restored", (one(phone:restore())))
  end)

  it("takes the link of a page", function()
    local _, answers = open()
    local link = assert(answers:install { app = APP, account = "a & b" }).link
    local outcome, app = one(phone:install { link = link })
    assert.equal("installed", outcome, app.reason)
  end)

  it("is told to sign in", function()
    for _, headers in ipairs { {}, { "Authorization: Bearer old" } } do
      assert.equal("sign_in", select(3, open { headers = headers }:install { app = APP }))
    end
  end)

  it("is refused a version that does not run there", function()
    assert.equal("unavailable", (one(open { system = "17.3" }:install { app = APP })))
    assert.equal("noSupportedVariant", select(2, one(open { model = "iPhone1,1" }:install { app = APP })).error)
  end)
end)
