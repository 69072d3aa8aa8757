-- The command, as a child process.
local certificates = require "support.certificates"
local cjson = require "cjson"
local http = require "marketplace.http"
local marketplace = require "marketplace"
local pid_file = require "marketplace.cli.support.pid_file"
local samples = require "marketplace.samples"
local shell = require "support.shell"

local SECRET = "the secret"
local ENVIRONMENT = "MARKETPLACE_SECRET='" .. SECRET .. "'"
local NO_SECRET = "env -u MARKETPLACE_SECRET"

describe("the command", function()
  local files = {}

  local function file(text)
    local path = shell.file(text)
    files[#files + 1] = path
    return path
  end

  after_each(function()
    for i = #files, 1, -1 do
      os.remove(files[i])
      files[i] = nil
    end
  end)

  local function expect(status, arguments, pattern, environment)
    local command = shell.marketplace(arguments, environment or ENVIRONMENT)
    local output, got = shell.capture(command)
    assert.equal(status, got, command .. "\n" .. output)
    if pattern then assert.is_truthy(output:find(pattern), command .. "\n" .. output) end
    return output
  end

  it("shows its version, its help and each subcommand's help", function()
    expect(0, "--version", "^marketplace %d+%.%d+%.%d+")
    expect(0, "--help", "serve.*Exit status: 0 done, 1 failed, 2 wrong usage")
    for _, name in ipairs { "serve", "work", "inbox", "send", "sign", "verify", "explain", "token", "webhooks" } do
      expect(0, name .. " --help", "Usage: marketplace " .. name)
    end
  end)

  it("describes every command, action and option with a phrase that stands alone", function()
    local parser = require("marketplace.cli").parser((require "argparse"))
    local seen = {}
    local function check_phrase(phrase, where)
      assert.is_truthy(phrase, where)
      assert.is_true(not phrase:find "^%u%l" or phrase:find "^Lua " ~= nil, where .. ": " .. phrase)
      assert.is_nil(phrase:find "%.$", where .. ": " .. phrase)
    end
    local function look_at(command)
      local takes_json = command._name == "completion" or #command._commands > 0
      for _, option in ipairs(command._options) do
        check_phrase(option._description, command._name .. " " .. option._aliases[1])
        takes_json = takes_json or option._aliases[1] == "--json"
      end
      assert.is_true(takes_json, command._name)
      for _, argument in ipairs(command._arguments) do
        check_phrase(argument._description, command._name .. " " .. argument._name)
      end
      for _, action in ipairs(command._commands) do
        seen[action._name] = true
        check_phrase(action._description, action._name)
        look_at(action)
      end
    end
    look_at(parser)
    for _, name in ipairs { "serve", "replay", "rotate-secret", "requests", "completion" } do
      assert.is_true(seen[name], name)
    end
  end)

  -- What a program without a module says.
  local function without(module_name, arguments)
    local script = file(([[
      local real = require
      rawset(_G, "require", function(name)
        if name == "%s" then error("module '%s' not found:\n\tno such file", 0) end
        return real(name)
      end)
      os.exit(require("marketplace.cli").main(arg))]]):format(module_name, module_name))
    return shell.capture(("MARKETPLACE_SECRET=x %s %s %s"):format(shell.LUA, script, arguments))
  end

  it("says which rock brings what is not installed", function()
    for _, case in ipairs {
      { "marketplace.cli.commands.simulate", "the command simulate", "lua-marketplace-simulator",
        { "simulate", "simulate event x", "simulate --help" } },
      { "marketplace.http_server", "the Lua module marketplace.http_server", "lua-marketplace-server",
        { "serve x.lua", "work x.lua --metrics-port 0" } },
      { "argparse", "the Lua module argparse", "argparse", { "sign", "--help" } },
    } do
      for _, arguments in ipairs(case[4]) do
        local output, status = without(case[1], arguments)
        assert.equal(1, status, output)
        assert.equal(("marketplace: %s is not installed: luarocks install %s\n"):format(case[2], case[3]), output)
      end
    end
  end)

  it("says how to reinstall a rock that is broken, and raises what is wrong with a module of its own", function()
    local installation = require "marketplace.cli.support.installation"
    for _, name in ipairs { "argparse", "marketplace.cli.commands.none" } do
      local loaded = package.loaded[name]
      package.loaded[name], package.preload[name] = nil, function() error("undefined symbol: lua_x", 0) end
      local ok, problem = pcall(installation.problem, name)
      package.loaded[name], package.preload[name] = loaded, nil
      assert.equal(name == "argparse", ok)
      assert.matches(ok and "^the Lua module argparse cannot be loaded: .*undefined symbol: lua_x.*\n" ..
        "To reinstall it: luarocks install argparse$" or "undefined symbol: lua_x", problem)
    end
  end)

  it("does without a rock that the command does not need", function()
    for module_name, arguments in pairs {
      ["marketplace.cli.commands.simulate"] = "completion bash", ["marketplace.http_server"] = "serve --help",
    } do
      local output, status = without(module_name, arguments)
      assert.equal(0, status, output)
    end
  end)

  it("says how a checkout is built that is not built for this Lua", function()
    local folder = shell.run "mktemp -d"
    finally(function() shell.run("rm -rf " .. folder) end)
    shell.run(("mkdir -p %s/bin %s/lua/marketplace && cp bin/marketplace %s/bin && touch %s/lua/marketplace/init.lua")
      :format(folder, folder, folder, folder))
    local lua = shell.LUA:match "[^/]*$"
    local line = ("marketplace: this checkout is not built for %s: make -C '%s/bin/..' build LUA=%s\n"):format(lua,
      folder, lua)
    local function expect_line(more)
      local output, status = shell.capture(("%s %s/bin/marketplace --version"):format(shell.LUA, folder))
      assert.equal(1, status)
      assert.equal(line .. more, output)
    end
    expect_line ""
    local other = lua == "lua5.3" and "5.4" or "5.3"
    shell.run(("mkdir -p %s/build/%s/marketplace && touch %s/build/%s/marketplace/core.so"):format(folder, other,
      folder, other))
    expect_line("It is built for: lua" .. other .. "\n")
  end)

  it("says that it is not installed for this Lua, or that it is broken", function()
    local folder = shell.run "mktemp -d"
    finally(function() shell.run("rm -rf " .. folder) end)
    shell.run(("mkdir -p %s/bin && cp bin/marketplace %s/bin"):format(folder, folder))
    -- make coverage has its own modules loaded by LUA_INIT_5_4
    local command = ("cd %s && env -u LUA_INIT_5_4 LUA_PATH='./?.lua;./?/init.lua' LUA_CPATH='./?.so' %s " ..
      "bin/marketplace sign"):format(folder, shell.LUA)
    local output, status = shell.capture(command)
    assert.equal(1, status)
    assert.matches("^marketplace: its modules for Lua 5%.%d cannot be loaded: module 'marketplace.cli' not found\n" ..
      "To install them: luarocks %-%-lua%-version 5%.%d install lua%-marketplace\n$", output)
    shell.run(("cp -r lua/marketplace %s && mkdir -p %s/marketplace && echo x > %s/marketplace/core.so"):format(folder,
      folder, folder))
    output, status = shell.capture(command)
    assert.equal(1, status)
    assert.matches("^marketplace: its modules for Lua 5%.%d cannot be loaded: error loading module 'marketplace.core'",
      output)
    assert.is_nil(output:find("traceback", 1, true), output)
  end)

  it("loads no command but the one that is called", function()
    local script = file [[
      local status = require("marketplace.cli").main { "sign", "--secret-file", arg[1], arg[1] }
      for name in pairs(package.loaded) do
        local command = name:match "^marketplace%.cli%.commands%.(.*)"
        assert(not command or command == "sign", name)
        assert(not name:find "^marketplace%.client" and name ~= "marketplace.inbox", name)
      end
      os.exit(status)]]
    local output, status = shell.capture(("%s %s bin/marketplace"):format(shell.LUA, script))
    assert.equal(1, status, output)
    assert.matches("secrets, more than 8", output)
  end)

  it("ends with 1 if its output cannot be written", function()
    for _, arguments in ipairs { "sign bin/marketplace", "send ping --print", "send --list" } do
      expect(1, arguments .. " >/dev/full", "cannot write")
    end
  end)

  it("shows no password", function()
    for _, word in ipairs {
      "postgresql://u:hunter2@127.0.0.1:1/db", "postgres:host=127.0.0.1 port=1 password=hunter2",
      "Postgres:password=hunter2", "postgres:host=127.0.0.1 port=1 password='hunter2 x'",
    } do
      local output = expect(1, ('work examples/marketplace.lua --inbox "%s"'):format(word))
      assert.is_nil(output:find("hunter2", 1, true), output)
    end
  end)

  it("makes tokens", function()
    local key = file(shell.run "openssl ecparam -name prime256v1 -genkey -noout" .. "\n")
    local environment = ("MARKETPLACE_KEY_FILE=%s MARKETPLACE_KEY_ID=a MARKETPLACE_ISSUER_ID=b"):format(key)
    expect(0, "token", "^[%w_-]+%.[%w_-]+%.[%w_-]+\n$", environment)
    expect(0, "token --individual --scope 'GET /v1/apps' --json", '"expires_at":%d+', environment)
    expect(0, "token marketplace --marketplace-id 1 --developer-id 2", "^[%w_.-]+\n$", environment)
    expect(0, "token install --marketplace-id 1 --bundle-id 2 --dtype download", "^[%w_.-]+\n$", environment)
    expect(1, "token --key-file /dev/null --key-id a --issuer-id b", "the key is not PEM")
  end)

  it("runs by a symbolic link", function()
    local link = os.tmpname()
    expect(0, "--version")
    assert.equal(0, select(2, shell.capture(("ln -sf \"$PWD/bin/marketplace\" %s"):format(link))))
    local output, status = shell.capture(("cd / && %s %s --version"):format(shell.LUA, link))
    os.remove(link)
    assert.equal(0, status, output)
  end)

  it("ends with 2 and the usage if it is used wrongly", function()
    for _, arguments in ipairs {
      "", "nonsense", "sign --nonsense", "verify", "explain", "serve", "send", "send ping --timeout soon",
      "send ping --timeout 0", "send nonsense", "send ping --generation 1", "send ping --generation 3",
      "send ping --id 'a b'", "send ping --file /dev/null", "serve x.lua --port 70000", "serve x.lua --port http",
      "serve x.lua --max-body 0", "serve x.lua --max-connections 0", "serve x.lua --path nowhere",
      "serve x.lua --tls-cert x", "serve x.lua --tls-key x", "serve x.lua --lease 0", "serve x.lua --lease 86401",
      "serve x.lua --port 65536", "serve x.lua --metrics-port 65536", "serve x.lua --max-body 16777217",
      "serve x.lua --max-connections 1000001", "serve x.lua --path /healthz", "serve x.lua --path /readyz",
      "serve x.lua --host unix:/tmp/x",
      "serve x.lua --path '/a b'", "serve x.lua --stop-seconds 0", "work x.lua --stop-seconds 86401",
      "inbox list --limit 1000001", "serve x.lua --metrics-port x",
      "serve x.lua --inbox memory --no-dispatch", "work", "work x.lua --inbox memory", "work x.lua --lease soon",
      "inbox", "inbox nonsense", "inbox show", "inbox replay", "inbox replay --dead --done",
      "inbox replay --done", "inbox run", "inbox cancel", "inbox prune", "inbox prune --bodies-before soon",
      "inbox prune --ids-before 10d", "inbox list --state lost", "inbox list --before x", "inbox list --code lost",
      "serve x.lua --attempts 0", "work x.lua --attempts 1001", "serve x.lua --keep 91d", "work x.lua --keep soon",
      "inbox list --limit 0", "inbox stats --inbox memory", "inbox stats --inbox memory:", "work x.lua --inbox memory:",
      "serve x.lua --inbox memory: --no-dispatch", "token", "token --key-file x",
      "serve x.lua --inbox memory --idle-timeout 0", "serve x.lua --inbox memory --idle-timeout long",
      "serve x.lua --inbox memory --trusted-proxy 10.0.0.0/33", "serve x.lua --inbox memory --trusted-proxy host",
      "token --key-file x --key-id a",
      "token --key-file x --key-id a --issuer-id b --lifetime 1201", "token nonsense --key-file x",
      "token --key-file x --key-id a --issuer-id b --lifetime long",
      "token --key-file x --key-id a --issuer-id b --back-dated long",
      "token --key-file x --key-id a --issuer-id b --back-dated 601",
    } do
      local output = expect(2, arguments, "Usage: marketplace")
      assert.is_nil(output:find("traceback", 1, true), output)
    end
  end)

  it("shows how the very command is used that was used wrongly", function()
    for arguments, usage in pairs {
      ["inbox"] = "inbox [-h] <command>", ["inbox nonsense"] = "inbox [-h] <command>", ["inbox show"] = "inbox show ",
      ["packages hold"] = "packages hold ", ["simulate device"] = "simulate device [-h] <command>",
      ["simulate device install"] = "simulate device install ", ["simulate licences"] = "simulate licences ",
      ["simulate event --app 1"] = "simulate event", ["token marketplace --lifetime x"] = "token [",
    } do
      expect(2, arguments, "\nUsage: marketplace " .. usage:gsub("%p", "%%%0"))
    end
  end)

  -- What runs in place of the command `sign`, in a program of its own.
  local function in_place_of_sign(lua)
    return ("LUA_INIT='package.preload[\"marketplace.cli.commands.sign\"] = function() return { " ..
      "describe = function() end, run = function() %s end } end'"):format(lua)
  end

  it("ends at Ctrl-C without a traceback, which a mistake of its own has", function()
    local endless = 'io.popen("kill -INT $PPID"):close() while true do end'
    expect(1, "sign", "^marketplace: interrupted\n$", in_place_of_sign(endless))
    local wrapped = ("local ok, raised = pcall(function() %s end) error(raised, 0)"):format(endless)
    expect(1, "sign", "^marketplace: interrupted\n$", in_place_of_sign(wrapped))
    expect(1, "sign", "a mistake.*traceback", in_place_of_sign 'error "a mistake"')
  end)

  it("takes options at their limits", function()
    local most = "--lease 86400 --attempts 1000 --keep 90d --port 65535 --metrics-port 65535 --max-body 16777216 " ..
      "--max-connections 1000000"
    for _, options in ipairs {
      most, "--lease 1 --attempts 1 --keep 0s --port 0 --metrics-port 0 --max-body 1 --max-connections 1",
    } do
      expect(1, "serve /nowhere/at/all.lua --inbox memory " .. options, "/nowhere/at/all.lua")
    end
    for _, limit in ipairs { 1, 1000000 } do
      expect(1, ("inbox list --inbox sqlite:/nowhere/at/all.db --limit %d"):format(limit), "/nowhere/at/all.db")
    end
  end)

  it("takes a secret from a file and from the environment alike: a line ending after it is none of it", function()
    local expected = expect(0, "sign /dev/null", "hmacsha256=", "MARKETPLACE_SECRET=s")
    for _, ending in ipairs { "\n", "\r\n", "\r", "\n\n" } do
      assert.equal(expected, expect(0, "sign /dev/null", "", ("MARKETPLACE_SECRET='s%s'"):format(ending)))
      assert.equal(expected, expect(0, "sign /dev/null --secret-file " .. file("s" .. ending), "", NO_SECRET))
    end
  end)

  it("warns of white space and quotes around a secret, wherever it comes from, and does not show it", function()
    for secret, oddity in pairs {
      ["hidden "] = "ends with white space: remove it", ['"hidden"'] = "is in quotes: remove them",
    } do
      local path = file(secret .. "\n")
      for where, output in pairs {
        MARKETPLACE_SECRET = expect(0, "sign /dev/null", oddity, ("MARKETPLACE_SECRET='%s'"):format(secret)),
        [path] = expect(0, "sign /dev/null --secret-file " .. path, oddity, NO_SECRET),
      } do
        assert.is_truthy(output:find("warning: the secret in " .. where .. " " .. oddity, 1, true), output)
        assert.is_nil(output:find("hidden", 1, true), output)
      end
    end
  end)

  it("ends with 1 and a reason if there is no secret", function()
    expect(1, "sign /dev/null", "set MARKETPLACE_SECRET, or give %-%-secret%-file", NO_SECRET)
    expect(1, "sign /dev/null", "without a comma", "MARKETPLACE_SECRET=a,b")
    expect(1, "sign /dev/null", "without a comma", "MARKETPLACE_SECRET='a\nb'")
    expect(1, "sign --secret-file /nowhere/at/all /dev/null", "cannot be read")
    expect(1, "sign --secret-file " .. file "\n\r\n" .. " /dev/null", "holds no secret")
    expect(1, "sign --secret-file " .. file(("x\n"):rep(9)) .. " /dev/null", "9 secrets, more than 8")
  end)

  it("signs with the first secret of a file, a file's or the standard input's bytes", function()
    local body = "a\0b\r\n"
    local path = file(body)
    local expected = marketplace.sign(SECRET, body)
    assert.equal(expected .. "\n", expect(0, "sign " .. path))
    assert.equal(expected .. "\n", expect(0, "sign < " .. path))
    assert.equal(expected .. "\n", expect(0, "sign - < " .. path))
    local secrets = file("\239\187\191" .. SECRET .. "\r\nolder\n")
    assert.equal(expected .. "\n", expect(0, ("sign --secret-file %s %s"):format(secrets, path), nil, NO_SECRET))
    assert.same({ header = "x-apple-signature", signature = expected }, cjson.decode(expect(0, "sign --json " .. path)))
    expect(1, "sign /nowhere/at/all", "cannot read")
    expect(1, "sign /", "cannot read")
  end)

  it("verifies, and tells by its status", function()
    local path = file "the body"
    local signature = marketplace.sign(SECRET, "the body")
    local secrets = file("new\n" .. SECRET .. "\n")
    expect(0, ("verify --signature %s %s"):format(signature, path), "^valid: made with secret 1 of 1")
    expect(0, ("verify --secret-file %s --signature %s %s"):format(secrets, signature, path), "secret 2 of 2")
    expect(1, ("verify --signature %s /dev/null"):format(signature), "^invalid: .*explain")
    local answer = cjson.decode(expect(1, ("verify --json --signature %s /dev/null"):format(signature)))
    assert.equal("signature_mismatch", answer.code)
    assert.is_false(answer.valid)
  end)

  it("explains, and never shows a secret", function()
    local path = file "the body\n"
    local signature = marketplace.sign(SECRET, "the body")
    local output = expect(1, ("explain --table --signature %s %s"):format(signature, path),
      "^CAUSE +ADVICE\nbody_trailing_newline  .*\nmarketplace: .* is not valid; without what is listed, it is that " ..
      "of secret 1 of 1\n$")
    assert.is_nil(output:find(SECRET, 1, true))
    expect(1, ("explain --table --signature '%s' %s"):format(signature:upper(), path),
      "\nheader_upper_case\n    ADVICE: ")
    expect(1, ("explain --signature hmacsha256=%s %s"):format(("0"):rep(64), path), "the signature is not valid\n$")
    expect(0, ("explain --signature %s %s"):format(marketplace.sign(SECRET, "the body\n"), path),
      "^marketplace: the signature is valid: it was made with secret 1 of 1\n$")
    for _, option in ipairs { "", "--json" } do
      local answer = cjson.decode(expect(1, ("explain %s --signature %s %s 2>/dev/null"):format(option, signature,
        path)))
      assert.equal("body_trailing_newline", answer.cause)
    end
  end)

  it("lists and prints samples without sending them", function()
    expect(0, "send --list --table", "^EVENT +GENERATION +TYPE +MEANING\n.*versions_restored", NO_SECRET)
    expect(0, "send --list", '^{"event":', NO_SECRET)
    local n = marketplace.parse((expect(0, "send app_unavailable --print --id mine --generation 2"):gsub("\n$", "")))
    assert.equal("mine", n.id)
    assert.equal(2, n.generation)
    n = marketplace.parse((expect(0, "send AppUnavailable --print --app 17"):gsub("\n$", "")))
    assert.equal("17", n.app_id)
    expect(2, "send ping --print --app 17", "send: %-%-app does not go with ping")
  end)

  it("ends with 1 if nobody listens", function()
    expect(1, "send ping --url http://127.0.0.1:1/notifications", "127.0.0.1")
    expect(1, "send --file /nowhere/at/all", "cannot read /nowhere/at/all")
  end)

  it("does not start with a handlers file that returns nil and a message", function()
    local load = require("marketplace.handlers").load
    assert.same({ nil, "the handlers file failed: no database" },
      { load(file "return function() return nil, 'no database' end", {}) })
    assert.is_true(load(file "return function() return nil end", {}))
    assert.is_true(load(file "return function(r) return r end", {}))
  end)

  it("does not start with what cannot work", function()
    local function expect_refusal(arguments, pattern)
      expect(1, "serve --port 0 --inbox memory " .. arguments, pattern)
    end
    expect_refusal("/nowhere/at/all.lua", "/nowhere/at/all.lua")
    expect_refusal(file "return 5", "must return function%(receiver%), and [^ ]+ returns a number")
    expect_refusal(file "syntax error", "near 'error'")
    expect_refusal(file "error 'at once'", "at once")
    expect_refusal(file "return function(r) r:on('app_gone', print) end", "unknown event")
    expect_refusal("examples/marketplace.lua --tls-cert /dev/null --tls-key /dev/null", "certificate")
    expect_refusal("examples/marketplace.lua --host 192.0.2.1", "192.0.2.1")
    expect_refusal("examples/marketplace.lua --metrics-port 1 --metrics-host 192.0.2.1", "192.0.2.1")
    expect(1, "serve examples/marketplace.lua --port 0 --inbox paper:x", "known: memory")
    local output = expect(1, "work examples/marketplace.lua --inbox 'host=db password=hunter2'", "no scheme")
    assert.is_nil(output:find("hunter2", 1, true), output)
    expect(1, "work examples/marketplace.lua --inbox sqlite:/nowhere/at/all.db", "/nowhere/at/all.db.*set by %-%-inbox")
  end)

  describe("serve", function()
    local function serve(arguments, use, environment)
      return shell.with_server(shell.marketplace("serve examples/marketplace.lua --port 0 --inbox memory " .. arguments,
        "env " .. (environment or ENVIRONMENT)), use)
    end

    it("shows a command that runs on the same Lua", function()
      serve("", function(_, _, pipe)
        local shown
        repeat shown = pipe:read "*l" until not shown or shown:find "^try it: "
        local name = shell.LUA:match "[^/]*$"
        local start = name == "lua5.4" and "" or "%S*" .. name .. " " -- the file's first line names Lua 5.4
        assert.matches("^try it: +" .. start .. "bin/marketplace send ", shown)
      end)
    end)

    it("shows LuaRocks's own start, and the Lua if the file names another", function()
      local own_command, called = require("marketplace.cli.support.installation").own_command, _G.arg
      finally(function() _G.arg = called end)
      for shown, words in pairs {
        ["bin/marketplace"] = { [-1] = "/usr/bin/lua5.4", [0] = "bin/marketplace" },
        ["lua5.3 -E bin/marketplace"] = { [-2] = "lua5.3", [-1] = "-E", [0] = "bin/marketplace" },
        ["'/a tree/bin/marketplace'"] = {
          [-1] = "lua5.4", [0] = "/a tree/lib/luarocks/rocks-5.4/lua-marketplace/1.0-1/bin/marketplace",
        },
      } do
        _G.arg = words
        assert.equal(shown, own_command())
      end
    end)

    it("receives, runs, reports, and ends with 0 on SIGTERM", function()
      local output, status = serve("", function(url)
        expect(0, "send app_unavailable --id first --url " .. url,
          "^200 AppUnavailable first in [%d.]+ ms: acknowledged\n$")
        expect(0, "send app_unavailable --id first --file " .. file(samples.body("ping", { id = "second" })) ..
          " --url " .. url .. " || true")
        expect(1, "send ping --signature hmacsha256=00 --url " .. url,
          "^401 webhookPingCreated %S+ in [%d.]+ ms: %l[^\n]*\n$")
        expect(1, "send ping --url " .. url:gsub("/notifications", "/elsewhere"), "404")
      end)
      assert.equal(0, status, output)
      assert.matches("done +event=app_unavailable app=6740067890 id=first", output)
      assert.matches("refused .*401.*hmacsha256=", output)
      assert.matches("refused code=wrong_path status=404 .*notifications go to /notifications", output)
      assert.matches("stopped", output)
      assert.is_nil(output:find(SECRET, 1, true))
    end)

    it("writes nothing but JSON lines with --json", function()
      local output, status = serve("--json", function(url)
        expect(0, "send --json ping --url " .. url, '"status":200')
      end)
      assert.equal(0, status)
      local messages = {}
      for line in output:gmatch "[^\n]+" do
        if line:sub(1, 1) == "{" then messages[#messages + 1] = cjson.decode(line).message end
      end
      assert.equal("stored done stopped", table.concat(messages, " "))
      assert.matches("it works", output)
    end)

    it("keeps its process id in a file while it listens", function()
      local path = file ""
      local output, status = serve("--pid-file " .. path, function(_, pid)
        local handle = assert(io.open(path))
        assert.equal(pid, tonumber(handle:read "*a"))
        assert.equal(pid, pid_file.find(path))
        shell.run("touch -d '1 year ago' " .. path)
        assert.equal(pid, pid_file.find(path))
        handle:close()
      end)
      assert.equal(0, status, output)
      assert.is_nil(io.open(path))
      output, status = serve("--pid-file " .. path, function()
        local handle = assert(io.open(path, "w"))
        handle:write "1\n"
        handle:close()
      end)
      assert.equal(0, status, output)
      assert(io.open(path)):close()
      expect(1, "serve examples/marketplace.lua --port 0 --inbox memory --pid-file /nowhere/at/all",
        "cannot make /nowhere/at/all: there is no folder /nowhere/at")
    end)

    it("rereads its secrets on SIGHUP, and keeps the old ones if it cannot", function()
      local secrets = file "old\n"
      local function wait_for(pipe, pattern)
        for line in pipe:lines() do
          if line:find(pattern) then return end
        end
        error("the server ended before it wrote " .. pattern)
      end
      local output, status = serve("--secret-file " .. secrets, function(url, pid, pipe)
        local function send(secret) return "send ping --secret-file " .. file(secret) .. " --url " .. url end
        expect(1, send "new", "401")
        local handle = assert(io.open(secrets, "wb"))
        handle:write "new\n"
        handle:close()
        os.execute("kill -HUP " .. pid)
        wait_for(pipe, "secrets reread secrets=" .. marketplace.fingerprint "new")
        expect(0, send "new", "200")
        os.remove(secrets)
        os.execute("kill -HUP " .. pid)
        wait_for(pipe, "secrets kept")
        expect(0, send "new", "200")
      end, NO_SECRET:gsub("env ", ""))
      assert.equal(0, status, output)
    end)
  end)

  it("rereads the certificate on SIGHUP, keeps the old one if it cannot, and warns of one that expires", function()
    local folder = shell.run "mktemp -d"
    finally(function() shell.run("rm -rf " .. folder) end)
    certificates.make(folder, certificates.EXPIRED)
    local function wait_for(pipe, pattern) -- a long reason has lines of its own
      local written = ""
      for line in pipe:lines() do
        written = written .. line
        if written:find(pattern) then return end
      end
      error("the server ended before it wrote " .. pattern)
    end
    local command = shell.marketplace(("serve examples/marketplace.lua --inbox memory --port 0 --metrics-port 0 " ..
      "--tls-cert %s/server.crt --tls-key %s/server.key"):format(folder, folder), "env MARKETPLACE_SECRET=s")
    local output, status = shell.with_server(command, function(url, pid, pipe)
      local function served()
        return shell.run(("openssl s_client -connect %s < /dev/null 2>/dev/null | openssl x509 -noout -serial"):format(
          url:match "//([^/]+)"))
      end
      local first = served()
      wait_for(pipe, "the certificate has expired .*2020%-01%-02T00:00:00")
      certificates.renew(folder, certificates.VALID)
      os.execute("kill -HUP " .. pid)
      wait_for(pipe, "certificate reread .*2099%-12%-31")
      local second = served()
      assert.not_equal(first, second)
      shell.run(("openssl ecparam -name prime256v1 -genkey -noout -out %s/server.key"):format(folder))
      os.execute("kill -HUP " .. pid)
      wait_for(pipe, "certificate kept .*tls_cert and tls_key do not belong together")
      assert.equal(second, served())
      os.remove(folder .. "/server.crt")
      os.execute("kill -HUP " .. pid)
      wait_for(pipe, "certificate kept .*server.crt")
      assert.equal(second, served())
    end)
    assert.equal(0, status, output)
  end)

  describe("with a durable inbox", function()
    local folder, inbox

    before_each(function()
      folder = shell.run "mktemp -d"
      inbox = " --inbox sqlite:" .. folder .. "/inbox.db "
    end)

    after_each(function() shell.capture("rm -rf " .. folder) end)

    local function serve(arguments, use)
      return shell.with_server(shell.marketplace("serve " .. arguments .. inbox .. "--port 0", "env " .. ENVIRONMENT),
        use)
    end

    local function send(name, id, url)
      expect(0, ("send %s --id %s --url %s"):format(name, id, url), "200")
    end

    local function work(handlers, until_)
      local command = shell.marketplace("work " .. handlers .. inbox .. "--json")
      local pipe = assert(io.popen(("sh -c 'echo $$; exec %s' 2>&1; echo status $?"):format(command)))
      local pid, lines = pipe:read "*l", {}
      for line in pipe:lines() do
        lines[#lines + 1] = line
        if line:find(until_) then os.execute("kill -TERM " .. pid) end
      end
      pipe:close()
      return table.concat(lines, "\n")
    end

    it("receives in one process, works in another, and shows and mends what is there", function()
      local output, status = serve("examples/marketplace.lua --no-dispatch --metrics-port 0 --verbose", function(url)
        send("app_unavailable", "first", url)
        send("ping", "second", url)
        expect(0, "send --file " .. file "{" .. " --url " .. url, "200")
        expect(0, "inbox stats" .. inbox,
          "ready +2\nleased +0\ndone +0\ndead +1\n  invalid +1\noldest waits +%d+ s\nnext runs in +0 s")
      end)
      assert.equal(0, status, output)
      assert.matches("stopped reason=\"notifications still waiting for their callbacks: 2\"", output)
      expect(0, "inbox list --table --state ready" .. inbox,
        "^STATE +NEXT +AGE +TRIES +CODE +EVENT +APP +ID +REASON\n" ..
        "ready +now .*second +%-\nready +now .*app_unavailable +6740067890 +first +%-\n")
      local listed = cjson.decode(expect(0, "inbox list --event ping --since 1h" .. inbox))
      assert.same({ "second", nil, "ready" }, { listed.id, listed.key, listed.state })
      assert.matches("^%d+%-%d+%-%d+T", listed.received_at)
      expect(0, "inbox list --limit 1" .. inbox, "marketplace: only the first 1 are shown; %-%-limit shows more\n$")
      assert.is_nil(expect(0, "inbox list --limit 4" .. inbox):find("--limit", 1, true))
      expect(0, "inbox show first" .. inbox, '^id +first\nstate +ready\nnext +now\n.*"id":"first"')
      local verified_by = marketplace.fingerprint(SECRET)
      expect(0, "inbox show first" .. inbox, "verified_by  " .. verified_by)
      local shown = cjson.decode(expect(0, "inbox show first --json" .. inbox))
      assert.same({ "first", nil, verified_by }, { shown.id, shown.key, shown.verified_by })
      expect(1, "inbox show third" .. inbox, "no such notification: third")
      expect(1, "inbox replay first" .. inbox, "first is not replayed: it is ready already; to have it run now: ")
      expect(0, "inbox run first" .. inbox, "^first runs next\n")
      local worked = work("examples/marketplace.lua", '"id":"first"') -- due since it was told to run
      assert.matches('"message":"working"', worked)
      assert.matches("it works", worked)
      assert.matches('"message":"stopped".*status 0$', worked)
      expect(0, "inbox list --state done --before 0s --oldest" .. inbox, '"id":"first".*\n.*"id":"second"')
      expect(0, "inbox replay --dead" .. inbox, "^made ready again: 0\n") -- what is invalid stays dead
      expect(0, "inbox replay --done --event ping" .. inbox, "^made ready again: 1\nsecond runs next\n")
      expect(0, "inbox cancel second --reason enough" .. inbox, "^second is cancelled; ")
      assert.equal("enough", cjson.decode(expect(0, "inbox list --code cancelled" .. inbox)).reason)
      expect(0, "inbox replay --since 1h --json" .. inbox, '"ids":%["second"%],"replayed":1')
      expect(0, "inbox prune --bodies-before 0s --ids-before 11d --json" .. inbox, '{"bodies":1,"ids":0}')
      assert.equal(1, cjson.decode(expect(0, "inbox stats --json" .. inbox)).codes.invalid)
    end)

    it("gives up, after the last attempt, what ends its process, and runs what is beside it", function()
      local handlers = file [[return function(receiver)
        receiver:on("ping", function() os.exit(7) end)
        receiver:on("app_unavailable", function() print "the app is gone" end)
      end]]
      serve(handlers .. " --no-dispatch", function(url)
        send("ping", "poison", url)
        send("app_unavailable", "innocent", url)
      end)
      local box = assert(marketplace.inbox("sqlite:" .. folder .. "/inbox.db"))
      local arguments = handlers .. " --attempts 3 --lease 1"
      -- at once the first time; after that it waits
      for _ = 1, 2 do assert.matches("status 7$", work(arguments, "never")) end
      assert.matches("the app is gone", work(arguments, '"id":"innocent"'))
      assert.same({ "poison" }, box:run { id = "poison" })
      assert.matches("status 7$", work(arguments, "never"))
      assert.equal(1, box:recover { 0 })
      assert.matches("attempt 3 of 3 ended its process", work(arguments, "gave up"))
      assert.same({ "dead", "failed" }, { box:get("poison").state, box:get("poison").code })
      assert.equal("done", box:get("innocent").state)
      assert.equal(1, box:get("innocent").attempt)
      box:close()
    end)

    it("offers a worker's metrics on a port of their own", function()
      local word = "sqlite:" .. shell.run "mktemp -u"
      local command = shell.marketplace(("work examples/marketplace.lua --inbox %s --metrics-port 0"):format(word))
      local _, status = shell.with_server(command, function(url)
        local answer = assert(http.exchange { method = "GET", url = url })
        assert.equal(200, answer.status)
        assert.matches("marketplace_inbox_up 1", answer.body)
      end)
      shell.run("rm -f " .. word:gsub("^sqlite:", "") .. "*")
      assert.equal(0, status)
    end)

    it("offers metrics on a port of their own", function()
      local function status_of(method, address)
        return assert(http.exchange { method = method, url = address }).status
      end
      serve("examples/marketplace.lua --metrics-port 0", function(url, _, pipe)
        send("ping", "first", url)
        local metrics
        repeat metrics = assert(pipe:read "*l"):match "url=(%S+)" until metrics -- a long reason has lines of its own
        local answer = assert(http.exchange { method = "GET", url = metrics })
        local text = answer.body
        assert.equal(200, answer.status)
        assert.matches('marketplace_requests_total{outcome="stored",reason=""} 1', text)
        assert.matches("marketplace_inbox_up 1", text)
        assert.equal(404, status_of("GET", (metrics:gsub("/metrics", "/x"))))
        assert.equal(405, status_of("POST", metrics))
        assert.equal(404, status_of("GET", (url:gsub("/notifications", "/metrics"))))
      end)
    end)
  end)
end)
