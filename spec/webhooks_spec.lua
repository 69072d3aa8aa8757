-- `marketplace webhooks`, with the real client and an App Store Connect of a few lines in place of the network.
local cjson = require "cjson"
local cli = require "marketplace.cli"
local core = require "marketplace.core"
local http = require "marketplace.http"
local marketplace = require "marketplace"
local output = require "marketplace.cli.support.output"
local samples = require "marketplace.samples"
local shell = require "support.shell"
local unpack = require("marketplace.runtime").unpack

local VERSION_CREATED = "ALTERNATIVE_DISTRIBUTION_PACKAGE_VERSION_CREATED"
local AVAILABLE_UPDATED = "ALTERNATIVE_DISTRIBUTION_PACKAGE_AVAILABLE_UPDATED"
local TERRITORY_UPDATED = "ALTERNATIVE_DISTRIBUTION_TERRITORY_AVAILABILITY_UPDATED"
local URL = "https://marketplace.example/notifications"
local SECRET = "hunter2"

local function refuse(status, title)
  return status, { errors = { { status = tostring(status), code = "X", title = title, detail = title } } }
end

-- What it holds, and a transport that asks it.
local function new_apple()
  local apple = { first = {}, second = {}, deliveries = {}, requests = {}, next_id = 1, refuse = {} }

  local function new_id()
    apple.next_id = apple.next_id + 1
    return "new" .. apple.next_id
  end

  local function shown(kind, hook)
    local attributes = {}
    for name, value in pairs(hook) do
      if name ~= "id" and name ~= "secret" and name ~= "app" then attributes[name] = value end
    end
    local app = hook.app and { app = { data = { type = "apps", id = hook.app } } } or nil
    return { type = kind, id = hook.id, attributes = attributes, relationships = app }
  end

  local function find(list, id)
    for place, hook in ipairs(list) do
      if hook.id == id then return hook, place end
    end
  end

  local function all(kind, list, fits)
    local data = {}
    for _, hook in ipairs(list) do
      if not fits or fits(hook) then data[#data + 1] = shown(kind, hook) end
    end
    return 200, { data = data, links = { self = "x" } }
  end

  local function create(kind, list, document)
    local hook = { id = new_id(), app = document.data.relationships and document.data.relationships.app.data.id }
    for name, value in pairs(document.data.attributes) do hook[name] = value end
    list[#list + 1] = hook
    return 201, { data = shown(kind, hook), links = { self = "x" } }
  end

  local function change(kind, list, id, document)
    local hook = find(list, id)
    if not hook then return refuse(404, "there is none") end
    for name, value in pairs(document.data.attributes) do hook[name] = value end
    return 200, { data = shown(kind, hook), links = { self = "x" } }
  end

  local function answer(method, path, document)
    local kind, id = path:match "^/v1/(%a*[wW]ebhooks)/?([^/]*)$"
    local list = kind == "webhooks" and apple.second or apple.first
    if kind and method == "POST" then return create(kind, list, document) end
    if kind and method == "PATCH" then return change(kind, list, id, document) end
    if kind and method == "DELETE" then
      local _, place = find(list, id)
      if not place then return refuse(404, "there is none") end
      table.remove(list, place)
      return 204
    end
    if kind == "webhooks" then
      local hook = find(list, id)
      if not hook then return refuse(404, "there is none") end
      return 200, { data = shown(kind, hook), links = { self = "x" } }
    end
    if kind then return all(kind, list) end
    local app = path:match "^/v1/apps/([^/]+)/webhooks$"
    if app then return all("webhooks", apple.second, function(hook) return hook.app == app end) end
    if path:find "/deliveries$" then return 200, apple.deliveries end
    if path == "/v1/webhookPings" then
      local hook = find(apple.second, document.data.relationships.webhook.data.id)
      if apple.deliver then apple.deliver(hook, new_id()) end
      return 201, { data = { type = "webhookPings", id = new_id() }, links = {} }
    end
    if path == "/v1/webhookDeliveries" then
      local template = document.data.relationships.template.data.id
      if template == "gone" then return refuse(404, "there is none") end
      return 201, { data = { type = "webhookDeliveries", id = new_id() }, links = {} }
    end
    return refuse(404, "there is none")
  end

  function apple.exchange(request)
    local path, query = request.url:match "^https://api%.example(/[^?]*)%??(.*)$"
    if not path then return apple.receiver(request) end
    path = path:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
    local document = request.body and cjson.decode(request.body)
    apple.requests[#apple.requests + 1] = { method = request.method, path = path, query = query, body = document }
    local status, body = answer(request.method, path, document)
    if apple.refuse[path] then status, body = refuse(apple.refuse[path], "refused") end
    -- an empty list is one, also for lua-cjson
    local text = body and cjson.encode(body):gsub('"data":{}', '"data":[]') or ""
    return { status = status, headers = { ["content-type"] = "application/json" }, body = text }
  end

  return apple
end

describe("marketplace webhooks", function()
  local folder, apple, written, noted, environment
  local real = {
    exchange = http.exchange, raw = output.raw, note = output.note, getenv = os.getenv, terminal = core.is_terminal,
  }

  setup(function()
    folder = shell.run "mktemp -d"
    shell.run(("openssl ecparam -name prime256v1 -genkey -noout -out %s/key.pem"):format(folder))
    assert(core.replace_file(folder .. "/config",
      "key_file = key.pem\nkey_id = k\nissuer_id = i\napi_url = https://api.example\n"))
  end)

  teardown(function() shell.run("rm -rf " .. folder) end)

  before_each(function()
    apple, written, noted = new_apple(), {}, {}
    environment = { MARKETPLACE_CONFIG = folder .. "/config", MARKETPLACE_SECRET = SECRET }
    http.exchange = function(request) return apple.exchange(request) end
    output.raw = function(text) written[#written + 1] = text end
    output.note = function(text) noted[#noted + 1] = text end
    core.is_terminal = function() return false end
    rawset(os, "getenv", function(name) return environment[name] end)
    assert(core.replace_file(folder .. "/secrets", SECRET .. "\nolder\n"))
  end)

  after_each(function()
    http.exchange, output.raw, output.note, core.is_terminal = real.exchange, real.raw, real.note, real.terminal
    rawset(os, "getenv", real.getenv)
  end)

  -- What was written on the two streams.
  local function run(status, ...)
    written, noted = {}, {}
    local got = cli.main { "webhooks", ... }
    local out, err = table.concat(written), table.concat(noted, "\n")
    assert.equal(status, got, out .. err)
    assert.is_nil((out .. err):find(SECRET, 1, true), out .. err)
    return out, err
  end

  local function add_second(hook)
    local full = {
      id = "w1", app = "1", name = "mine", url = URL, enabled = true, eventTypes = { VERSION_CREATED, "BUILD_X" },
    }
    for name, value in pairs(hook or {}) do full[name] = value end
    apple.second[#apple.second + 1] = full
    return full
  end

  local function changes()
    local list = {}
    for _, request in ipairs(apple.requests) do
      if request.method ~= "GET" then list[#list + 1] = request.method .. " " .. request.path end
    end
    return list
  end

  it("lists those of apps, for people and for machines", function()
    add_second()
    add_second { id = "w2", app = "2", enabled = false, eventTypes = { TERRITORY_UPDATED } }
    assert.equal("ID  APP  NAME  ENABLED  EVENTS                        URL\n" ..
      "w1  1    mine  yes      version_available,BUILD_X     " .. URL .. "\n" ..
      "w2  2    mine  no       app_unavailable,app_restored  " .. URL .. "\n",
      (run(0, "list", "--app", "1", "--app", "2", "--table")))
    local piped = run(0, "list", "--app", "1")
    assert.same({ id = "w1", app = "1", generation = 2, name = "mine", url = URL, enabled = true,
      eventTypes = { VERSION_CREATED, "BUILD_X" } }, cjson.decode(piped))
    core.is_terminal = function() return true end
    assert.matches("^ID +APP", (run(0, "list", "--app", "3")))
    assert.equal("", (run(0, "list", "--app", "3", "--json")))
  end)

  it("lists the one of generation 1, and says that it is deprecated", function()
    apple.first[1] = { id = "m1", endpointUrl = URL }
    local out, err = run(0, "list", "--generation", "1", "--table")
    assert.equal("ID  URL\nm1  " .. URL .. "\n", out)
    assert.matches("deprecates generation 1", err)
    assert.equal(1, #noted)
  end)

  it("creates", function()
    local out = run(0, "create", "--app", "1", "--name", "n", "--url", URL)
    assert.equal("created webhook new2 (" .. URL .. ")\n", out)
    assert.same({ id = "new2", app = "1", name = "n", url = URL, enabled = true, secret = SECRET,
      eventTypes = { VERSION_CREATED, AVAILABLE_UPDATED, TERRITORY_UPDATED } }, apple.second[1])
    environment.MARKETPLACE_SECRET = "other"
    run(0, "create", "--app", "1", "--name", "n", "--url", URL, "--disabled", "--event", "app_restored", "--event",
      "app_unavailable", "--event", "SOMETHING_NEW_2", "--secret-file", folder .. "/secrets", "--json")
    assert.same({ TERRITORY_UPDATED, "SOMETHING_NEW_2" }, apple.second[2].eventTypes)
    assert.is_false(apple.second[2].enabled)
    assert.equal(SECRET, apple.second[2].secret)
    assert.equal("new3", cjson.decode(written[1]).id)
    run(0, "create", "--generation", "1", "--url", URL, "--secret-file", folder .. "/secrets")
    assert.same({ id = "new4", endpointUrl = URL, secret = SECRET }, apple.first[1])
    run(0, "create", "--app", "1", "--name", "n", "--url", URL, "--event", "AppUnavailable", "--event",
      "alternativeDistributionPackageVersionCreated", "--event", "buildUploadStateUpdated", "--secret-file",
      folder .. "/secrets")
    assert.same({ TERRITORY_UPDATED, VERSION_CREATED, "BUILD_UPLOAD_STATE_UPDATED" }, apple.second[3].eventTypes)
  end)

  it("updates what is named, and the secret only from a file", function()
    local hook = add_second { secret = "before" }
    assert.equal("changed webhook w1 (" .. URL .. ")\n", (run(0, "update", "w1", "--disabled")))
    assert.is_false(hook.enabled)
    assert.same({ enabled = false }, apple.requests[1].body.data.attributes)
    run(0, "update", "w1", "--enabled", "--name", "other", "--event", "version_available")
    assert.same({ enabled = true, name = "other", eventTypes = { VERSION_CREATED } },
      apple.requests[2].body.data.attributes)
    assert.equal("before", hook.secret)
    run(0, "update", "w1", "--secret-file", folder .. "/secrets")
    assert.equal(SECRET, hook.secret)
    apple.first[1] = { id = "m1", endpointUrl = URL }
    run(0, "update", "m1", "--generation", "1", "--url", URL .. "/2")
    assert.equal(URL .. "/2", apple.first[1].endpointUrl)
    assert.matches("there is none", (select(2, run(1, "update", "w9", "--disabled"))))
  end)

  it("deletes when it is told twice", function()
    add_second()
    apple.first[1] = { id = "m1", endpointUrl = URL }
    assert.matches("delete: %-%-yes is missing, and there is no terminal", (select(2, run(2, "delete", "w1"))))
    assert.same({}, apple.requests)
    assert.matches("there is none", (select(2, run(1, "delete", "w2", "--yes"))))
    assert.matches("no such generation 1 webhook: w1",
      (select(2, run(1, "delete", "w1", "--yes", "--generation", "1"))))
    assert.same({}, changes())
    assert.equal("deleted webhook w1 (" .. URL .. ")\n", (run(0, "delete", "w1", "--yes")))
    assert.same({ id = "m1", deleted = true },
      cjson.decode((run(0, "delete", "m1", "--generation", "1", "--yes", "--json"))))
    assert.same({ {}, {} }, { apple.first, apple.second })
  end)

  it("asks on a terminal before it deletes", function()
    local stdin, stderr, asked = io.stdin, io.stderr, {}
    core.is_terminal = function() return true end
    local function answering(answer, status)
      rawset(io, "stdin", { read = function() return answer end })
      rawset(io, "stderr", {
        write = function(_, ...) asked[#asked + 1] = table.concat { ... } end, flush = function() end,
      })
      local ok, problem = pcall(run, status, "delete", "w1")
      rawset(io, "stdin", stdin)
      rawset(io, "stderr", stderr)
      assert(ok, problem)
    end
    add_second()
    answering("n", 1)
    answering("", 1)
    answering(nil, 1)
    assert.equal(1, #apple.second)
    answering("Y", 0)
    assert.equal(0, #apple.second)
    assert.equal("Delete webhook w1 (" .. URL .. ")? [y/N] ", asked[1])
  end)

  it("asks for pings and repetitions", function()
    assert.matches("asked for a ping %(new2%)", (run(0, "ping", "w1")))
    assert.same({ id = "w1", type = "webhooks" }, apple.requests[1].body.data.relationships.webhook.data)
    assert.equal("delivery d1 is repeated as new3\ndelivery d2 is repeated as new4\n",
      (run(0, "redeliver", "d1", "d2")))
    local out, err = run(1, "redeliver", "d1", "gone", "d2")
    assert.equal("delivery d1 is repeated as new5\ndelivery d2 is repeated as new6\n", out)
    assert.matches("delivery gone is not repeated: .*\ndeliveries not repeated: 1 of 3", err)
  end)

  it("lists deliveries", function()
    local function delivery(id, state, more)
      local attributes = { createdDate = "2026-01-31T12:00:00Z", deliveryState = state }
      for name, value in pairs(more or {}) do attributes[name] = value end
      return { type = "webhookDeliveries", id = id, attributes = attributes,
        relationships = { event = { data = { type = "webhookEvents", id = "e" .. id } } } }
    end
    local function event(id, more)
      return { type = "webhookEvents", id = id, attributes = more }
    end
    apple.deliveries = {
      data = {
        delivery("d1", "SUCCEEDED", { response = { httpStatusCode = 200 } }),
        delivery("d2", "FAILED", {
          response = { httpStatusCode = 503 }, redelivery = true, errorMessage = "bad\27[2J",
        }),
        delivery("d3", "PENDING"),
      },
      included = {
        event("ed1", { eventType = VERSION_CREATED, ping = false }), event("ed2", { ping = true }),
        event("ed3", {
          eventType = TERRITORY_UPDATED, ping = false,
          payload = samples.body("app_restored", { id = "n3" }),
        }),
      },
      links = { self = "x" },
    }
    assert.equal(
      "CREATED               STATE      AGAIN  HTTP  EVENT              NOTIFICATION  ID  ERROR\n" ..
      "2026-01-31T12:00:00Z  SUCCEEDED  no     200   version_available  -             d1  -\n" ..
      "2026-01-31T12:00:00Z  FAILED     yes    503   ping               -             d2  bad\\x1b[2J\n" ..
      "2026-01-31T12:00:00Z  PENDING    no     -     app_restored       n3            d3  -\n",
      (run(0, "deliveries", "w1", "--table")))
    local query = apple.requests[1].query
    assert.matches("filter%[?%%?5?B?createdDateGreaterThanOrEqualTo", query)
    assert.is_nil(query:find("deliveryState", 1, true))
    assert.matches("include=event", query)
    local out, err = run(0, "deliveries", "w1", "--state", "FAILED", "--since", "2026-01-31", "--limit", "1")
    local found = cjson.decode(out)
    assert.same({ "d2", 503, "ping", true }, { found.id, found.httpStatusCode, found.eventType, found.redelivery })
    assert.matches("only the first 1", err)
    found = cjson.decode((run(0, "deliveries", "w1", "--state", "PENDING")))
    assert.same({ "app_restored", "n3", TERRITORY_UPDATED }, { found.event, found.notification, found.eventType })
    assert.matches("2026%-01%-31T00", apple.requests[2].query)
  end)

  it("says what was made before a migration failed", function()
    apple.first[1] = { id = "m1", endpointUrl = URL }
    apple.refuse["/v1/apps/2/webhooks"] = 403
    local _, err = run(1, "migrate", "--app", "1", "--app", "2")
    assert.matches("^app 2: .*; created before, and kept: webhook new%d+ %(app 1%); run the same command again", err)
    _, err = run(1, "migrate", "--app", "2", "--app", "3")
    assert.matches("^app 2: .*; nothing was created$", err)
  end)

  it("does not let what App Store Connect tells steer a terminal", function()
    local evil = "https://x.example/\27[2J\ncreated"
    apple.first[1] = { id = "m1", endpointUrl = evil }
    add_second { id = "w\27", url = evil }
    for _, arguments in ipairs {
      { "migrate", "--app", "1" }, { "update", "w\27", "--name", "x" }, { "delete", "w\27", "--yes" },
      { "update", "m1", "--generation", "1", "--secret-file", folder .. "/secrets" },
    } do
      local out, err = run(0, unpack(arguments))
      assert.is_nil((out .. err):find("\27", 1, true), arguments[1])
      assert.is_nil(out:find("\ncreated", 1, true), arguments[1])
      assert.matches("\\x1b", out)
    end
  end)

  it("warns of a key file that others can read", function()
    add_second()
    local path = folder .. "/key.pem"
    local warning = ("warning: others can read %s (mode 0640): chmod 600 %s"):format(path, path)
    assert.is_nil((select(2, run(0, "list", "--app", "1"))):find(warning, 1, true))
    shell.run("chmod 640 " .. path)
    local _, err = run(0, "list", "--app", "1")
    shell.run("chmod 600 " .. path)
    assert.is_truthy(err:find(warning, 1, true), err)
    assert.equal(1, #noted)
  end)

  it("says that a secret file is a folder", function()
    assert.equal("the secret file cannot be read: " .. folder .. ": Is a directory",
      (select(2, run(1, "create", "--app", "1", "--name", "n", "--url", URL, "--secret-file", folder))))
  end)

  it("shows, and does not send, what would change something", function()
    add_second()
    local out = run(0, "create", "--app", "1", "--name", "n", "--url", URL, "--dry-run")
    local line, body = out:match "^([^\n]*)\n([^\n]*)\n$"
    assert.equal("POST https://api.example/v1/webhooks", line)
    local data = cjson.decode(body).data
    assert.equal("(hidden)", data.attributes.secret)
    assert.equal(URL, data.attributes.url)
    assert.equal("1", data.relationships.app.data.id)
    assert.equal("DELETE https://api.example/v1/webhooks/w1\n", (run(0, "delete", "w1", "--dry-run")))
    local shown = cjson.decode((run(0, "update", "w1", "--name", "x", "--dry-run", "--json")))
    assert.same({ "PATCH", "https://api.example/v1/webhooks/w1", "x" },
      { shown.method, shown.url, shown.body.data.attributes.name })
    assert.matches("^POST %S+/v1/webhookPings\n", (run(0, "ping", "w1", "--dry-run")))
    assert.matches("^POST %S+/v1/webhookDeliveries\n", (run(0, "redeliver", "d1", "--dry-run")))
    local box = "sqlite:" .. folder .. "/shown.db"
    assert(marketplace.inbox(box)):close()
    assert.matches("^begin .*\nPATCH %S+/v1/webhooks/w1\n.*%(hidden%).*\nPOST %S+/v1/webhookPings\n",
      (run(0, "rotate-secret", "w1", "--secret-file", folder .. "/secrets", "--inbox", box, "--dry-run")))
    assert.same({}, changes())
    assert.equal(SECRET .. "\nolder\n", shell.run("cat " .. folder .. "/secrets") .. "\n")
  end)

  it("migrates, also when it is run again", function()
    assert.matches("there is no generation 1 webhook", (select(2, run(1, "migrate", "--app", "1"))))
    apple.first[1] = { id = "m1", endpointUrl = URL }
    add_second { id = "w1", app = "2", enabled = false }
    add_second { id = "w2", app = "3", url = URL .. "/other" }
    local out = run(0, "migrate", "--app", "1", "--app", "2", "--app", "3", "--dry-run")
    assert.matches("POST %S+/v1/webhooks\n.*app 2: webhook w1 was there already, but .*\nPOST %S+/v1/webhooks\n", out)
    assert.same({}, changes())
    local advice
    out, advice = run(0, "migrate", "--app", "1", "--app", "2", "--app", "3")
    assert.matches("app 1: webhook new%d+ created\n", out)
    assert.matches("app 2: webhook w1 was there already, but it is disabled, it lacks " ..
      "versions_unavailable,versions_restored,app_unavailable,app_restored\n", out)
    assert.matches("app 3: webhook new%d+ created\n", out)
    assert.matches("callbacks run twice", advice)
    assert.matches("delete %-%-generation 1 m1$", advice)
    assert.equal(2, #changes())
    local made = apple.second[3]
    assert.same({ id = made.id, app = "1", name = "marketplace", url = URL, enabled = true, secret = SECRET,
      eventTypes = { VERSION_CREATED, AVAILABLE_UPDATED, TERRITORY_UPDATED } }, made)
    assert.matches("^app 1: webhook new%d+ was there already\n$", (run(0, "migrate", "--app", "1")))
    out, advice = run(0, "migrate", "--app", "1", "--app", "3", "--json")
    assert.is_nil(advice:find "callbacks run twice")
    for line in out:gmatch "[^\n]+" do assert.is_false(cjson.decode(line).created) end
    assert.equal(2, #changes())
  end)

  it("refuses wrong usage before it asks anybody", function()
    for pattern, arguments in pairs {
      ["%-%-app is missing: a webhook belongs"] = { "list" },
      ["%-%-app does not go with %-%-generation 1"] = { "list", "--generation", "1", "--app", "1" },
      ["%-%-app is missing"] = { "create", "--name", "n", "--url", URL },
      ["%-%-name is missing"] = { "create", "--app", "n", "--url", URL },
      ["webhook does not take %-%-name"] = { "create", "--generation", "1", "--name", "n", "--url", URL },
      ["webhook does not take %-%-event"] = { "create", "--generation", "1", "--event", "ping", "--url", URL },
      ["%-%-url must be an http or https URL"] = { "create", "--app", "1", "--name", "n", "--url", "example.com" },
      ["event type 'app_gone'"] = { "create", "--app", "1", "--name", "n", "--url", URL, "--event", "app_gone" },
      ["nothing is to be changed"] = { "update", "w1" },
      ["ping is for generation 2 only"] = { "ping", "m1", "--generation", "1" },
      ["deliveries is for generation 2 only"] = { "deliveries", "m1", "--generation", "1" },
      ["redeliver is for generation 2 only"] = { "redeliver", "d1", "--generation", "1" },
      ["%-%-since must be"] = { "deliveries", "w1", "--since", "soon" },
      ["%-%-limit must be"] = { "deliveries", "w1", "--limit", "0" },
      ["%-%-app is empty"] = { "list", "--app", "" },
      ["an id is empty"] = { "ping", "" },
      ["an id is empty."] = { "redeliver", "d1", " " },
      ["an id is empty.."] = { "rotate-secret", "w1", "", "--secret-file", "x", "--yes" },
      ["%-%-grace must be"] = { "rotate-secret", "w1", "--secret-file", "x", "--grace", "long", "--yes" },
      ["%-%-abort does not go"] = { "rotate-secret", "w1", "--secret-file", "x", "--abort", "--dry-run" },
      ["%-%-secret%-file is missing"] = { "rotate-secret", "w1", "--yes" },
      ["%-%-yes is missing"] = { "rotate-secret", "w1", "--secret-file", "x" },
      ["set by %-%-inbox"] = { "rotate-secret", "w1", "--secret-file", "x", "--inbox", "memory", "--yes" },
      ["%-%-wait must be"] = { "rotate-secret", "w1", "--secret-file", "x", "--wait", "long", "--yes" },
      ["%-%-receiver%-url must be"] = { "rotate-secret", "w1", "--secret-file", "x", "--receiver-url", "x", "--yes" },
      ["%-%-json do not go together"] = { "list", "--app", "1", "--json", "--table" },
      ["%-%-app ID is missing"] = { "migrate" },
      ["DELIVERY_ID is missing"] = { "redeliver" },
    } do
      local _, err = run(2, unpack(arguments))
      assert.matches(pattern, err)
      assert.matches("Usage: marketplace webhooks", err)
    end
    assert.same({}, apple.requests)
  end)

  it("writes a line for each request if it is asked to, without secrets", function()
    local file = folder .. "/errors"
    local stderr = io.stderr
    local opened = assert(io.open(file, "w"))
    rawset(io, "stderr", opened)
    local ok, problem = pcall(run, 0, "create", "--app", "1", "--name", "n", "--url", URL, "--verbose")
    rawset(io, "stderr", stderr)
    opened:close()
    assert(ok, problem)
    local lines = shell.run("cat " .. file)
    assert.matches("POST https://api%.example/v1/webhooks", lines)
    assert.matches("status=201", lines)
    assert.is_nil(lines:find(SECRET, 1, true))
    assert.is_nil(lines:lower():find("bearer", 1, true))
    assert.is_nil(lines:find("\n", 1, true))
  end)

  describe("rotate-secret", function()
    local secrets, pid_file, database

    local function held()
      local file = assert(io.open(secrets))
      local text = file:read "*a"
      file:close()
      return text
    end

    local function post(hook, body)
      return assert(real.exchange {
        method = "POST", url = hook.url, body = body,
        headers = { "x-apple-signature: " .. marketplace.sign(hook.secret, body) },
      }).status
    end

    local function deliver(hook, id)
      local body = samples.body("ping", { id = id })
      local deliveries = apple.deliveries
      deliveries.data[#deliveries.data + 1] = { type = "webhookDeliveries", id = "d" .. id, attributes = {},
        relationships = { event = { data = { type = "webhookEvents", id = "e" .. id } } } }
      deliveries.included[#deliveries.included + 1] = { type = "webhookEvents", id = "e" .. id,
        attributes = { payload = body } }
      return post(hook, body)
    end

    before_each(function()
      secrets, pid_file, database = folder .. "/rotated", folder .. "/pid", folder .. "/inbox.db"
      assert(core.replace_file(secrets, SECRET .. "\n"))
      apple.deliver, apple.receiver = deliver, real.exchange
      apple.deliveries = { data = {}, included = {}, links = { self = "x" } }
    end)

    after_each(function() shell.run(("rm -f %s* %s*"):format(secrets, database)) end)

    local function serve(use)
      local arguments = "serve examples/marketplace.lua --port 0 --secret-file %s --inbox sqlite:%s --pid-file %s"
      local said, status = shell.with_server(shell.marketplace(arguments:format(secrets, database, pid_file)), use)
      assert.equal(0, status, said)
      return said
    end

    local function rotate(status, ...)
      return run(status, "rotate-secret", "w1", "--yes", "--grace", "0", "--secret-file", secrets, "--inbox",
        "sqlite:" .. database, ...)
    end

    it("changes it at App Store Connect and in the running receiver", function()
      local hook
      serve(function(url)
        hook = add_second { url = url, secret = SECRET }
        assert.equal(200, deliver(hook, "before"))
        local out = rotate(0, "--pid-file", pid_file)
        assert.is_nil(out:find(hook.secret, 1, true))
        assert.matches("^begin .*\naccept .*\nreload .*\nprobe .*\nchange .*\nverify .*\nverify .*\nsettle .*\n" ..
          "retire .*\n", out)
        assert.equal(200, deliver(hook, "after"))
      end)
      assert.equal(64, #hook.secret)
      assert.equal(hook.secret .. "\n", held())
      assert.equal("", shell.run("ls -d " .. secrets .. ".* 2>/dev/null || true"))
    end)

    it("goes on where it stopped", function()
      serve(function(url)
        local hook = add_second { url = url, secret = SECRET }
        local _, err = rotate(1, "--pid-file", "/nowhere/at/all")
        assert.matches("could not be told to reread the secret file: the pid file cannot be read", err)
        _, err = rotate(1, "--reload-command", "exit 3")
        assert.matches("it failed with status %d+: exit 3", err)
        assert.equal(SECRET, hook.secret)
        assert.equal(200, deliver(hook, "meanwhile"))
        apple.deliver = nil
        _, err = rotate(1, "--reload-command", "kill -HUP $(cat " .. pid_file .. ")", "--wait", "0")
        assert.matches("no notification signed with the new secret arrived within 0 seconds", err)
        assert.not_equal(SECRET, hook.secret)
        assert.matches("^%x+\n" .. SECRET .. "\n$", held())
        -- signed with the new one, but App Store Connect knows nothing of it: it may be another webhook's
        assert.equal(200, post(hook, samples.body("ping", { id = "another's" })))
        assert.matches("no notification .* arrived", (select(2, rotate(1, "--pid-file", pid_file, "--wait", "0"))))
        assert.equal(200, deliver(hook, "with the new one"))
        local out = rotate(0, "--pid-file", pid_file, "--json")
        for line in out:gmatch "[^\n]+" do assert.is_string(cjson.decode(line).step) end
        assert.equal(hook.secret .. "\n", held())
      end)
    end)

    it("does not end a secret that a generation 1 webhook may use", function()
      serve(function() end)
      add_second { secret = SECRET }
      apple.first[1] = { id = "m1", endpointUrl = URL }
      assert.matches("generation 1 webhook m1 may use .*: marketplace webhooks delete %-%-generation 1 m1; if no " ..
        "other webhook uses the secret, say so with %-%-not%-shared", (select(2, rotate(1))))
      assert.matches("generation 1 webhook m1 may use", (select(2, rotate(1, "--dry-run"))))
      -- whatever its URL looks like, and whether App Store Connect tells of it or not
      apple.first[1].endpointUrl = "https://elsewhere.example/"
      assert.matches("generation 1 webhook m1 may use", (select(2, rotate(1))))
      apple.refuse["/v1/marketplaceWebhooks"] = 403
      assert.matches("cannot find out whether a generation 1 webhook uses the old secret: .*%-%-not%-shared",
        (select(2, rotate(1))))
      apple.refuse["/v1/marketplaceWebhooks"], apple.first[1] = nil, nil
      add_second { id = "w2", url = "https://elsewhere.example/" }
      assert.matches("webhook w2 of app 1 is not named, .*; name it too; .*%-%-not%-shared", (select(2, rotate(1))))
      apple.refuse["/v1/apps/1/webhooks"] = 403
      assert.matches("cannot list the webhooks of app 1: .*%-%-not%-shared", (select(2, rotate(1))))
      assert.same({}, changes())
      assert.equal(SECRET .. "\n", held())
      apple.refuse["/v1/apps/1/webhooks"] = nil
      assert.matches("cannot find out whether .*; .*%-%-not%-shared", (select(2, rotate(1, "--generation", "1"))))
      run(0, "rotate-secret", "w1", "w2", "w1", "--dry-run", "--secret-file", secrets, "--inbox",
        "sqlite:" .. database)
      assert.matches("no such generation 1 webhook: w1",
        (select(2, rotate(1, "--generation", "1", "--not-shared"))))
      rotate(0, "--not-shared", "--dry-run")
    end)

    it("goes on without a webhook that was deleted since it began", function()
      serve(function(url)
        local hook = add_second { url = url, secret = SECRET }
        add_second { id = "w2", url = url, secret = SECRET }
        local function both(status, ...)
          return run(status, "rotate-secret", "w1", "w2", "--yes", "--grace", "0", "--secret-file", secrets, "--inbox",
            "sqlite:" .. database, "--pid-file", ...)
        end
        both(1, "/nowhere/at/all")
        table.remove(apple.second, 2)
        assert.matches("webhook w2", (both(0, pid_file)))
        assert.equal(hook.secret .. "\n", held())
        assert.not_equal(SECRET, hook.secret)
      end)
    end)

    it("fails when it is tried as it would fail", function()
      add_second { secret = SECRET }
      assert.matches("there is no inbox at ", (select(2, rotate(1, "--dry-run"))))
      assert(marketplace.inbox("sqlite:" .. database)):close()
      rotate(0, "--dry-run")
      assert.matches("the pid file cannot be read: /nowhere", (select(2, rotate(1, "--dry-run", "--pid-file",
        "/nowhere/at/all"))))
      local lock = assert(core.lock_file(secrets .. ".rotation.lock"))
      assert.matches("another rotation is running with this state: " .. secrets .. ".rotation",
        (select(2, rotate(1, "--dry-run"))))
      lock:close()
      assert(core.replace_file(secrets .. ".rotation", "{}"))
      assert.matches("the state of the rotation is damaged", (select(2, rotate(1, "--dry-run"))))
      os.remove(secrets .. ".rotation")
      assert(core.replace_file(secrets, (SECRET .. "\n"):rep(8)))
      assert.matches("holds 8 secrets already", (select(2, rotate(1, "--dry-run"))))
      for _, make in ipairs { "mkfifo ", "mkdir " } do
        shell.run("rm -rf " .. secrets .. " && " .. make .. secrets)
        for _, how in ipairs { "--dry-run", "--not-shared" } do
          assert.matches("the secret file cannot be read: " .. secrets .. ": it is not a regular file",
            (select(2, rotate(1, how))))
        end
        shell.run("rm -rf " .. secrets)
      end
      assert.same({}, changes())
      assert.equal("", shell.run("ls -d " .. secrets .. ".rotation 2>/dev/null || true"))
    end)

    it("has one state and one lock, by whatever link the secret file is named", function()
      local link = folder .. "/linked"
      shell.run(("ln -sf %s %s"):format(secrets, link))
      serve(function(url)
        add_second { url = url, secret = SECRET }
        apple.deliver = nil
        secrets, link = link, secrets
        assert.matches("within 0 seconds", (select(2, rotate(1, "--pid-file", pid_file, "--wait", "0"))))
        secrets, link = link, secrets
        assert.equal("no", shell.run(("test -e %s.rotation && echo yes || echo no"):format(link)))
        assert.equal("yes", shell.run(("test -e %s.rotation && echo yes"):format(secrets)))
        assert.matches("may sign with the new secret for webhook w1 already", (select(2, rotate(1, "--abort"))))
        apple.deliver = deliver
        rotate(0, "--pid-file", pid_file)
      end)
      os.remove(link)
    end)

    it("can be ended before App Store Connect has the new secret", function()
      serve(function(url)
        add_second { url = url, secret = SECRET }
        rotate(1, "--reload-command", "exit 3")
        assert.matches("^%x+\n" .. SECRET .. "\n$", held())
        local out = rotate(0, "--abort", "--pid-file", pid_file)
        assert.matches("^restore .*\nreload .*\ndone .*", out)
        assert.equal(SECRET .. "\n", held())
        assert.matches("no rotation is under way", (select(2, rotate(1, "--abort"))))
      end)
    end)

    it("changes nothing if the receiver cannot be reached", function()
      serve(function() end)
      local hook = add_second { url = "http://127.0.0.1:1/", secret = SECRET }
      local sleep, now = core.sleep, core.now
      local at = now()
      core.now = function() return at end
      core.sleep = function(seconds) at = at + seconds end
      local ok, problem = pcall(function()
        assert.matches("does not accept the new secret .*, so nothing was changed at App Store Connect",
          (select(2, rotate(1, "--reload-command", "true"))))
      end)
      core.sleep, core.now = sleep, now
      assert(ok, problem)
      assert.equal(SECRET, hook.secret)
      assert.same({}, changes())
    end)
  end)
end)
