local core = require "marketplace.core"
local credentials = require "marketplace.cli.support.credentials"
local shell = require "support.shell"

describe("the command's credentials", function()
  local folder, config, environment
  local getenv = os.getenv

  before_each(function()
    folder = shell.run "mktemp -d"
    config = folder .. "/config"
    environment = {}
    rawset(os, "getenv", function(name) return environment[name] end)
  end)

  after_each(function()
    rawset(os, "getenv", getenv)
    package.loaded["marketplace.client"] = nil
    shell.run("rm -rf " .. folder)
  end)

  local function write(text)
    assert(core.replace_file(config, text))
    return config
  end

  local function refused(text)
    local settings, message = credentials.settings { config = write(text) }
    assert.is_nil(settings)
    return message
  end

  it("are options, over the environment, over the config file", function()
    write "key_file = k.p8\nkey_id = from config\nissuer_id=i1\napi_url = https://config.example\nca_file = /ca.pem\n"
    environment.MARKETPLACE_CONFIG = config
    assert.same({ key_file = folder .. "/k.p8", key_id = "from config", issuer_id = "i1",
      api_url = "https://config.example", ca_file = "/ca.pem" }, credentials.settings {})
    environment.MARKETPLACE_KEY_FILE, environment.MARKETPLACE_KEY_ID = "relative.p8", "from environment"
    environment.MARKETPLACE_ISSUER_ID, environment.MARKETPLACE_API_URL = "", "https://environment.example"
    assert.same({ key_file = "relative.p8", key_id = "option", issuer_id = "i1",
      api_url = "https://environment.example", ca_file = "other.pem" },
      credentials.settings { key_id = "option", ca_file = "other.pem" })
  end)

  it("say once whose the key is", function()
    write "individual = true\n"
    assert.same({ individual = true }, credentials.settings { config = config })
    environment.MARKETPLACE_ISSUER_ID = "i2"
    assert.same({ issuer_id = "i2" }, credentials.settings { config = config })
    assert.same({ individual = true }, credentials.settings { individual = true })
    assert.same({ issuer_id = "i3" }, credentials.settings { config = config, issuer_id = "i3" })
    environment.MARKETPLACE_ISSUER_ID = nil
    write "individual = false\nissuer_id = i4\n"
    assert.same({ issuer_id = "i4" }, credentials.settings { config = config })
  end)

  it("are those of ~/.config/marketplace/config if nothing else is named", function()
    environment.HOME = folder
    assert.same({}, credentials.settings {})
    shell.run(("mkdir -p %s/.config/marketplace"):format(folder))
    assert(core.replace_file(folder .. "/.config/marketplace/config", "key_id = home\n"))
    assert.same({ key_id = "home" }, credentials.settings {})
    assert.same({ key_id = "other" }, credentials.settings { config = write "key_id = other\n" })
  end)

  it("are those of /etc/marketplace/config if the user has none", function()
    environment.HOME = folder
    local reads = {
      stub(core, "file_id", function(path) return path == "/etc/marketplace/config" and "1:1" or nil end),
      stub(core, "stat", function() return { uid = 0, gid = 7, mode = 416 } end), -- 0640
      stub(core, "read_file", function() return "key_id = system\n" end),
    }
    finally(function() for _, one in ipairs(reads) do one:revert() end end)
    local settings, path = require("marketplace.cli.support.config").read {}
    assert.same({ key_id = "system" }, settings)
    assert.equal("/etc/marketplace/config", path)
  end)

  it("may have comments, white space, a byte order mark and the line ends of editors", function()
    write "\239\187\191# key_id = a\r\n\r\n  key_id  =  a b # c  \r\n\tissuer_id=1=2"
    assert.same({ key_id = "a b # c", issuer_id = "1=2" }, credentials.settings { config = config })
    assert.same({}, credentials.settings { config = write "" })
  end)

  it("are refused if a line is wrong, with its number", function()
    assert.equal(config .. ":2: unknown setting 'secret'; known: key_file, key_id, issuer_id, individual, " ..
      "api_url, ca_file, inbox, attempts, keep, packages, " ..
      "alert_command, alert_state, alert_age", refused "# x\nsecret = hunter2\n")
    assert.equal(config .. ":1: a line must be name = value", refused "hunter2\n")
    assert.equal(config .. ":3: key_id is set twice", refused "key_id = a\n\nkey_id = b\n")
    assert.equal(config .. ":2: individual is set twice", refused "individual = false\nindividual = true\n")
    assert.equal(config .. ":1: key_id has no value", refused "key_id =\n")
    assert.equal(config .. ":1: individual must be true or false", refused "individual = yes\n")
  end)

  it("are refused if others could have read or written them", function()
    write "key_id = a\n"
    for _, mode in ipairs { "640", "604", "620", "602" } do
      shell.run(("chmod %s %s"):format(mode, config))
      local settings, message = credentials.settings { config = config }
      assert.is_nil(settings)
      assert.equal("others can read or write the config file: chmod 600 " .. config, message)
    end
    shell.run("chmod 400 " .. config)
    assert.same({ key_id = "a" }, credentials.settings { config = config })
  end)

  it("may be root's, and be read by the group that root gave them", function()
    write "key_id = a\n"
    local function of_root(mode)
      local read = stub(core, "stat", function() return { uid = 0, gid = 7, mode = tonumber(mode, 8) } end)
      local settings = credentials.settings { config = config }
      read:revert()
      return settings
    end
    assert.same({ key_id = "a" }, of_root "640")
    for _, mode in ipairs { "660", "644", "642" } do assert.is_nil(of_root(mode)) end
  end)

  it("are refused if they are another user's", function()
    local file, owner = write "key_id = a\n", core.user_id()
    if owner == 0 then
      owner = 1234
      shell.run(("chown %d %s"):format(owner, file))
    else -- who is not root cannot give a file away, and becomes another
      local me = stub(core, "user_id").returns(owner + 1)
      finally(function() me:revert() end)
    end
    assert.matches(("belongs to another user %%(uid %d%%)"):format(owner),
      (select(2, credentials.settings { config = config })))
  end)

  it("that are named must be there", function()
    assert.matches("the config file cannot be used: /nowhere/at/all: No such file",
      (select(2, credentials.settings { config = "/nowhere/at/all" })))
    assert.matches("cannot be read", (select(2, credentials.settings { config = folder })))
  end)

  describe("make a client", function()
    local given

    local function parsed(more)
      local all = { command = "webhooks", key_file = "k", key_id = "a", issuer_id = "b" }
      for name, value in pairs(more or {}) do all[name] = value end
      return all
    end

    before_each(function()
      package.loaded["marketplace.client"] = {
        new = function(options)
          given = options
          if options.key_file == "bad" then return nil, "the key is not PEM", "key_invalid" end
          if options.base_url == "bad" then error("marketplace.client: option 'base_url' is no URL", 0) end
          return { is_client = true }
        end,
      }
    end)

    it("with what they are", function()
      assert.is_true(credentials.client(parsed { api_url = "https://x", timeout = "5" }).is_client)
      assert.is_function(given.log)
      given.log = nil
      assert.same({ key_file = "k", key_id = "a", issuer_id = "b", base_url = "https://x", timeout = 5 }, given)
    end)

    it("or say what is missing or wrong", function()
      local function expect(status, pattern, options)
        local client, got, message = credentials.client(options)
        assert.is_nil(client)
        assert.equal(status, got)
        assert.is_truthy(message:find(pattern, 1, true), message)
      end
      expect(2,
        "--key-file is missing, and neither MARKETPLACE_KEY_FILE nor key_file in the config file is set",
        { command = "webhooks" })
      expect(2, "--key-id is missing", { command = "webhooks", key_file = "k" })
      expect(2, "--issuer-id is missing", { command = "webhooks", key_file = "k", key_id = "a" })
      expect(2, "a team's, with --issuer-id, or an individual's", parsed { individual = true })
      expect(2, "--timeout must be a number", parsed { timeout = "soon" })
      expect(2, "--timeout must be a number", parsed { timeout = "0" })
      expect(2, "--api-url", parsed { api_url = "bad" })
      expect(1, "the key is not PEM", parsed { key_file = "bad" })
      expect(1, "cannot be used", parsed { config = "/nowhere/at/all" })
    end)
  end)
end)

describe("marketplace token", function()
  it("takes its key from a config file", function()
    local folder = shell.run "mktemp -d"
    shell.run(("openssl ecparam -name prime256v1 -genkey -noout -out %s/k.pem"):format(folder))
    assert(core.replace_file(folder .. "/config", "key_file = k.pem\nkey_id = a\nissuer_id = b\n"))
    local environment = ("env -i HOME=/nowhere PATH=\"$PATH\" LUA_PATH='%s' LUA_CPATH='%s'"):format(package.path,
      package.cpath)
    local function token(arguments) return shell.marketplace("token " .. arguments, environment) end
    assert.matches("^[%w_-]+%.[%w_-]+%.[%w_-]+$", shell.run(token("--config " .. folder .. "/config")))
    local output, status = shell.capture(token "")
    assert.equal(2, status)
    assert.matches("token: %-%-key%-file is missing, and neither MARKETPLACE_KEY_FILE", output)
    shell.run(("chmod 644 %s/config"):format(folder))
    output, status = shell.capture(token("--config " .. folder .. "/config"))
    assert.equal(1, status)
    assert.matches("chmod 600 " .. folder, output)
    shell.run("rm -rf " .. folder)
  end)
end)
