-- Commands that are told of alerts, as processes beside `serve` and the others.
local core = require "marketplace.core"
local json = require "marketplace.json"
local marketplace = require "marketplace"
local nginx_server = require "support.nginx_server"
local raw = require "support.raw_http"
local samples = require "marketplace.samples"
local shell = require "support.shell"
local simulated_api = require "support.simulated_api"
local wait_until = require "support.wait_until"

local SECRET = "the secret of the webhook"

describe("an alert's command", function()
  local folder

  before_each(function() folder = shell.run "mktemp -d" end)

  after_each(function() shell.run("rm -rf " .. folder) end)

  local function write(name, text, ...)
    assert(core.replace_file(folder .. "/" .. name, text:format(...)))
    return folder .. "/" .. name
  end

  local function program(text)
    local path = write("page", "#!/bin/sh\ncd " .. folder .. "\n%s\n", text)
    shell.run("chmod +x " .. path)
    return path
  end

  local TELLS = 'printf "%s" "$(cat)" > told.$MARKETPLACE_ALERT_ID.part; env > environment; ' ..
    "ls /proc/self/fd > descriptors; mv told.$MARKETPLACE_ALERT_ID.part told.$MARKETPLACE_ALERT_ID"

  local function told()
    local list = {}
    for path in shell.run("ls " .. folder .. "/told.* 2>/dev/null | grep -v part || true"):gmatch "%S+" do
      list[#list + 1] = assert(json.decode(raw.read_file(path)))
    end
    return list
  end

  local function inbox_url() return ("sqlite:%s/inbox.db"):format(folder) end

  local function put(id)
    local receiver = marketplace.receiver {
      secrets = SECRET, inbox = assert(marketplace.inbox(inbox_url())), retry = { attempts = 1 }, log = function() end,
    }
    receiver:on("*", function() error "broken" end)
    local body = samples.body("ping", { id = id })
    assert.equal(200, (receiver:handle {
      method = "POST", body = body, headers = { ["x-apple-signature"] = marketplace.sign(SECRET, body) },
    }))
    return receiver
  end

  local function make_dead_letter()
    local receiver = put "dead"
    assert.equal(1, receiver:dispatch())
    receiver:close()
  end

  local function command(name, more)
    write("handlers.lua", "return function(receiver) receiver:on('*', function() end) end")
    return shell.marketplace(("%s %s/handlers.lua --json --inbox %s --stop-seconds 5 %s"):format(name, folder,
      inbox_url(), more), ("env PGPASSWORD=hidden REDISCLI_AUTH=hidden MARKETPLACE_SECRET='%s'"):format(SECRET))
  end

  local function serve(more, use)
    return shell.with_server(command("serve", "--port 0 " .. more), use)
  end

  local function answers(url)
    local body = samples.body("ping", { id = core.random_hex(4) })
    return raw.answer(raw.connect(url, raw.notification(SECRET, body))).status
  end

  local function wait_for(count)
    wait_until(("%d alerts were not told"):format(count), function() return #told() == count end)
  end

  it("is given the alert, and neither secrets nor descriptors, once, and not again after a restart", function()
    make_dead_letter()
    local page = program(TELLS)
    local output, status = serve("--alert-command " .. page, function() wait_for(1) end)
    assert.equal(0, status)
    local alert = told()[1]
    assert.same({ "dead_letters", "begins", "error" }, { alert.name, alert.state, alert.level })
    assert.matches("^1 notification is dead: read why with marketplace inbox list %-%-state dead", alert.message)
    assert.is_truthy(core.parse_time(alert.since) and core.parse_time(alert.at))
    local environment = raw.read_file(folder .. "/environment")
    for name, value in pairs(alert) do
      assert.is_truthy(environment:find(("MARKETPLACE_ALERT_%s=%s\n"):format(name:upper(), value), 1, true), name)
    end
    assert.is_nil(environment:find(SECRET, 1, true) or environment:find("hidden", 1, true))
    assert.equal("0\n1\n2\n3\n", raw.read_file(folder .. "/descriptors")) -- the last is of `ls`
    assert.matches('"message":"alert told","id":"%x+","code":"dead_letters"', output)
    assert.equal(384, core.stat(folder .. "/inbox.db-alerts").mode) -- 0600
    os.remove(folder .. "/environment")
    serve("--no-dispatch --alert-command " .. page, function(url) assert.equal(200, answers(url)) end)
    assert.equal(1, #told())
    assert.is_false(shell.exists(folder .. "/environment"))
  end)

  it("that hangs holds up no answer, is ended with serve, and is run again by the next one", function()
    make_dead_letter()
    local page = program "echo $$ > pid.part; mv pid.part pid; exec sleep 1000"
    local pid
    local _, status = serve("--alert-command " .. page, function(url)
      wait_until("the command did not run", function() return shell.exists(folder .. "/pid") end)
      pid = shell.lines(folder .. "/pid")[1]
      for _ = 1, 20 do assert.equal(200, answers(url)) end
      assert.is_true(shell.is_alive(pid))
    end)
    assert.equal(0, status)
    assert.is_false(shell.is_alive(pid))
    program(TELLS)
    serve("--alert-command " .. page, function() wait_for(1) end)
  end)

  it("that fails is in the log, with the last that it said, and leaves no zombie", function()
    make_dead_letter()
    write("handlers.lua", "return function() end")
    local _, status = serve("--alert-command 'echo no network >&2; exit 7'", function(_, pid, pipe)
      local line
      repeat line = assert(pipe:read "*l") until line:find "alert not told"
      assert.matches('"again_in":60,"reason":"the alert\'s command ended with status 7: no network"', line)
      assert.equal("", shell.run(("ps --ppid %d -o stat= || true"):format(pid)))
    end)
    assert.equal(0, status)
  end)

  it("that cannot be run is wrong usage", function()
    for given, problem in pairs {
      ["/nowhere/page"] = "there is no file /nowhere/page", [folder] = folder .. " is no file",
      ["no-such-program"] = "there is no program no%-such%-program in PATH", [" "] = "a program, .* is expected",
      [write("plain", "")] = folder .. "/plain is not executable: chmod %+x " .. folder .. "/plain",
    } do
      local output, status = shell.capture(command("work", ("--alert-command '%s'"):format(given)))
      assert.equal(2, status)
      assert.matches("work: %-%-alert%-command: " .. problem, output)
    end
  end)

  it("is run once for two processes", function()
    make_dead_letter()
    local page = program(TELLS)
    serve("--no-dispatch --alert-command " .. page, function()
      shell.with_server(command("work", "--metrics-port 0 --alert-command " .. page), function() wait_for(1) end)
      serve("--no-dispatch --alert-command " .. page, function(url) assert.equal(200, answers(url)) end)
    end)
    assert.equal(1, #told())
  end)

  it("is run while a callback blocks", function()
    make_dead_letter()
    local page = program(TELLS)
    local work = command("work", "--metrics-port 0 --alert-command " .. page)
    shell.run(("mkfifo %s/end"):format(folder))
    write("handlers.lua", "return function(r) r:on('*', function() io.open('%s/end'):read(1) end) end", folder)
    put("waiting"):close()
    shell.with_server(work, function()
      wait_for(1)
      shell.run(("echo x > %s/end"):format(folder))
    end)
  end)

  it("is a function in nginx, of one worker, and once, also after a reload", function()
    make_dead_letter()
    local server = assert(nginx_server.start {
      main = "thread_pool marketplace threads=2;", workers = 2, http = ([[
        init_by_lua_block {
          require("marketplace.nginx").init {
            handlers = function() end, secrets = "%s", inbox = "%s", alert_state = "alerts", on_alert = function(alert)
              ngx.sleep(0.01)
              ngx.log(ngx.WARN, "told of ", alert.name, " by ", ngx.worker.id(), ": ", alert.state)
            end,
          }
        }
        init_worker_by_lua_block { require("marketplace.nginx").init_worker() }
      ]]):format(SECRET, inbox_url()),
    })
    finally(function() server:stop() end)
    server:wait_for "told of dead_letters by 0: begins"
    server:wait_for "alert told"
    local receiver = marketplace.receiver {
      secrets = SECRET, inbox = assert(marketplace.inbox(inbox_url())), log = function() end,
    }
    local body = samples.body("app_unavailable", { id = "later" })
    receiver:handle {
      method = "POST", body = body, headers = { ["x-apple-signature"] = marketplace.sign(SECRET, body) },
    }
    receiver:dispatch()
    receiver:close()
    server:reload()
    server:wait_for "told of no_callback by 0: begins"
    server:quit()
    assert.equal(1, select(2, server:error_log():gsub("told of dead_letters", "")))
  end)

  it("is run by reconcile and check, whose runs tell nothing twice, nor what the other has told", function()
    local api = simulated_api.start()
    finally(function() api:stop() end)
    local box = assert(marketplace.inbox(inbox_url()))
    box:close()
    local client = api:client()
    local webhook = assert(client.webhooks:create {
      app = api.app, name = "one", url = "https://m.example/notifications", secret = SECRET, enabled = false,
      eventTypes = require("marketplace.event_types").MARKETPLACE,
    }).id
    local page = program(TELLS)
    local function shown()
      local list = {}
      for i, alert in ipairs(told()) do list[i] = ("%s %s"):format(alert.name, alert.state) end
      table.sort(list)
      return list
    end
    local function run(expected, words)
      local _, status = shell.capture(shell.marketplace(("%s --app %s --alert-command %s"):format(words, api.app, page),
        ("%s MARKETPLACE_INBOX=%s"):format(api:environment(), inbox_url())))
      assert.equal(expected, status)
    end
    local reconcile = ("reconcile --state %s/state.json"):format(folder)
    run(1, reconcile .. " --dry-run")
    assert.same({}, shown())
    for _ = 1, 2 do
      run(1, reconcile)
      run(1, "check --no-ping")
    end
    assert.same({ "check_failed begins", "reconcile_incomplete begins", "webhook_disabled begins" }, shown())
    assert(client.webhooks:update(webhook, { enabled = true }))
    run(1, "check --no-ping") -- there is no such host
    assert.same({ "check_failed begins", "reconcile_incomplete begins", "webhook_disabled begins",
      "webhook_disabled ends" }, shown())
    run(0, reconcile .. " --accept-gap") -- while it was disabled
    run(0, reconcile)
    assert.same({ "check_failed begins", "reconcile_incomplete begins", "reconcile_incomplete ends",
      "webhook_disabled begins", "webhook_disabled ends" }, shown())
    make_dead_letter()
    for _ = 1, 2 do run(0, reconcile) end
    assert.equal("dead_letters begins", shown()[2])
    assert.equal(6, #shown())
  end)

  -- Of a key that nobody is asked with.
  local function credentials()
    local key = folder .. "/key.p8"
    assert(core.replace_file(key, assert(core.generate_key()):private_pem()))
    return ("--key-id K --issuer-id I --key-file %s --api-url http://127.0.0.1:1"):format(key)
  end

  it("is run by packages work, of what was given up, and once", function()
    local store = assert(marketplace.packages { folder = folder .. "/packages" }).store
    assert(store:request { version = "v1" })
    assert(store:job_failed(assert(store:next_job()), { code = "gone", message = "it is not there", ended = true }))
    store:close()
    local work = ("packages work --folder %s/packages --metrics-port 0 --alert-command %s %s"):format(folder,
      program(TELLS), credentials())
    for _ = 1, 2 do
      shell.with_server(shell.marketplace(work), function(url)
        wait_for(1)
        assert.is_truthy(url)
      end)
    end
    assert.equal("packages_given_up", told()[1].name)
    assert.matches("^1 package version was given up, the first of them v1: it is not there; ", told()[1].message)
    assert.is_true(shell.exists(folder .. "/packages/state/alerts"))
  end)

  it("that fails leaves reconcile's status as it is, and is named", function()
    local output, status = shell.capture(shell.marketplace(("reconcile --app 1 --inbox %s --alert-command " ..
      "'echo no network; false' %s"):format(inbox_url(), credentials())))
    assert.equal(1, status)
    assert.matches("marketplace: alert not told .*no network", output)
  end)
end)
