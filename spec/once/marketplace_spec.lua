-- `make run-marketplace`: nginx, packages work and a simulated App Store Connect. The commands of docs/marketplace.md
-- are typed: a version is announced, fetched, installed, taken down, refused and restored. Then what is left behind.
local blocks = require "support.blocks"
local core = require "marketplace.core"
local http = require "marketplace.http"
local raw = require "support.raw_http"
local shell = require "support.shell"
local wait_until = require "support.wait_until"

local LONGEST_WAIT = 30 -- seconds
local MARKETPLACE = "a marketplace in an nginx"
local CHESS = "6740067890"

local page = raw.read_file "docs/marketplace.md"

describe("make run-marketplace #full", function()
  local folder, running

  before_each(function() folder, running = shell.run "mktemp -d", {} end)

  -- As from a terminal of a user's: without /usr/sbin, and a session of its own, in which a key press reaches all.
  local function start()
    local pipe, pid = shell.in_background(("env PATH=/usr/local/bin:/usr/bin:/bin setsid make --no-print-directory " ..
      "run-marketplace PORT=0 METRICS_PORT=0 FOLDER=%s 2>&1"):format(folder))
    local one = { pipe = pipe, pid = pid, said = {} }
    running[#running + 1] = one
    for line in pipe:lines() do
      one.said[#one.said + 1] = line
      one.url = one.url or line:match "^the marketplace runs: url=(%S+)"
      if line:find "^Below is" then return one end
    end
    error("it did not start:\n" .. table.concat(one.said, "\n"))
  end

  -- The processes of its session that still run.
  local function left_of(one)
    local pids = {}
    for pid in shell.run "ls /proc":gmatch "%f[%w]%d+%f[%W]" do
      local file = io.open(("/proc/%s/stat"):format(pid))
      local stat = file and file:read "*a"
      if file then file:close() end
      local state, session = (stat or ""):match "^%d+ %b() (%a) %d+ %d+ (%d+)"
      if tonumber(session) == one.pid and state ~= "Z" then pids[#pids + 1] = tonumber(pid) end
    end
    return pids
  end

  -- Waits until it has ended; what it said at the end.
  local function ending(one)
    local rest = one.pipe:read "*a"
    one.pipe:close()
    one.ended = true
    return rest
  end

  local function press_ctrl_c(one)
    shell.run(("kill -INT -%d"):format(one.pid))
    return ending(one)
  end

  after_each(function()
    for _, one in ipairs(running) do
      if not one.ended then press_ctrl_c(one) end
    end
    shell.run("rm -rf " .. folder)
  end)

  local function is_gone(one)
    assert.same({}, left_of(one))
    assert.is_false(shell.exists(folder))
  end

  --[[ The guide ]]

  -- Types a block, and its last line again and again until it says what is expected: callbacks and downloads take time.
  local function follow(step, block, preamble)
    local give_up_at = core.monotonic() + LONGEST_WAIT
    local output, status = shell.capture(preamble .. block)
    local last = block:match "([^\n]+)$"
    while not (output:find(step.shows) and status == (step.status or 0)) do
      assert(core.monotonic() < give_up_at, ("%s\n%s\nstatus %d"):format(block, output, status))
      core.sleep(0.1)
      output, status = shell.capture(preamble .. last)
    end
    return output
  end

  local STEPS = {
    { "make run-marketplace ", shows = MARKETPLACE },
    { ". build/marketplace/environment\n", shows = '"id":"chess%-1".*"id":"notes%-1"' },
    { "german-phone install ", shows = "app 6740067890: installed 1%.0 .*app 6740067890: installed 1%.0 " },
    { "marketplace simulate event version_available ", shows = '"package":"chess%-2".*"state":"published"' },
    { "german-phone update", shows = '"outcome":"updated".*"short_version":"2%.0"' },
    { "marketplace simulate event app_unavailable ", shows = '"state":"withdrawn".*"state":"withdrawn"' },
    { "german-phone restore", shows = '"code":404,"outcome":"unavailable"', status = 1 },
    { "marketplace simulate event app_restored ", shows = '"available_in":%["DEU"%].*"state":"published"' },
    { "german-phone restore\nfrench-phone ", shows = '"outcome":"restored".*"outcome":"unavailable"', status = 1 },
    { "marketplace packages hold ", shows = '"code":404,"outcome":"unavailable"', status = 1 },
    { "marketplace packages release ", shows = '"outcome":"current"' },
    { "marketplace check ", shows = "\n22 ok, 0 warnings, 0 errors, 0 not looked at" },
    { "marketplace inbox list", shows = '"event":"app_unavailable".* is as its manifest says' },
  }

  local function files_in_public()
    return tonumber(shell.run(("find %s/packages/public -type f | wc -l"):format(folder)))
  end

  local function walk(one)
    local life = page:match "\n(## Start it\n.-)\n## The site\n"
    local found = blocks(life:gsub("8443", (one.url:match "%d+$")):gsub("build/marketplace", folder), "sh")
    assert.equal(#STEPS, #found)
    local preamble = (". %s/environment\n"):format(folder)
    for place, step in ipairs(STEPS) do
      local began = step[1]:gsub("build/marketplace", folder)
      assert.equal(began, found[place]:sub(1, #began), "block " .. place)
      if step.shows ~= MARKETPLACE then follow(step, found[place], preamble) end
    end
  end

  it("is a marketplace, in which apps are announced, fetched, installed, updated, refused and restored", function()
    local one = start()
    walk(one)
    assert.is_true(files_in_public() > 0)
    press_ctrl_c(one)
    is_gone(one)
  end)

  --[[ The site ]]

  local function session_in(territory)
    return raw.read_file(folder .. "/sessions"):match("(%x+) %S+ " .. territory)
  end

  local function get(one, path, session)
    return assert(http.exchange {
      method = "GET", url = one.url .. path, ca_file = folder .. "/cert.pem",
      headers = session and { "Cookie: theme=dark; __Host-session=" .. session },
    })
  end

  local function post(one, path, body)
    return assert(http.exchange {
      method = "POST", url = one.url .. path, ca_file = folder .. "/cert.pem", body = body,
      headers = { "Content-Type: application/x-www-form-urlencoded" },
    })
  end

  local function type_command(command)
    return shell.capture((". %s/environment\n%s"):format(folder, command))
  end

  it("has a site whose links install, for those who have signed in, where the app may be had", function()
    local one, app = start(), "/apps/" .. CHESS
    assert.matches('<a href="' .. app .. '">Chess</a> 1%.0', get(one, "/").body)
    assert.is_nil(get(one, app).body:find "marketplace%-kit")
    assert.is_nil(get(one, app, ("0"):rep(64)).body:find "marketplace%-kit")

    assert.matches("<loc>" .. one.url .. app .. "</loc>", get(one, "/sitemap.xml").body, 1, true)
    assert.matches('<script type="application/ld%+json">.*"value":"' .. CHESS .. '"', get(one, app).body)

    local german, french = session_in "DEU", session_in "FRA"
    local signed_in = post(one, "/sign-in", "session=" .. german)
    assert.same({ 303, "/" }, { signed_in.status, signed_in.headers.location })
    assert.equal(german, signed_in.headers["set-cookie"]:match "^__Host%-session=(%x+); Path=/; Secure; HttpOnly; ")
    assert.same({ 403, nil }, { post(one, "/sign-in", "session=abc").status })
    assert.equal(405, get(one, "/sign-in").status)
    assert.equal(404, get(one, "/apps/1", german).status)

    local link = get(one, app, german).body:match 'href="(marketplace%-kit:[^"]+)"':gsub("&amp;", "&")
    local output, status = type_command(("german-phone install '%s'"):format(link))
    assert.same({ 0, true }, { status, output:find "installed 1%.0 " ~= nil }, output)
    type_command(("marketplace packages withdraw --app %s --territory FRA"):format(CHESS))
    assert.same({ 404, 200 }, { get(one, app, french).status, get(one, app, german).status })
    assert.is_nil(get(one, "/", french).body:find "Chess")

    type_command(("marketplace packages withdraw --app %s"):format(CHESS))
    assert.equal(404, get(one, app).status)
    type_command(("marketplace packages restore --app %s --territory DEU"):format(CHESS))
    assert.matches('"countriesSupported".*"DE"', get(one, app).body)
    assert.same({ 404, 200 }, { get(one, app, french).status, get(one, app, german).status })
  end)

  it("has phones that know the marketplace, whatever they are asked to do", function()
    start()
    for _, phone in ipairs { "german-phone", "french-phone" } do
      type_command(("%s install %s"):format(phone, CHESS))
      local output, status = type_command(phone .. " renew")
      assert.same({ 0, true }, { status, output:find(CHESS, 1, true) ~= nil }, output)
    end
    assert.matches(CHESS, (type_command "german-phone list"), 1, true)
    assert.matches("Usage: marketplace simulate device [", (type_command "german-phone"), 1, true)
    assert.matches("\n   renew ", (type_command "german-phone --help"), 1, true)
  end)

  it("names each part of it in what they log, and leaves out what says nothing", function()
    local one = start()
    type_command "german-phone install 6740067890"
    type_command "marketplace simulate event app_unavailable --app 6740067890"
    local logged = {}
    repeat
      local line = assert(one.pipe:read "*l")
      logged[#logged + 1] = line
    until line:find " done event=app_unavailable"
    local webhooks = type_command "marketplace webhooks list --app 6740012345 --json"
    local said, status = type_command("marketplace webhooks ping " .. webhooks:match '"id":"([^"]+)"')
    assert.equal(0, status, said)
    repeat
      local line = assert(one.pipe:read "*l")
      assert.is_nil(line:find(" no callback ", 1, true), line)
    until line:find " done event=ping"
    local all = table.concat(logged, "\n")
    assert.matches("\nsimulator: [^\n]* delivered event=app_unavailable", "\n" .. all)
    assert.matches("\nnginx: [^\n]* stored event=app_unavailable", "\n" .. all)
    assert.is_nil(all:find("keepalive", 1, true))
  end)

  it("has handlers that serve takes, too", function()
    local one = start()
    local serve = shell.marketplace(("serve %s/handlers.lua --secret-file %s/secrets --port 0 --inbox memory"):format(
      folder, folder))
    shell.with_server(serve, function(url)
      one.url = url:match "^http://[^/]+"
      assert.matches("Chess</a> 1%.0", get(one, "/").body)
      assert.matches("marketplace%-kit://install%?", get(one, "/apps/" .. CHESS, session_in "DEU").body)
      assert.matches('"restore":', get(one, "/.well-known/marketplace-kit").body)
      assert.equal(404, get(one, "/nothing").status)
    end)
  end)

  --[[ What is left ]]

  local function pid_of(one, name)
    for _, pid in ipairs(left_of(one)) do
      if raw.read_file(("/proc/%d/cmdline"):format(pid)):gsub("%z", " "):find(name, 1, true) then return pid end
    end
    error(name .. " does not run")
  end

  it("ends as a whole if a part of it does, and shows why", function()
    local one = start()
    shell.run(("kill -KILL %d"):format(pid_of(one, "packages work")))
    assert.matches("one of them has ended", ending(one))
    is_gone(one)
  end)

  it("leaves no process behind if it is killed, and starts again in what it has left", function()
    local one = start()
    shell.run(("kill -KILL %d"):format(pid_of(one, "tools/run-marketplace")))
    ending(one)
    wait_until("its processes have ended", function() return #left_of(one) == 0 end)
    assert.is_true(shell.exists(folder .. "/sessions"))
    local again = start()
    press_ctrl_c(again)
    is_gone(again)
  end)

  local function refused()
    return (shell.capture("make --no-print-directory run-marketplace PORT=0 METRICS_PORT=0 FOLDER=" .. folder))
  end

  it("says which port is in use, and leaves nothing behind", function()
    local one = start()
    local port = one.url:match "%d+$"
    for _, ports in ipairs { "PORT=%s METRICS_PORT=0", "PORT=0 METRICS_PORT=%s" } do
      local said, status = shell.capture(("make --no-print-directory run-marketplace FOLDER=%s-other %s"):format(folder,
        ports:format(port)))
      assert.same({ 2, true }, { status, said:find(("port %s "):format(port), 1, true) ~= nil }, said)
      assert.matches(ports:match "(%S+)=%%s" .. "=0 takes any free one", said, 1, true)
      assert.is_false(shell.exists(folder .. "-other"))
    end
  end)

  it("takes no folder in which another one runs, or that holds something else", function()
    shell.run(("touch %s/mine"):format(folder))
    assert.matches("is not empty: name another folder", refused(), 1, true)
    assert.is_true(shell.exists(folder .. "/mine"))
    shell.run(("rm %s/mine"):format(folder))
    local one = start()
    assert.matches("another one runs in ", refused())
    assert.equal(200, get(one, "/").status)
  end)
end)
