local certificates = require "support.certificates"
local inbox = require "marketplace.inbox"
local postgres_server = require "support.postgres_server"
local shell = require "support.shell"

local VALID, EXPIRED = certificates.VALID, certificates.EXPIRED

describe("the PostgreSQL inbox over TLS #full", function()
  local server, other_folder

  setup(function()
    server = postgres_server.start_with_tls(VALID)
    other_folder = shell.run "mktemp -d"
    certificates.make(other_folder, VALID)
  end)

  teardown(function()
    server:remove()
    shell.run("rm -rf " .. other_folder)
  end)

  local function open(host, authority, of)
    return inbox.open(("postgres://postgres@%s:%d/postgres?sslmode=verify-full&sslrootcert=%s/ca.crt"):format(host,
      (of or server).port, authority))
  end

  local function expect_refusal(host, why, box, message, code)
    assert.is_nil(box)
    assert.equal(("cannot connect to PostgreSQL at %s: %s"):format(host, why), message)
    assert.equal("inbox_unavailable", code)
  end

  it("stores on a server whose certificate is verified", function()
    local box = assert(open("localhost", server.folder))
    assert.same({ "stored" }, box:put { { key = "a", digest = "d", body = "{}" } })
    assert.is_true(box.connection.link:run("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")[1].ssl)
    box:close()
  end)

  it("notices that the server has ended the session, before anything is sent", function()
    local box = assert(open("localhost", server.folder))
    local former = box.connection.link
    assert.is_true(former:is_alive())
    server:query(("SELECT pg_terminate_backend(%d, 30000)"):format(former:process()))
    assert.same({ "stored" }, box:put { { key = "b", digest = "d", body = "{}" } })
    assert.not_equal(former, box.connection.link)
    box:close()
  end)

  it("refuses a certificate of another authority", function()
    expect_refusal("localhost:" .. server.port, "SSL error: certificate verify failed",
      open("localhost", other_folder))
  end)

  it("refuses a certificate of another host", function()
    expect_refusal("127.0.0.1:" .. server.port,
      'server certificate for "localhost" (and 1 other name) does not match host name "127.0.0.1"',
      open("127.0.0.1", server.folder))
  end)

  it("refuses a certificate that has expired", function()
    local expired = postgres_server.start_with_tls(EXPIRED)
    local box, message, code = open("localhost", expired.folder, expired)
    local port = expired.port
    expired:remove()
    expect_refusal("localhost:" .. port, "SSL error: certificate verify failed", box, message, code)
  end)

  it("refuses a server without TLS", function()
    local plain = postgres_server.start()
    local box, message, code = open("localhost", other_folder, plain)
    local port = plain.port
    plain:remove()
    expect_refusal("localhost:" .. port, "server does not support SSL, but SSL was required", box, message, code)
  end)
end)
