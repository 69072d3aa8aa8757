-- The command, as a child process.
local cjson = require "cjson"
local marketplace = require "marketplace"
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
    expect(0, "--help", "serve")
    for _, name in ipairs { "serve", "send", "sign", "verify", "explain" } do
      expect(0, name .. " --help", "Usage: marketplace " .. name)
    end
  end)

  it("runs by a symbolic link", function()
    local link = os.tmpname()
    expect(0, "--version")
    assert.equal(0, select(2, shell.capture(("ln -sf \"$PWD/bin/marketplace\" %s"):format(link))))
    local output, status = shell.capture(("cd / && %s %s --version"):format(shell.LUA, link))
    os.remove(link)
    assert.equal(0, status, output)
  end)

  it("ends with 2 and the usage where it is used wrongly", function()
    for _, arguments in ipairs {
      "", "nonsense", "sign --nonsense", "verify", "explain", "serve", "send", "send ping --timeout soon",
      "send ping --timeout 0", "send nonsense", "send ping --generation 1", "send ping --generation 3",
      "send ping --id 'a b'", "send ping --file /dev/null", "serve x.lua --port 70000", "serve x.lua --port http",
      "serve x.lua --max-body 0", "serve x.lua --max-connections 0", "serve x.lua --path nowhere",
      "serve x.lua --tls-cert x",
    } do
      local output = expect(2, arguments, "Usage: marketplace")
      assert.is_nil(output:find("traceback", 1, true), output)
    end
  end)

  it("ends with 1 and a reason where there is no secret", function()
    expect(1, "sign /dev/null", "set MARKETPLACE_SECRET, or give %-%-secret%-file", NO_SECRET)
    expect(1, "sign /dev/null", "without a comma", "MARKETPLACE_SECRET=a,b")
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
    local output = expect(1, ("explain --signature %s %s"):format(signature, path), "body_trailing_newline: ")
    assert.is_nil(output:find(SECRET, 1, true))
    expect(1, ("explain --signature '%s' %s"):format(signature:upper(), path), "header_upper_case: ")
    expect(0, ("explain --signature %s %s"):format(marketplace.sign(SECRET, "the body\n"), path), "^valid")
    local answer = cjson.decode(expect(1, ("explain --json --signature %s %s"):format(signature, path)))
    assert.equal("body_trailing_newline", answer.findings[1].cause)
    assert.equal(1, answer.secret)
  end)

  it("lists and prints samples without sending them", function()
    expect(0, "send --list", "versions_restored", NO_SECRET)
    local n = marketplace.parse((expect(0, "send app_unavailable --print --id mine --generation 2"):gsub("\n$", "")))
    assert.equal("mine", n.id)
    assert.equal(2, n.generation)
  end)

  it("ends with 1 where nobody listens", function()
    expect(1, "send ping --url http://127.0.0.1:1/notifications", "127.0.0.1")
  end)

  it("does not start with what cannot work", function()
    expect(1, "serve /nowhere/at/all.lua --port 0", "/nowhere/at/all.lua")
    expect(1, "serve " .. file "return 5" .. " --port 0", "must return function%(receiver%), not a number")
    expect(1, "serve " .. file "syntax error" .. " --port 0", "near 'error'")
    expect(1, "serve " .. file "error 'at once'" .. " --port 0", "at once")
    expect(1, "serve " .. file "return function(r) r:on('app_gone', print) end" .. " --port 0", "unknown event")
    expect(1, "serve examples/marketplace.lua --port 0 --inbox paper:x", "known: memory")
    expect(1, "serve examples/marketplace.lua --port 0 --tls-cert /dev/null --tls-key /dev/null", "certificate")
    expect(1, "serve examples/marketplace.lua --port 0 --host 192.0.2.1", "192.0.2.1")
  end)

  describe("serve", function()
    local function serve(arguments, use, environment)
      return shell.with_server(shell.marketplace("serve examples/marketplace.lua --port 0 " .. arguments,
        "env " .. (environment or ENVIRONMENT)), use)
    end

    it("receives, runs, reports, and ends with 0 on SIGTERM", function()
      local output, status = serve("", function(url)
        expect(0, "send app_unavailable --id first --url " .. url, "200")
        expect(0, "send app_unavailable --id first --file " .. file(samples.body("ping", { id = "second" })) ..
          " --url " .. url .. " || true")
        expect(1, "send ping --signature hmacsha256=00 --url " .. url, "401")
        expect(1, "send ping --url " .. url:gsub("/notifications", "/elsewhere"), "404")
      end)
      assert.equal(0, status, output)
      assert.matches("done +event=app_unavailable app=6740067890 id=first", output)
      assert.matches("refused .*401.*hmacsha256=", output)
      assert.matches("not found .*notifications go to /notifications", output)
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
      assert.equal("memory inbox stored done stopped", table.concat(messages, " "))
      assert.matches("it works", output)
    end)

    it("rereads its secrets on SIGHUP, and keeps the old ones where it cannot", function()
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
        wait_for(pipe, "secrets")
        expect(0, send "new", "200")
        os.remove(secrets)
        os.execute("kill -HUP " .. pid)
        wait_for(pipe, "secret")
        expect(0, send "new", "200")
      end, NO_SECRET:gsub("env ", ""))
      assert.equal(0, status, output)
    end)
  end)
end)
