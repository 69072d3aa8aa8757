local core = require "marketplace.core"
local reconnecting = require "marketplace.reconnecting"
local shell = require "support.shell"

-- marketplace.postgres is not needed: this is about what it is asked for.
describe("the PostgreSQL inbox connects", function()
  local asked, answers, former

  local connect_to = require "marketplace.inbox.postgres.connect"

  before_each(function()
    asked, answers = {}, {}
    former = package.loaded["marketplace.postgres"]
    package.loaded["marketplace.postgres"] = { connect = function(options)
      asked[#asked + 1] = options
      local answer = answers[#asked] or "refused"
      if type(answer) == "string" then return nil, answer .. " " .. #asked, "connect_failed" end
      return answer
    end }
  end)

  after_each(function() package.loaded["marketplace.postgres"] = former end)

  local function session()
    local made = { closed = false }
    function made.limit() end
    function made.close() made.closed = true end
    return made
  end

  local function connect(parameters, check)
    return pcall(connect_to, parameters, core.monotonic() + 3, check or function() end)
  end

  local function places()
    local list = {}
    for i, options in ipairs(asked) do
      local given = options.parameters
      list[i] = ("%s/%s:%s"):format(tostring(given.host), tostring(given.hostaddr), tostring(given.port))
    end
    return list
  end

  it("to one host after the other, each with its own port, and tells of all", function()
    local ok, failure = connect { host = "a,b,c", port = "1,2,3" }
    assert.is_false(ok)
    assert.same({ "a/nil:1", "b/nil:2", "c/nil:3" }, places())
    assert.equal("refused 1; refused 2; refused 3", failure.message)
  end)

  it("to each with the same port if there is one port", function()
    connect { host = "a,b", port = "5" }
    connect { hostaddr = "10.0.0.1,10.0.0.2" }
    assert.same({ "a/nil:5", "b/nil:5", "nil/10.0.0.1:nil", "nil/10.0.0.2:nil" }, places())
  end)

  it("where libpq would, if it is told nothing", function()
    connect {}
    assert.same({ "nil/nil:nil" }, places())
  end)

  it("in equal shares of the time that is left, or in less if the URL says so", function()
    connect { host = "a,b,c" }
    local shares = {}
    for i, options in ipairs(asked) do shares[i] = options.seconds end
    assert.is_true(shares[1] <= 1 and shares[1] > 0)
    assert.is_true(shares[2] >= shares[1] and shares[3] >= shares[2] and shares[3] <= 3)
    connect { host = "a", connect_timeout = "1" }
    assert.equal(1, asked[4].seconds)
    connect { host = "a", connect_timeout = "0" }
    assert.is_true(asked[5].seconds > 1)
  end)

  it("in UTF-8, with keepalives, which the URL can set, and with all else that the URL says", function()
    connect { host = "a", keepalives_idle = "77", client_encoding = "LATIN1", sslmode = "verify-full" }
    local given = asked[1].parameters
    assert.same({ "UTF8", "1", "77", "verify-full" },
      { given.client_encoding, given.keepalives, given.keepalives_idle, given.sslmode })
    for _, name in ipairs { "keepalives_interval", "keepalives_count", "tcp_user_timeout" } do
      assert.is_true(tonumber(given[name]) > 0)
    end
  end)

  it("to the next host if a server does not suit, whose connection it closes", function()
    local first, second = session(), session()
    answers = { first, second }
    local ok, link = connect({ host = "a,b" }, function(link)
      if link.session == first then reconnecting.fail "does not suit" end
    end)
    assert.is_true(ok)
    assert.equal(second, link.session)
    assert.same({ true, false }, { first.closed, second.closed })
    answers, asked = { session(), "refused" }, {}
    local _, failure = connect({ host = "a,b" }, function() reconnecting.fail "does not suit" end)
    assert.equal("does not suit; refused 2", failure.message)
  end)

  describe("with a password file", function()
    local path

    before_each(function() path = shell.file "*:*:*:*:secret" end)
    after_each(function() os.remove(path) end)

    local function problem_with(mode, more)
      shell.run(("chmod %s %s"):format(mode, path))
      local parameters = { host = "a", passfile = path }
      for name, value in pairs(more or {}) do parameters[name] = value end
      local _, failure = connect(parameters)
      return failure.message
    end

    it("that others can reach, without naming it to libpq, which would write to stderr, and says so", function()
      for _, mode in ipairs { "640", "604", "620" } do
        assert.equal(("refused %d; the password file is not read, as others can reach it: chmod 600 %s")
          :format(#asked + 1, path), problem_with(mode))
        assert.is_nil(io.open(asked[#asked].parameters.passfile))
      end
    end)

    it("that is its owner's alone, or that is not needed, as it is", function()
      assert.equal("refused 1", problem_with "600")
      assert.equal("refused 2", problem_with("644", { password = "known" }))
      for _, options in ipairs(asked) do assert.equal(path, options.parameters.passfile) end
    end)
  end)

  it("nowhere without the module, and says what to install", function()
    package.loaded["marketplace.postgres"] = nil
    package.preload["marketplace.postgres"] = function() error "not here" end
    finally(function() package.preload["marketplace.postgres"] = nil end)
    local _, failure = connect { host = "a" }
    assert.equal("an inbox in PostgreSQL needs marketplace.postgres: luarocks install lua-marketplace-postgres",
      failure.message)
  end)
end)
