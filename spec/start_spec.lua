-- What serve and work do before they run: what keeps them from it leaves nothing behind, and what others can read that
-- they should not is told.
local cjson = require "cjson"
local core = require "marketplace.core"
local shell = require "support.shell"
local socket = require "socket"

describe("at their start", function()
  local folder

  before_each(function()
    folder = shell.run "mktemp -d"
    shell.run(("printf 'return function() end' > %s/handlers.lua; printf 'secret\n' > %s/secrets; chmod 600 %s/*")
      :format(folder, folder, folder))
  end)
  after_each(function() shell.run("rm -rf " .. folder) end)

  local function write(name, text)
    local file = assert(io.open(folder .. "/" .. name, "w"))
    file:write(text)
    file:close()
  end

  local function listed() return shell.run("ls -A " .. folder) end

  -- A command in the folder, with a umask that takes nothing away.
  local function command(arguments)
    return ("env -C %s -u MARKETPLACE_SECRET sh -c 'umask 000; exec \"$@\"' sh %s %s/bin/marketplace %s"):format(folder,
      shell.LUA, shell.run "pwd", arguments)
  end

  local function expect_failure(arguments, pattern)
    local before = listed()
    local output, status = shell.capture(command(arguments))
    assert.equal(1, status, output)
    assert.matches(pattern, output)
    assert.equal(before, listed())
  end

  local SERVE = "serve handlers.lua --port 0 --secret-file secrets"

  describe("serve and work leave no inbox behind", function()
    local HANDLERS = {
      ["return return"] = "handlers.lua:1:", ["error 'no settings'"] = "no settings", ["return 1"] = "returns a number",
      ["return function() error 'no database' end"] = "no database",
      ["return function() return nil, 'no database' end"] = "no database",
    }

    it("if the handlers file fails", function()
      for text, pattern in pairs(HANDLERS) do
        write("handlers.lua", text)
        expect_failure(SERVE, pattern)
        expect_failure("work handlers.lua", pattern)
      end
      os.remove(folder .. "/handlers.lua")
      expect_failure(SERVE, "handlers.lua: No such file")
      expect_failure("work handlers.lua", "handlers.lua: No such file")
    end)

    it("if they cannot listen", function()
      local taken = assert(socket.bind("127.0.0.1", 0))
      finally(function() taken:close() end)
      local _, port = taken:getsockname()
      expect_failure(("serve handlers.lua --secret-file secrets --port %d"):format(port), "already in use")
      expect_failure(SERVE .. " --metrics-port " .. port, "already in use")
      expect_failure("work handlers.lua --metrics-port " .. port, "already in use")
    end)

    it("if a file that serve is given cannot be used", function()
      expect_failure("serve handlers.lua --port 0 --secret-file none", "the secret file cannot be read: none")
      write("empty", "")
      expect_failure("serve handlers.lua --port 0 --secret-file empty", "holds no secret")
      expect_failure(SERVE .. " --tls-cert none --tls-key none", "cannot read none")
      expect_failure(SERVE .. " --tls-cert secrets --tls-key secrets", "certificate")
      expect_failure(SERVE .. " --pid-file none/pid", "cannot make none/pid: there is no folder none: make it")
      expect_failure(SERVE .. " --inbox sqlite:none/inbox.db", "none/inbox.db.*the inbox is set by %-%-inbox")
      expect_failure("work handlers.lua --inbox sqlite:none/inbox.db", "none/inbox.db.*set by %-%-inbox")
      expect_failure(SERVE .. " --pid-file pid --inbox sqlite:none/inbox.db", "none/inbox.db")
    end)
  end)

  -- What a command warns of at its start.
  local function warnings(arguments)
    local found = {}
    shell.with_server(command(arguments .. " --json"), function(_, _, _, before)
      for _, line in ipairs(before) do
        local entry = cjson.decode(line)
        if entry.message == "advice" then found[#found + 1] = entry.reason end
      end
    end)
    return found
  end

  local WORK = "work handlers.lua --metrics-port 0"

  describe("serve and work warn", function()
    it("of nothing if all is as they make it, whatever the umask", function()
      for _, arguments in ipairs { SERVE, WORK, SERVE, WORK } do assert.same({}, warnings(arguments)) end
    end)

    it("of an inbox that others can read or change", function()
      warnings(SERVE)
      for mode, doing in pairs { ["0640"] = "read", ["0620"] = "change", ["0606"] = "read and change" } do
        shell.run(("chmod %s %s/marketplace.db"):format(mode, folder))
        for _, arguments in ipairs { SERVE, WORK } do
          local told = warnings(arguments)
          assert.equal(1, #told)
          assert.matches(("^others can %s %%S+/marketplace.db %%(mode %s%%), %%S+/marketplace.db%%-wal " ..
          "%%(mode %s%%), .*: chmod 600 %%S+/marketplace.db %%S+/marketplace.db%%-wal"):format(doing, mode, mode),
          told[1])
        end
      end
    end)

    it("of each of its files, and no longer once their mode was mended as they say", function()
      warnings(SERVE)
      shell.run(("chmod 604 %s/marketplace.db-holders"):format(folder))
      local path = core.real_path(folder) .. "/marketplace.db-holders"
      assert.same({ ("others can read %s (mode 0604): chmod 600 %s"):format(path, path) }, warnings(WORK))
      shell.run("chmod 600 " .. path)
      assert.same({}, warnings(WORK))
    end)

    it("of white space and quotes around a secret", function()
      shell.run(("echo '\"a secret\" ' > %s/odd && chmod 600 %s/odd"):format(folder, folder))
      local THEN = ", unless App Store Connect was given the same"
      assert.same({
        "the secret in odd ends with white space: remove it" .. THEN,
        "the secret in odd is in quotes: remove them" .. THEN,
      }, warnings(SERVE .. " --secret-file odd"))
    end)

    it("of a secret file and a TLS key that others can read, again if the secrets are reread", function()
      shell.run(("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -days 2 " ..
        "-keyout %s/key.pem -out %s/cert.pem && cd %s && chmod 644 key.pem && chmod 640 secrets"):format(folder, folder,
        folder))
      assert.same({
        "others can read key.pem (mode 0644): chmod 600 key.pem",
        "others can read secrets (mode 0640): chmod 600 secrets",
      }, warnings(SERVE .. " --tls-cert cert.pem --tls-key key.pem"))
      shell.with_server(command(SERVE), function(_, pid, pipe)
        shell.run("kill -HUP " .. pid)
        local line
        repeat line = assert(pipe:read "*l") until line:find " advice "
        assert.matches("warning advice reason=\"others can read secrets %(mode 0640%): chmod 600 secrets\"", line)
      end)
    end)
  end)

  it("commands warn of a secret file that others can read", function()
    write("body", "{}")
    shell.run(("chmod 660 %s/secrets"):format(folder))
    for _, arguments in ipairs {
      "sign --secret-file secrets body", "send ping --secret-file secrets --url http://127.0.0.1:1/ --timeout 1",
      "explain --secret-file secrets --signature x body", "verify --secret-file secrets --signature x body",
    } do
      assert.matches("marketplace: warning: others can read and change secrets %(mode 0660%): chmod 600 secrets\n",
        (shell.capture(command(arguments))))
    end
  end)
end)
