-- Every command and every Lua block of the README, and of the pages that go on where it ends, run. A command that no
-- test here knows fails. What other pages have of the commands that are known here is run too; the rest of docs/ is
-- docs_spec's.
local core = require "marketplace.core"
local marketplace = require "marketplace"
local raw = require "support.raw_http"
local record = require "marketplace.inbox.record"
local samples = require "marketplace.samples"
local shell = require "support.shell"
local simulated_api = require "support.simulated_api"
local simulation = require "support.simulation"
local typed_pages = require "support.typed_pages"

local unpack = require("marketplace.runtime").unpack

local LUA = shell.LUA
local SECRETS = "the new one\nthe old one\n"
local README = "README.md"

-- Of the README first, as they are typed in this folder.
local function blocks(language)
  local list = {}
  for _, path in ipairs { README, unpack(typed_pages) } do
    for text in raw.read_file(path):gmatch("\n```" .. language .. "\n(.-)\n```") do
      list[#list + 1] = ("\n" .. text):gsub("\nmarketplace ", "\nbin/marketplace "):sub(2)
    end
  end
  return list
end

-- The commands of the other pages in docs/, as they are typed in this folder.
local function further_commands()
  local list = {}
  for path in shell.run "ls docs/*.md":gmatch "%S+" do
    for line in raw.read_file(path):gmatch "\n *([^\n]+)" do
      list[#list + 1] = line:gsub("^marketplace ", "bin/%0")
    end
  end
  return list
end

local capture, with_server = shell.capture, shell.with_server

local repository = capture "pwd":gsub("%s+$", "")
local folder

local function write(name, text)
  assert(core.replace_file(folder .. "/" .. name, text))
end

local function in_folder(command)
  return ("cd '%s' && MARKETPLACE_LUA='%s' && %s"):format(folder, LUA, (command:gsub("bin/marketplace", LUA .. " %0")))
end

local function expect(status, command, pattern)
  local output, got = capture(command)
  assert.are.equal(status, got, command .. "\n" .. output)
  if pattern then assert.is_truthy(output:find(pattern), command .. "\n" .. output) end
  return output
end

local function serve_readme_handlers(command)
  return function()
    local in_place = command:gsub("8080", "0"):gsub("bin/marketplace", LUA .. " %0")
    if not in_place:find("--port", 1, true) then in_place = in_place .. " --port 0" end
    local environment = in_place:match "^(MARKETPLACE_SECRET='[^']*') "
    local run = ("cd %s && %s exec %s"):format(folder, environment and "export " .. environment .. ";" or "",
      environment and in_place:sub(#environment + 2) or in_place)
    with_server("sh -c " .. ('"%s"'):format(run), function(url, _, pipe)
      local send = ("%s%s bin/marketplace send app_unavailable --url %s --ca-file cert.pem"):format(
        environment and environment .. " " or "", LUA, (url:gsub("127%.0%.0%.1", "localhost")))
      if not environment then send = send .. " --secret-file secrets.txt" end
      expect(0, ("cd '%s' && %s"):format(folder, send), "200 AppUnavailable")
      local log = {}
      for line in pipe:lines() do
        log[#log + 1] = line
        if line:find "not in the catalogue yet" then return end
      end
      error("the handlers did not run:\n" .. table.concat(log, "\n"))
    end)
  end
end

local send_with_secret_file = "bin/marketplace send app_unavailable --secret-file .marketplace-secret"

local function install(lua)
  expect(0, ("make install LUA=%s PREFIX='%s/usr'"):format(lua, folder))
  local version = lua == "luajit" and "5.1" or lua:match "%d.%d"
  local paths = ("LUA_PATH='<usr>/share/lua/<v>/?.lua;<usr>/share/lua/<v>/?/init.lua;;' " ..
    "LUA_CPATH='<usr>/lib/lua/<v>/?.so;;'")
    :gsub("<usr>", folder .. "/usr"):gsub("<v>", version)
  expect(0, ("cd / && %s MARKETPLACE_SECRET=x '%s/usr/bin/marketplace' sign /dev/null"):format(paths, folder),
    "^hmacsha256=%x+")
end

-- The example's configuration, on free ports, as a user has it whose PATH has no /usr/sbin.
local function run_nginx()
  local port, metrics_port = shell.free_port(), shell.free_port()
  local command = ("env PATH=/usr/local/bin:/usr/bin:/bin make --no-print-directory run-nginx PORT=%d METRICS_PORT=%d")
    :format(port, metrics_port)
  with_server(command, function(url, _, pipe)
    local origin, tls = "https://localhost:" .. port, "--cacert build/nginx/cert.pem"
    expect(0, ("curl -s --retry 9 --retry-connrefused %s %s/healthz"):format(tls, origin), "^ok")
    expect(0, ("%s bin/marketplace send app_unavailable --secret-file build/nginx/secrets --ca-file %s --url %s")
      :format(LUA, "build/nginx/cert.pem", url), "200 AppUnavailable")
    for line in pipe:lines() do
      if line:find " done event=app_unavailable" then break end
    end
    expect(0, ("curl -s -o /dev/null -w '%%{http_code}' -d x %s %s/notifications/"):format(tls, origin), "^401")
    local stop, metrics, stored, done = os.time() + 30
    repeat -- a worker tells the others once a second, and it need not be one that has done both
      metrics = expect(0, ("curl -s http://127.0.0.1:%d/metrics"):format(metrics_port))
      stored = metrics:find('outcome="stored",reason=""} 1', 1, true)
      done = metrics:find('outcome="done"} 1', 1, true)
    until stored and done or os.time() > stop
    assert.is_truthy(stored and done, metrics)
    expect(0, ("curl -s -o /dev/null -w '%%{http_code}' %s %s/metrics"):format(tls, origin), "^404")
  end)
end

local function luarocks_make(rockspec)
  return function()
    -- its object files go beside the sources
    local source = folder .. "/source"
    expect(0, ("rm -rf '%s' && mkdir '%s'"):format(source, source))
    expect(0, ("find . -mindepth 1 -maxdepth 1 ! -name build ! -name .git -exec cp -r -t '%s' {} +"):format(source))
    local version = LUA == "luajit" and "5.1" or LUA:match "%d.%d"
    expect(0, ("cd '%s/source' && luarocks --lua-version %s --tree '%s/rocks' make --deps-mode none %s")
      :format(folder, version, folder, rockspec), "is now installed")
  end
end

local function explained(command, status, pattern)
  return function()
    local secret_file = " --secret-file .marketplace-secret"
    local body = in_folder "bin/marketplace send app_unavailable --print > body.json"
    expect(0, body)
    local signature = expect(0, in_folder("bin/marketplace sign" .. secret_file .. " body.json")):match "%S+"
    expect(status, ("SIGNATURE=%s; %s"):format(signature, in_folder(command)), pattern)
  end
end

local function one_line(command, pattern)
  return function() expect(0, in_folder(command), pattern) end
end

local function a_token(arguments)
  return function()
    expect(0, in_folder("umask 077 && openssl ecparam -name prime256v1 -genkey -noout > AuthKey.p8 && " ..
      "cp AuthKey.p8 Key.p8"))
    expect(0, in_folder("bin/marketplace " .. arguments), "^[%w_-]+%.[%w_-]+%.[%w_-]+%s*$")
  end
end

local SIMULATED = "MARKETPLACE_API_URL=%s MARKETPLACE_KEY_FILE=simulated-key.p8 MARKETPLACE_KEY_ID=SIMULATED1 " ..
  "MARKETPLACE_ISSUER_ID=57246542-96fe-1a63-e053-0824d011072a "

-- A delivery that failed: nobody listens at port 1.
local function miss_a_notification(url)
  local client = assert(marketplace.client {
    base_url = url, key_file = folder .. "/simulated-key.p8", key_id = "SIMULATED1",
    issuer_id = "57246542-96fe-1a63-e053-0824d011072a",
  })
  local webhook = assert(client.webhooks:create {
    app = "6740067890", name = "a webhook", url = "https://127.0.0.1:1/notifications", secret = "s", enabled = true,
    eventTypes = require("marketplace.event_types").MARKETPLACE,
  })
  expect(0, in_folder("bin/marketplace simulate event app_unavailable --url " .. url))
  local stop = os.time() + 30
  repeat
    local deliveries = assert(client.webhookDeliveries:list { webhook = webhook.id })
  until deliveries[1] and deliveries[1].deliveryState == "FAILED" or os.time() > stop
end

local function reconciled(arguments, status, pattern)
  return function()
    assert(marketplace.inbox("sqlite:" .. folder .. "/marketplace.db")):close()
    -- each of these simulators is another App Store Connect
    os.remove(folder .. "/marketplace.reconcile.json")
    local simulate = in_folder "exec bin/marketplace simulate --port 0 --app 6740067890"
    with_server(("sh -c \"%s\""):format(simulate), function(url)
      miss_a_notification(url)
      expect(status, in_folder(SIMULATED:format(url) .. "bin/marketplace " .. arguments), pattern)
    end)
  end
end

-- With a simulated App Store Connect that has a webhook of each generation and a delivery that failed: calls
-- `use(ask, apple)`; `ask(status, command, pattern)` runs a command that asks it.
local function with_app_store_connect(webhook_url, use)
  local simulate = in_folder("exec bin/marketplace simulate --port 0 --key-file simulated.p8 --app " .. simulation.APP)
  with_server(('sh -c "%s"'):format(simulate), function(url)
    local apple = {}
    local function ask(status, command, pattern)
      local environment = ("WEBHOOK='%s'; DELIVERY='%s'; export MARKETPLACE_API_URL=%s MARKETPLACE_KEY_ID=%s " ..
        "MARKETPLACE_ISSUER_ID=%s MARKETPLACE_KEY_FILE=simulated.p8; "):format(apple.webhook or "",
        apple.delivery or "", url, simulation.KEY_ID, simulation.ISSUER)
      return expect(status, in_folder(environment .. command), pattern)
    end
    local create = "bin/marketplace webhooks create --json --secret-file secrets.txt --url "
    apple.webhook = ask(0, create .. webhook_url .. " --name x --app " .. simulation.APP):match '"id":"([^"]+)"'
    ask(0, create .. "http://127.0.0.1:1/ --generation 1")
    use(ask, apple)
  end)
end

local function at_app_store_connect(command, pattern)
  return function()
    with_app_store_connect("http://127.0.0.1:1/", function(ask, apple)
      ask(0, 'bin/marketplace webhooks ping "$WEBHOOK"')
      repeat
        local listed = ask(0, 'bin/marketplace webhooks deliveries "$WEBHOOK" --state FAILED --json')
        apple.delivery = listed:match '"id":"([^"]+)"'
      until apple.delivery
      ask(0, command, pattern)
    end)
  end
end

local function rotated(command)
  return function()
    local serve = in_folder "exec bin/marketplace serve handlers.lua --secret-file secrets.txt --port 0 " ..
      "--pid-file marketplace.pid"
    with_server(('sh -c "%s"'):format(serve), function(url)
      with_app_store_connect(url, function(ask) ask(0, command, "\ndone +the rotation is complete") end)
    end)
    write("secrets.txt", SECRETS)
  end
end

local WEBHOOK_COMMANDS = {
  ["create --app 6740012345 --name mine --url https://m.example/in --secret-file secrets.txt"] = "^created webhook",
  ["list --app 6740012345"] = '"name":"x"',
  ['ping "$WEBHOOK"'] = "^asked for a ping",
  ['deliveries "$WEBHOOK" --since 10d --state FAILED'] = '"eventType":"ping"',
  ['redeliver "$DELIVERY"'] = "is repeated as",
  ['update "$WEBHOOK" --url https://m.example/notifications'] = "^changed webhook .*m.example/notifications",
  ['delete "$WEBHOOK" --dry-run'] = "^DELETE ",
  ["migrate --app 6740012345 --secret-file secrets.txt"] = "was there already",
}

local MAKE_WEBHOOK = "bin/marketplace webhooks create --app 6740012345 --name mine " ..
  "--url http://127.0.0.1:8080/notifications --secret-file .marketplace-secret"

local RECONCILE_OURS =
  "bin/marketplace reconcile --app 6740067890 --url https://marketplace.example/notifications"

local COMMANDS = {
  ["make run PORT=8080"] = function()
    with_server("make --no-print-directory run PORT=0 LUA=" .. LUA, function(url)
      local send = send_with_secret_file:gsub("bin/marketplace", LUA .. " %0")
      expect(0, send .. " --url " .. url, "200 AppUnavailable")
    end)
  end,
  ["make run-marketplace PORT=8443"] = function() -- which marketplace_spec runs
    expect(0, "make -n run-marketplace PORT=8443", "tools/run%-marketplace 8443 9464 build/marketplace")
  end,
  ["make test"] = function() expect(0, "make -n test", "tools/run%-tests") end,
  [send_with_secret_file] = function() -- sent above; here what it says when nobody listens
    expect(1, in_folder(send_with_secret_file .. " --url http://127.0.0.1:1/notifications"), "127%.0%.0%.1:1")
  end,
  ["make demo"] = function() expect(0, "make demo LUA=" .. LUA, " 0 surprises") end,
  ["make chaos KILLS=11"] = function() expect(0, "make -n chaos KILLS=11", "tools/chaos.lua 11") end,
  ["make help"] = function() expect(0, "make help", "make demo") end,
  ["bin/marketplace send app_unavailable --print > body.json"] =
    explained("cat body.json", 0, '"AppUnavailable"'),
  ["bin/marketplace sign --secret-file .marketplace-secret body.json"] =
    explained("bin/marketplace sign --secret-file .marketplace-secret body.json", 0, "^hmacsha256=%x+"),
  ['bin/marketplace verify --secret-file .marketplace-secret --signature "$SIGNATURE" body.json'] =
    explained('bin/marketplace verify --secret-file .marketplace-secret --signature "$SIGNATURE" body.json', 0,
      "^valid"),
  ['bin/marketplace explain --secret-file .marketplace-secret --signature "$SIGNATURE" body.json'] =
    explained('echo >> body.json; bin/marketplace explain --secret-file .marketplace-secret ' ..
      '--signature "$SIGNATURE" body.json', 1, "body_trailing_newline"),
  ["bin/marketplace send --list"] = one_line("bin/marketplace send --list", "version_available"),
  ["bin/marketplace token --key-file AuthKey.p8 --key-id ABC123 --issuer-id 57246542-96fe-1a63-e053-0824d011072a"] =
    a_token("token --key-file AuthKey.p8 --key-id ABC123 --issuer-id 57246542-96fe-1a63-e053-0824d011072a"),
  ["bin/marketplace token marketplace --key-file AuthKey.p8 --marketplace-id 6740012345 --developer-id 5c1d"] =
    a_token("token marketplace --key-file AuthKey.p8 --marketplace-id 6740012345 --developer-id 5c1d"),
  ["bin/marketplace token install --key-file Key.p8 --key-id K1 --marketplace-id 6740012345 --bundle-id a.b " ..
    "--dtype download"] =
    a_token("token install --key-file Key.p8 --key-id K1 --marketplace-id 6740012345 --bundle-id a.b --dtype download"),
  ["bin/marketplace simulate"] = at_app_store_connect("bin/marketplace webhooks list --app 6740012345"),
  [MAKE_WEBHOOK] = at_app_store_connect(MAKE_WEBHOOK, "^created webhook"),
  ["bin/marketplace simulate event version_available --app 6740067890"] =
    at_app_store_connect("bin/marketplace simulate event version_available --app 6740067890",
      "^version_available of app 6740067890 .*: 2 deliveries"),
  ["bin/marketplace simulate requests"] = at_app_store_connect("bin/marketplace simulate requests", '"executed":1'),
  ["bin/marketplace simulate fault 500_after --method POST"] =
    at_app_store_connect("bin/marketplace simulate fault 500_after --method POST", "^500_after: "),
  ["bin/marketplace inbox stats"] = one_line("bin/marketplace inbox stats", "ready +%d+\n.*dead"),
  ["bin/marketplace inbox list --state dead"] = one_line("bin/marketplace inbox list --state dead"),
  ["bin/marketplace inbox replay --dead"] =
    one_line("bin/marketplace inbox replay --dead", "^made ready again: %d+\n"),
  ["bin/marketplace inbox replay --done --app 6740067890 --since 2d"] =
    one_line("bin/marketplace inbox replay --done --app 6740067890 --since 2d", "^made ready again: %d+\n"),
  ["bin/marketplace inbox prune --bodies-before 1d --ids-before 30d"] =
    one_line("bin/marketplace inbox prune --bodies-before 1d --ids-before 30d", "^done notifications deleted: +0\n"),
  ["bin/marketplace reconcile --app 6740067890 --dry-run"] =
    reconciled("reconcile --app 6740067890 --dry-run", 1,
      '"event":"app_unavailable".*"state":"missing".*"missing":1,.*"stored":0'),
  ["bin/marketplace reconcile --app 6740067890"] =
    reconciled("reconcile --app 6740067890", 0,
      '"event":"app_unavailable".*"state":"stored".*"missing":1,.*"stored":1'),
  [RECONCILE_OURS] = reconciled("reconcile --app 6740067890 --url https://127.0.0.1:1/notifications", 0,
    '"state":"stored".*"missing":1,.*"stored":1,.*"url":"https://127'),
  ["make install LUA=lua5.4 PREFIX=/usr/local"] = function() install(LUA) end,
  ["make install LUA=luajit PREFIX=/usr/local"] = function() install "luajit" end,
  ["make run-nginx PORT=8443"] = run_nginx,
}

for _, part in ipairs { "", "-server", "-sqlite", "-postgres", "-redis", "-packages", "-simulator" } do
  local rockspec = ("lua-marketplace%s-scm-1.rockspec"):format(part)
  COMMANDS["luarocks make " .. rockspec] = luarocks_make(rockspec)
end

local RECEIVE = "bin/marketplace serve handlers.lua --secret-file secrets.txt --port 8080 --no-dispatch " ..
  "--metrics-port 9464"

COMMANDS[RECEIVE] = function()
  local command = in_folder("exec " .. RECEIVE:gsub("8080", "0"):gsub("9464", "0"))
  with_server(("sh -c \"%s\""):format(command), function(url)
    expect(0, in_folder("bin/marketplace send app_unavailable --secret-file secrets.txt --url " .. url),
      "200 AppUnavailable")
  end)
  expect(0, in_folder "bin/marketplace inbox list --state ready", '"event":"app_unavailable"')
end

COMMANDS["bin/marketplace work handlers.lua"] = function()
  local pipe = assert(io.popen(("exec sh -c \"echo \\$\\$; %s\" 2>&1"):format(
    in_folder "exec bin/marketplace work handlers.lua")))
  local pid, ran = pipe:read "*l", false
  for line in pipe:lines() do
    if line:find "not in the catalogue yet" then
      ran = true
      os.execute("kill -TERM " .. pid)
    end
  end
  pipe:close()
  assert.is_true(ran)
end

-- With a notification of this id in the inbox: one that waits, or a dead one.
local ID = "6a1f0c52-7d1e-4b43-9a53-0d6a52b6f3a1"

local APP = "6740067890"

local function about_one(command, is_dead, pattern)
  return function()
    expect(0, in_folder "rm -f marketplace.db*")
    local box = assert(marketplace.inbox("sqlite:" .. folder .. "/marketplace.db"))
    assert(box:put { { key = ID, digest = "d", type = "ping", event = "ping", app_id = APP, body = "a body" } })
    assert(box:cancel({ id = ID }, "x") ~= nil)
    if not is_dead then assert(#box:replay { id = ID } == 1) end
    box:close()
    expect(0, in_folder(command), pattern)
  end
end

for arguments, pattern in pairs {
  ["show " .. ID] = "^id +" .. ID:gsub("%-", "%%-") .. "\nstate +ready\n.*a body",
  ["run " .. ID] = "^%S+ runs next\n",
  ["cancel " .. ID .. " --reason 'the app is no longer ours'"] = "^%S+ is cancelled; ",
  ["replay " .. ID] = "^made ready again: 1\n%S+ runs next\n",
} do
  local command = "bin/marketplace inbox " .. arguments
  COMMANDS[command] = about_one(command, arguments:find "^replay" ~= nil, pattern)
end

-- Without a terminal nobody can be asked.
local RUN_APP = "bin/marketplace inbox run --app " .. APP
COMMANDS[RUN_APP] = about_one(RUN_APP .. " --yes", false,
  "^run as soon as each is the first of its app: 1\n  " .. ID:gsub("%-", "%%-"))

-- With one notification in the inbox, and a backup of it.
local function with_backup(command, pattern)
  return function()
    expect(0, in_folder "rm -f marketplace.db* marketplace-backup.db*")
    local box = assert(marketplace.inbox("sqlite:" .. folder .. "/marketplace.db"))
    assert(box:put { assert(record.of '{"data":{"type":"webhookPingCreated","id":"p1"}}') })
    box:close()
    if command:find " restore " then expect(0, in_folder "bin/marketplace inbox backup marketplace-backup.db") end
    expect(0, in_folder(command), pattern)
  end
end

for arguments, pattern in pairs {
  ["backup marketplace-backup.db"] = "^backed up to marketplace%-backup.db: 1 ready, 0 leased, 0 done, 0 dead\n",
  ["restore marketplace-backup.db --yes"] = "^restored sqlite:marketplace.db from marketplace%-backup.db: 1 ready, ",
} do
  local command = "bin/marketplace inbox " .. arguments
  COMMANDS[command] = with_backup(command, pattern)
end

for arguments, pattern in pairs(WEBHOOK_COMMANDS) do
  local command = "bin/marketplace webhooks " .. arguments
  COMMANDS[command] = at_app_store_connect(command, pattern)
end

local ROTATE = 'bin/marketplace webhooks rotate-secret "$WEBHOOK" --secret-file secrets.txt ' ..
  "--pid-file marketplace.pid --yes"
COMMANDS[ROTATE] = rotated(ROTATE .. " --wait 30 --grace 1 --not-shared")

-- With a package version at App Store Connect and, unless the command is to fetch it, here.
local PACKAGE_VERSION = "b7d0a6c2-7f43-4d0b-8a35-91e6f4c8d217"
local FETCH = "bin/marketplace packages fetch --version " .. PACKAGE_VERSION

local function with_package(use)
  return function()
    expect(0, in_folder "rm -rf packages")
    with_app_store_connect("http://127.0.0.1:1/", function(ask)
      ask(0, "bin/marketplace simulate event version_available --package-version " .. PACKAGE_VERSION)
      use(ask)
    end)
  end
end

for command, pattern in pairs {
  [FETCH] = "^" .. PACKAGE_VERSION:gsub("%-", "%%-") .. " is published\n$",
  ["bin/marketplace packages list --current"] = '"is_current":true',
  ["bin/marketplace packages verify --all"] = "is as its manifest says",
} do
  COMMANDS[command] = with_package(function(ask)
    if command ~= FETCH then ask(0, FETCH) end
    ask(0, command, pattern)
  end)
end

local WORK = "bin/marketplace packages work --folder packages --metrics-port 9467"

COMMANDS[WORK] = with_package(function(ask)
  local port = shell.free_port()
  ask(0, ("%s > work.log 2>&1 & echo $! > work.pid"):format(WORK:gsub("9467", port)))
  local metrics = ("curl -s --retry 9 --retry-connrefused http://127.0.0.1:%d/metrics"):format(port)
  ask(0, metrics, "marketplace_packages_served 0")
  ask(0, "kill -TERM $(cat work.pid); while kill -0 $(cat work.pid) 2> /dev/null; do sleep 0.01; done; cat work.log",
    "fetching packages .* stopped")
end)

for _, block in ipairs(blocks "sh") do
  for line in block:gmatch "[^\n]+" do
    if line:find " serve " and not COMMANDS[line] then COMMANDS[line] = serve_readme_handlers(line) end
  end
end

local function run_with_simulator(name)
  local api = simulated_api.start()
  finally(function() api:stop() end)
  expect(0, ("%s %s %s/%s"):format(api:environment(), LUA, folder, name))
end

describe("the README's and its pages'", function()
  setup(function()
    folder = os.tmpname()
    os.remove(folder)
    local cert, key = raw.certificate()
    assert(os.execute(("mkdir '%s' && ln -s '%s/bin' '%s/bin'"):format(folder, repository, folder)))
    write("handlers.lua", blocks "lua"[1])
    write("secrets.txt", SECRETS)
    write(".marketplace-secret", "a secret")
    write("cert.pem", cert)
    write("key.pem", key)
  end)

  teardown(function()
    os.execute(("rm -rf '%s'"):format(folder))
    raw.remove_files()
  end)

  local told = {}
  for _, block in ipairs(blocks "sh") do
    for line in block:gmatch "[^\n]+" do
      if not told[line] then
        told[line] = true
        it("command runs #full: " .. line, function()
          local run = COMMANDS[line]
          assert(run, "no test runs this command")
          run()
        end)
      end
    end
  end

  for _, line in ipairs(further_commands()) do
    if COMMANDS[line] and not told[line] then
      told[line] = true
      it("documentation's command runs #full: " .. line, function() COMMANDS[line]() end)
    end
  end

  it("commands that are known here are told somewhere", function()
    for line in pairs(COMMANDS) do assert.is_true(told[line], line) end
  end)

  for index, block in ipairs(blocks "lua") do
    it("Lua block " .. index .. " runs", function()
      write("block.lua", block)
      if block:find("marketplace.client", 1, true) then return run_with_simulator "block.lua" end
      local printed = stub(_G, "print")
      finally(function() printed:revert() end)
      local register = dofile(folder .. "/block.lua")
      if not register then return end
      local receiver = marketplace.receiver { secrets = "s", log = function() end }
      register(receiver)
      for _, event in ipairs { "version_available", "app_unavailable", "versions_unavailable", "app_restored" } do
        local body = samples.body(event)
        assert.are.equal(200, (receiver:handle { method = "POST", body = body,
          headers = { ["x-apple-signature"] = marketplace.sign("s", body) } }))
      end
      assert.are.equal(4, receiver:dispatch())
      local done, codes = receiver.inbox:counts().done, receiver.inbox:backlog().codes
      assert.are.same({ 4, index == 1 and 4 or 1 }, { done + codes.no_callback, done })
      assert.stub(printed).was.called(index == 1 and 5 or 1) -- "*" for each and one package; an app that is gone
    end)
  end

  it("script for handlers has 20 lines or fewer", function()
    local _, line_ends = blocks "lua"[1]:gsub("\n", "")
    assert.is_true(line_ends + 1 <= 20)
  end)

  it("tables name every event and no other", function()
    local named = {}
    local rows = raw.read_file("docs/notifications.md"):match "\n| event | what happened.-\n\n"
    for event in rows:gmatch "\n| `([%w_]+)` |" do named[event] = true end
    local known = {}
    for _, sample in ipairs(samples.list()) do known[sample.event] = true end
    known.other = true
    assert.are.same(known, named)
  end)
end)
