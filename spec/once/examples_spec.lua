-- Each example does what it says, with real servers. The one for nginx is run by the README's specs.
local core = require "marketplace.core"
local http = require "marketplace.http"
local json = require "marketplace.json"
local marketplace = require "marketplace"
local postgres_server = require "support.postgres_server"
local raw = require "support.raw_http"
local samples = require "marketplace.samples"
local shell = require "support.shell"
local simulated_api = require "support.simulated_api"
local simulation = require "support.simulation"

local SECRET = "the secret of the examples"
local TODAY = os.date "!%Y-%m-%d" -- what is older than inboxes remember does not run

-- Calls use() in an environment with these variables.
local function with_variables(values, use)
  local getenv = os.getenv
  os.getenv = function(name) return values[name] or getenv(name) end -- luacheck: ignore
  local ok, problem = pcall(use)
  os.getenv = getenv -- luacheck: ignore
  assert(ok, problem)
end

describe("the example of", function()
  local folder

  before_each(function() folder = shell.run "mktemp -d" end)
  after_each(function() shell.run("rm -rf " .. folder) end)

  local function read(name)
    local file = io.open(folder .. "/" .. name)
    local text = file and file:read "*a" or ""
    if file then file:close() end
    return text
  end

  -- What a server does comes after its answer.
  local function eventually(what, is_so)
    local give_up_at = core.monotonic() + 30
    while not is_so() do
      assert(core.monotonic() < give_up_at, "it did not happen in time: " .. what)
      core.sleep(0.02)
    end
  end

  local function send(url, arguments)
    return shell.run(shell.marketplace(("send --url %s %s"):format(url, arguments),
      "MARKETPLACE_SECRET='" .. SECRET .. "'"))
  end

  local function serve(arguments, environment, use)
    return shell.with_server(("env MARKETPLACE_SECRET='%s' %s %s"):format(SECRET, environment,
      shell.marketplace("serve " .. arguments)), use)
  end

  it("a receiver of its own receives and runs a callback", function()
    local command = ("env MARKETPLACE_SECRET='%s' MARKETPLACE_INBOX=sqlite:%s/inbox.db LUA_PATH='lua/?.lua;" ..
      "lua/?/init.lua;;' %s examples/receiver.lua 0"):format(SECRET, folder, shell.LUA)
    local said = shell.with_server(command, function(url) send(url, "app_unavailable") end)
    assert.matches("app_unavailable %d+", said)
  end)

  describe("a catalogue", function()
    local CATALOGUE = dofile "examples/catalogue/catalogue.lua"
    local PACKAGE = "5c2e8f4b-0d8e-4f5e-9a41-3c1f2b7d9e60"
    local VERSION = "b7d0a6c2-7f43-4d0b-8a35-91e6f4c8d217"
    local api

    setup(function() api = simulated_api.start "--app 67" end)
    teardown(function() api:stop() end)

    -- Hundreds of catalogues are made here: their bytes need not reach a disk.
    before_each(function()
      shell.run("rm -rf " .. folder)
      folder = shell.run "mktemp -d -p $(test -w /dev/shm && echo /dev/shm || echo /tmp)"
    end)

    local function key()
      return {
        MARKETPLACE_KEY_FILE = api.key_file, MARKETPLACE_KEY_ID = simulation.KEY_ID,
        MARKETPLACE_ISSUER_ID = simulation.ISSUER, MARKETPLACE_API_URL = api.url,
      }
    end

    local function body(type_name, seconds, attributes)
      return ('{"data":{"id":"%s-%d","type":"%s","attributes":{"appId":"67","timestamp":"%sT00:00:%02dZ"%s}}}')
        :format(type_name, seconds, type_name, TODAY, seconds, attributes)
    end

    -- Generation 2 tells what an event is about beside its attributes.
    local function instance(type_name, seconds, attributes, instance_type, id)
      return (body(type_name, seconds, attributes):gsub("}}$", (
        ',"relationships":{"instance":{"data":{"type":"%s","id":"%s"}}}}}'):format(instance_type, id)))
    end

    local function version_available(seconds)
      return body("AlternativeDistributionPackageVersionAvailable", seconds,
        (',"alternativeDistributionPackageId":"%s","alternativeDistributionPackageVersionId":"%s"'):format(PACKAGE,
          VERSION))
    end

    local function app_available(seconds, available, territories)
      return body("alternativeDistributionTerritoryAvailabilityUpdated", seconds,
        (',"available":%s,"territories":["%s"]'):format(available, table.concat(territories, '","')))
    end

    local function packages_available(seconds, available, territories)
      return instance("alternativeDistributionPackageAvailableUpdated", seconds,
        (',"available":%s,"territories":["%s"]'):format(available, table.concat(territories, '","')),
        "alternativeDistributionPackages", PACKAGE)
    end

    -- As generation 2 has it: without the package, which App Store Connect tells.
    local function version_created(seconds)
      return instance("alternativeDistributionPackageVersionCreated", seconds, "",
        "alternativeDistributionPackageVersions", VERSION)
    end

    local function make_version()
      shell.run(shell.marketplace(("simulate event version_available --app 67 --package %s --package-version %s")
        :format(PACKAGE, VERSION), api:environment()))
    end

    local count = 0

    -- Where the version is sold once all of these have come, in this order.
    local function sold_after(bodies)
      count = count + 1
      local path, variables = ("%s/%d.jsonl"):format(folder, count), key()
      variables.CATALOGUE = path
      local receiver = marketplace.receiver { secrets = SECRET, log = function() end }
      with_variables(variables, function() dofile "examples/catalogue/handlers.lua"(receiver) end)
      for _, sent in ipairs(bodies) do
        assert.equal(200, (receiver:handle { method = "POST", body = sent,
          headers = { ["x-apple-signature"] = marketplace.sign(SECRET, sent) } }))
        assert(receiver:dispatch())
      end
      assert.equal(0, receiver.dispatcher:waiting())
      local catalogue, sold = CATALOGUE.open(path), {}
      for _, territory in ipairs { "DEU", "FRA", "USA" } do
        if #catalogue:sold_in(territory) == 1 then sold[#sold + 1] = territory end
      end
      catalogue:close()
      return table.concat(sold, " ")
    end

    local function each_order(list, use, from)
      from = from or 1
      if from == #list then return use(list) end
      for i = from, #list do
        list[from], list[i] = list[i], list[from]
        each_order(list, use, from + 1)
        list[from], list[i] = list[i], list[from]
      end
    end

    it("is the same in whatever order its events come", function()
      local orders = 0
      each_order({
        version_available(1), app_available(2, "false", { "FRA", "DEU" }), app_available(3, "true", { "FRA" }),
        packages_available(4, "false", { "USA" }), packages_available(5, "true", { "USA" }),
      }, function(bodies)
        assert.equal("FRA USA", sold_after(bodies))
        orders = orders + 1
      end)
      assert.equal(120, orders)
    end)

    it("sells what was told to be sold, and not what is gone", function()
      assert.equal("DEU FRA USA", sold_after { version_available(1) })
      assert.equal("", sold_after { app_available(1, "true", { "FRA" }) })
      assert.equal("DEU USA", sold_after { version_available(1), packages_available(2, "false", { "FRA" }) })
      assert.equal("", sold_after { version_available(1), body("AppUnavailable", 2, "") })
      assert.equal("DEU FRA USA", sold_after { version_available(3), body("AppUnavailable", 2, "") })
      assert.equal("", sold_after { version_available(1), body("AppVersionsUnavailable", 2,
        (',"alternativeDistributionPackageIds":["%s"]'):format(PACKAGE)) })
    end)

    it("takes down a version whose notification did not name its package", function()
      make_version()
      assert.equal("DEU FRA USA", sold_after { version_created(1) })
      assert.equal("DEU USA", sold_after { version_created(1), packages_available(2, "false", { "FRA" }) })
      assert.equal("DEU USA", sold_after { packages_available(2, "false", { "FRA" }), version_created(1) })
    end)

    it("does not sell what is said to be gone and back at one time", function()
      each_order({ version_available(1), app_available(2, "false", { "FRA" }), app_available(2, "true", { "FRA" }) },
        function(bodies) assert.equal("DEU USA", sold_after(bodies)) end)
    end)

    it("sells again where it is restored, also what was gone everywhere", function()
      each_order({ version_available(1), body("AppUnavailable", 2, ""), app_available(3, "true", { "FRA" }) },
        function(bodies) assert.equal("FRA", sold_after(bodies)) end)
      each_order({ version_available(1), body("AppUnavailable", 3, ""), app_available(2, "true", { "FRA" }) },
        function(bodies) assert.equal("", sold_after(bodies)) end)
    end)

    it("has all of an event or nothing of it after its process was killed, and what is added then", function()
      local path = folder .. "/catalogue.jsonl"
      local function add(use)
        local sold = CATALOGUE.open(path)
        use(sold)
        local versions = sold:sold_in "FRA"
        sold:close()
        return raw.read_file(path), #versions
      end
      local before = add(function(sold) sold:add("67", VERSION, PACKAGE, 1) end)
      local after = add(function(sold) sold:say("67", nil, nil, true, 2) end)
      for length = #before, #after do
        local file = assert(io.open(path, "w"))
        file:write(after:sub(1, length))
        file:close()
        local _, sold = add(function(sold) sold:add("68", "v1", "p1", 1) end)
        assert.equal(length < #after and 2 or 1, sold)
      end
    end)

    it("takes events from several processes at once, however long they are", function()
      local path, events, processes = folder .. "/catalogue.jsonl", 50, {}
      for i = 1, 4 do
        processes[i] = ([[%s -e '
          local sold, territories = dofile("examples/catalogue/catalogue.lua").open("%s"), {}
          for i = 1, 2000 do territories[i] = "FRA" end
          for at = 1, %d do assert(sold:say("67", nil, territories, false, at)) end' &]])
          :format(shell.LUA, path, events)
      end
      shell.run(table.concat(processes, "\n") .. "\nwait")
      local readable = 0
      for line in io.lines(path) do
        if json.decode(line) then readable = readable + 1 end
      end
      assert.equal(#processes * events, readable)
    end)

    it("is kept by marketplace serve, from what App Store Connect tells, and listed", function()
      local list = ("%s examples/catalogue/list.lua %s/catalogue.jsonl FRA"):format(shell.LUA, folder)
      local environment = ("CATALOGUE=%s/catalogue.jsonl %s"):format(folder, api:environment())
      local function happens(event)
        shell.run(shell.marketplace(("simulate event %s --app 6740067890 --generation 2 --package p1 --territory FRA")
          :format(event), api:environment()))
      end
      serve("examples/catalogue/handlers.lua --port 0 --inbox memory", environment, function(url)
        shell.run(shell.marketplace(("webhooks create --app %s --name x --url %s"):format(simulation.APP, url),
          ("%s MARKETPLACE_SECRET='%s'"):format(api:environment(), SECRET)))
        happens "version_available --package-version v1"
        eventually("it is sold", function() return shell.run(list) == "6740067890\tv1" end)
        for _, of in ipairs { "versions", "app" } do
          happens(of .. "_unavailable")
          eventually("it is gone", function() return shell.run(list) == "" end)
          happens(of .. "_restored")
          eventually("it is back", function() return shell.run(list) == "6740067890\tv1" end)
        end
      end)
    end)

    it("leaves to somebody what does not say when or where it happened", function()
      local variables = key()
      variables.CATALOGUE = folder .. "/catalogue.jsonl"
      local receiver = marketplace.receiver { secrets = SECRET, log = function() end }
      with_variables(variables, function() dofile "examples/catalogue/handlers.lua"(receiver) end)
      for reason, sent in pairs {
        ["the notification does not say when it happened"] =
          '{"data":{"id":"1","type":"AppUnavailable","attributes":{"appId":"67"}}}',
        ["the notification names no territory"] = body("alternativeDistributionTerritoryAvailabilityUpdated", 1,
          ',"available":true,"territories":[]'),
      } do
        receiver:handle { method = "POST", body = sent,
          headers = { ["x-apple-signature"] = marketplace.sign(SECRET, sent) } }
        receiver:dispatch()
        local entry = receiver.inbox:get(marketplace.parse(sent).id)
        assert.same({ "dead", reason }, { entry.state, entry.reason })
      end
    end)
  end)

  describe("forwarding to a chat", function()
    local function with_chat(statuses, use, environment)
      shell.with_server(("env %s %s spec/support/chat.lua %s/said %s"):format(environment or "", shell.LUA, folder,
        statuses), use)
    end

    -- A receiver here, with the example's callbacks and no pauses, and one notification in it.
    local function forward(chat, ca_file)
      local receiver = marketplace.receiver {
        secrets = SECRET, retry = { base = 0 }, log = function() end,
      }
      with_variables({ CHAT_URL = chat, CHAT_CA_FILE = ca_file }, function()
        dofile "examples/forward.lua"(receiver)
      end)
      local body = samples.body("app_unavailable", { id = "n1", generation = 2 })
      receiver:handle { method = "POST", body = body,
        headers = { ["x-apple-signature"] = marketplace.sign(SECRET, body) } }
      return receiver
    end

    it("tells an event", function()
      with_chat("200", function(chat)
        serve("examples/forward.lua --port 0 --inbox memory", "CHAT_URL=" .. chat, function(url)
          send(url, "app_unavailable --generation 2 --id n1")
          eventually("it is told", function() return read "said" ~= "" end)
        end)
      end)
      assert.matches('^200 n1 {"text":"App 6740067890: the app must go in FRA, DEU, ITA %(20[^)]+Z%)"}\n$', read "said")
    end)

    it("tells it over HTTPS to whom the certificate names, and to nobody else", function()
      local certificate = folder .. "/chat.pem"
      with_chat("200", function(chat)
        local refused = forward(chat)
        refused:dispatch { limit = 2 }
        assert.matches("certificate", refused.inbox:get("forward:chat:n1").reason)
        assert.equal("", read "said")
        local told = forward(chat, certificate)
        told:dispatch { limit = 2 }
        assert.equal("done", told.inbox:get("forward:chat:n1").state)
      end, "TLS=" .. certificate)
      assert.matches("^200 n1 {[^\n]*\n$", read "said")
    end)

    it("tries again what the chat cannot take now, under the same key", function()
      with_chat("503 429 200", function(chat)
        local receiver = forward(chat)
        for _ = 1, 4 do receiver:dispatch() end
        assert.equal(0, receiver.dispatcher:waiting())
      end)
      assert.matches("^503 n1 {[^\n]*\n429 n1 {[^\n]*\n200 n1 {[^\n]*\n$", read "said")
    end)

    it("gives up what the chat wants no more of", function()
      with_chat("410 200", function(chat)
        local receiver = forward(chat)
        for _ = 1, 2 do receiver:dispatch() end
        local entry = receiver.inbox:get "forward:chat:n1"
        assert.same({ "dead", "cancelled" }, { entry.state, entry.code })
        assert.matches("^chat answered 410: ", entry.reason)
      end)
      assert.matches("^410 n1 {[^\n]*\n$", read "said")
    end)
  end)

  it("rotating a secret leaves the receiver with a new one", function()
    shell.run(("printf 'old\\n' > %s/secrets"):format(folder))
    local serving = shell.marketplace(("serve examples/marketplace.lua --port 0 --secret-file %s/secrets --pid-file " ..
      "%s/pid --inbox sqlite:%s/inbox.db"):format(folder, folder, folder))
    local simulating = shell.marketplace(("simulate --port 0 --key-file %s/key --app %s"):format(folder,
      simulation.APP))
    shell.with_server(serving, function(url)
      shell.with_server(simulating, function(api)
        local environment = ("MARKETPLACE_API_URL=%s MARKETPLACE_KEY_FILE=%s/key MARKETPLACE_KEY_ID=%s " ..
          "MARKETPLACE_ISSUER_ID=%s"):format(api, folder, simulation.KEY_ID, simulation.ISSUER)
        local made = shell.run(shell.marketplace(("webhooks create --json --app %s --name x --url %s --secret-file " ..
          "%s/secrets"):format(simulation.APP, url, folder), environment))
        local rotate = ("env %s WEBHOOK=%s SECRETS=%s/secrets PID_FILE=%s/pid INBOX=sqlite:%s/inbox.db GRACE=1 " ..
          "MARKETPLACE='%s' examples/rotate-secret.sh"):format(environment, made:match '"id":"([^"]+)"', folder, folder,
          folder, shell.marketplace "")
        assert.matches("the rotation is complete$", shell.run(rotate))
        assert.matches("^%x+\n$", read "secrets")
      end)
    end)
    assert.same({ "WEBHOOK is not set\n", 2 }, { shell.capture "examples/rotate-secret.sh" })
  end)

  it("several machines leaves to another worker what one was doing when it was killed #full", function()
    local postgres = postgres_server.start()
    local pids = {}
    finally(function()
      for _, pid in ipairs(pids) do shell.run("kill " .. pid .. " 2>/dev/null || true") end
      postgres:remove()
    end)
    local inbox = ("--inbox 'postgres:%s'"):format(postgres:words())
    shell.run(("mkdir %s/events"):format(folder))
    -- The example's handlers, and before them a callback that does not end the first time.
    local handlers = folder .. "/handlers.lua"
    local file = assert(io.open(handlers, "w"))
    file:write(([[
      local core = require "marketplace.core"
      return function(receiver)
        receiver:on("*", function(n)
          if n.id ~= "n10" or io.open "%s/held" then return end
          local held = assert(io.open("%s/held", "w"))
          held:write(core.process_id(), "\n")
          held:close()
          while true do core.sleep(60) end
        end)
        dofile "examples/several-machines/handlers.lua"(receiver)
      end
    ]]):format(folder, folder))
    file:close()
    local environment = ("EVENTS=%s/events"):format(folder)
    for i = 1, 2 do
      pids[i] = shell.run(("env %s %s > %s/worker.log 2>&1 & echo $!"):format(environment,
        shell.marketplace(("work %s %s --lease 1"):format(handlers, inbox)), folder))
    end
    local function send_signed(url, i)
      local body = samples.body("app_unavailable", { id = "n" .. i, app_id = "app" .. i })
      local answer = assert(http.exchange { method = "POST", url = url, body = body,
        headers = { "x-apple-signature: " .. marketplace.sign(SECRET, body) } })
      assert.equal(200, answer.status)
    end
    local function events()
      return tonumber((shell.run(("ls %s/events | grep -c -v tmp || true"):format(folder))))
    end

    serve(("%s --no-dispatch --port 0 %s"):format(handlers, inbox), environment, function(first)
      serve(("%s --no-dispatch --port 0 %s"):format(handlers, inbox), environment, function(second)
        for i = 1, 10 do send_signed(i % 2 == 0 and first or second, i) end
        eventually("a worker is held up", function() return read "held":find "\n" ~= nil end)
        assert.is_true(events() < 10)
        shell.run("kill -9 " .. read "held")
        for i = 11, 20 do send_signed(i % 2 == 0 and first or second, i) end
        eventually("all events are there", function() return events() == 20 end)
      end)
    end)
    local box = assert(marketplace.inbox("postgres:" .. postgres:words()))
    eventually("all are done", function() return assert(box:counts()).done == 20 end)
    box:close()
  end)
end)
