local certificates = require "support.certificates"
local expect_unavailable = require "support.unavailable"
local inbox = require "marketplace.inbox"
local name_server = require "support.name_server"
local nginx_inbox = require "support.nginx_inbox"
local once_available = require "support.once_available"
local redis_server = require "support.redis_server"
local shell = require "support.shell"

local record = require("support.shared_inbox").record

local VALID, EXPIRED = certificates.VALID, certificates.EXPIRED

describe("the Redis inbox over TLS #full", function()
  local folder, other_folder, server, port

  setup(function()
    server, other_folder = redis_server.start_with_tls(VALID), shell.run "mktemp -d"
    folder, port = server.folder, server.tls_port
    certificates.make(other_folder, VALID)
  end)

  teardown(function()
    server:remove()
    shell.run("rm -rf " .. other_folder)
  end)

  local function url_of(host, tls_port, query)
    return ("rediss://%s:%d%s"):format(host, tls_port, query or "")
  end

  local function trusting(authority) return ("?timeout=30&ca=%s/ca.crt"):format(authority) end

  local function expect_refusal(host, tls_port, why, query)
    local box, message, code = inbox.open(url_of(host, tls_port, query))
    assert.is_nil(box)
    assert.equal(("cannot connect to Redis at %s:%d: %s"):format(host, tls_port, why), message)
    assert.equal("inbox_unavailable", code)
  end

  it("stores on a server whose certificate is verified, also what is large", function()
    local box = assert(inbox.open(url_of("localhost", port, trusting(folder))))
    local body = ("0123456789"):rep(300000)
    assert.same({ "stored" }, box:put { record("a", { body = body }) })
    assert.equal(body, box:claim(1, 60)[1].body)
    server:query "CLIENT KILL TYPE normal"
    assert.same({ "duplicate" }, box:put { record "a" })
    box:close()
  end)

  it("takes the system's authorities, or those of SSL_CERT_FILE, if it is told of none", function()
    expect_refusal("localhost", port, "certificate verify failed: self-signed certificate in certificate chain",
      "?timeout=30")
    local script = shell.file(([[
      local box = assert(require("marketplace.inbox").open "%s")
      print(box:counts().ready)
    ]]):format(url_of("localhost", port, "?prefix=other")))
    local output = shell.capture(("SSL_CERT_FILE=%s/ca.crt %s %s"):format(folder, shell.LUA, script))
    os.remove(script)
    assert.equal("0\n", output)
  end)

  it("refuses a certificate of another authority", function()
    expect_refusal("localhost", port, "certificate verify failed: self-signed certificate in certificate chain",
      trusting(other_folder))
  end)

  it("refuses a certificate of another host", function()
    expect_refusal("127.0.0.1", port, "certificate verify failed: IP address mismatch", trusting(folder))
    local other_name = shell.run "hostname"
    expect_refusal(other_name, port, "certificate verify failed: hostname mismatch", trusting(folder))
  end)

  it("refuses a certificate that has expired, also if it does so while the inbox is open", function()
    local brief = redis_server.start_with_tls(VALID)
    finally(function() brief:remove() end)
    local box = assert(inbox.open(url_of("localhost", brief.tls_port, trusting(brief.folder))))
    assert.same({ "stored" }, box:put { record "a" })
    brief:renew_certificate(EXPIRED)
    brief:query "CLIENT KILL TYPE normal"
    expect_unavailable("^cannot connect to Redis at localhost:%d+: certificate verify failed: certificate has expired$",
      box:put { record "b" })
    brief:renew_certificate(VALID)
    assert.same({ "duplicate", "stored" }, once_available(function() return box:put { record "a", record "b" } end))
    box:close()
  end)

  it("refuses a server without TLS, which says nothing, or no TLS", function()
    local box, message, code = inbox.open(url_of("localhost", server.port, "?timeout=0.2"))
    expect_unavailable("^cannot connect to Redis at localhost:%d+: ", box, message, code)
  end)

  it("has a certificate of its own, if the server asks for one", function()
    local strict = redis_server.start_with_tls(VALID, "--tls-auth-clients yes")
    finally(function() strict:remove() end)
    local authority = trusting(strict.folder)
    local query = ("%s&cert=%s/server.crt&key=%s/server.key"):format(authority, strict.folder, strict.folder)
    local box = assert(inbox.open(url_of("localhost", strict.tls_port, query)))
    assert.same({ "stored" }, box:put { record "a" })
    box:close()
    local without, message, code = inbox.open(url_of("localhost", strict.tls_port, authority))
    expect_unavailable("^Redis at localhost:%d+: TLS: .*alert certificate required$", without, message, code)
  end)

  it("names the file that it cannot use", function()
    expect_refusal("localhost", port, "the authorities' certificates /none: No such file or directory",
      "?ca=/none&timeout=30")
    local function expect_key_refused(key, why)
      local query = ("%s&cert=%s/server.crt&key=%s"):format(trusting(folder), folder, key)
      local box, message, code = inbox.open(url_of("localhost", port, query))
      expect_unavailable("^cannot connect to Redis at localhost:%d+: the client's key " .. key .. ": " .. why, box,
        message, code)
    end
    expect_key_refused("/none", "No such file or directory$")
    expect_key_refused(folder .. "/ca.key", "key values mismatch$")
    local locked = folder .. "/locked.key"
    shell.run(("openssl ec -in %s/server.key -aes128 -passout pass:hunter2 -out %s 2>/dev/null"):format(folder, locked))
    expect_key_refused(locked, "")
  end)

  it("does not wait longer than it was told for a server that says nothing", function()
    server:freeze()
    finally(function() server:thaw() end)
    local box, message, code = inbox.open(url_of("localhost", port, "?timeout=0.2"))
    expect_unavailable("Redis at localhost:%d+: no answer within 0.2 s$", box, message, code)
  end)

  describe("inside nginx", function()
    local nginx, names

    setup(function() names = name_server.start() end)
    teardown(function() names:stop() end)

    after_each(function()
      if nginx then nginx:stop() end
      nginx = nil
    end)

    -- `of`: the folder that <f> stands for, default the server's
    local function open(url, http, of)
      http = ("resolver 127.0.0.1:%d; %s"):format(names.port, http or "")
      nginx = nginx_inbox.start { http = http:gsub("<f>", of or folder) }
      return nginx_inbox.open(nginx, url)
    end

    -- It depends on how fast the server answers what nginx says.
    local function expect_untrusted(why, result, message, code)
      expect_unavailable("^cannot connect to Redis at [%w.]+:%d+: ", result, message, code)
      local said = message:match "^cannot connect to Redis at [%w.]+:%d+: (.*)$"
      if said ~= "certificate verify failed: nginx's error log has the reason" then assert.equal(why, said) end
    end

    it("stores on a server whose certificate is verified, and asks it for a connection only once", function()
      local box = assert(open(url_of("localhost", port), "lua_ssl_trusted_certificate <f>/ca.crt;"))
      local body = ("0123456789"):rep(100000)
      assert.same({ "stored" }, box:put { record("nginx", { body = body }) })
      assert.equal(body, box:get("nginx").body)
      assert.same({ "duplicate" }, box:put { record "nginx" })
      assert.equal(1, select(2, server:query("CLIENT LIST"):gsub("laddr=127.0.0.1:" .. port, "")))
    end)

    it("has the certificate of its own that nginx is told of", function()
      local strict = redis_server.start_with_tls(VALID, "--tls-auth-clients yes")
      finally(function() strict:remove() end)
      local box = assert(open(url_of("localhost", strict.tls_port), "lua_ssl_trusted_certificate <f>/ca.crt; " ..
        "lua_ssl_conf_command Certificate <f>/server.crt; lua_ssl_conf_command PrivateKey <f>/server.key;",
        strict.folder))
      assert.same({ "stored" }, box:put { record "a" })
    end)

    it("refuses a certificate that has expired", function()
      local expired = redis_server.start_with_tls(EXPIRED)
      finally(function() expired:remove() end)
      local box = assert(open(url_of("localhost", expired.tls_port), "lua_ssl_trusted_certificate <f>/ca.crt;",
        expired.folder))
      expect_untrusted("10: certificate has expired", box:counts())
    end)

    it("refuses files in the URL, which are for nginx's configuration", function()
      local box, message, code = open(url_of("localhost", port, trusting(folder)))
      expect_unavailable("write lua_ssl_trusted_certificate FILE;", box, message, code)
    end)

    it("refuses an authority that nginx is not told of, and says what to write", function()
      local box = assert(open(url_of("127.0.0.1", port)))
      expect_untrusted("19: self-signed certificate in certificate chain: write lua_ssl_trusted_certificate FILE; " ..
        "in nginx's http", box:counts())
      assert.is_truthy(nginx:error_log():find("certificate verify error: (19:", 1, true))
    end)

    it("refuses a certificate of another host", function()
      local box = assert(open(url_of("127.0.0.1", port), "lua_ssl_trusted_certificate <f>/ca.crt;"))
      expect_untrusted("certificate host mismatch", box:counts())
    end)
  end)
end)
