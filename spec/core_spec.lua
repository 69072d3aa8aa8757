local core = require "marketplace.core"
local shell = require "support.shell"

describe("core.parse_time", function()
  it("gives seconds since the epoch, with the fraction, whatever the offset", function()
    assert.equal(0, core.parse_time "1970-01-01T00:00:00Z")
    assert.equal(1769860800.25, core.parse_time "2026-01-31T12:00:00.250Z")
    assert.equal(1769860800, core.parse_time "2026-01-31T04:00:00-08:00")
    assert.is_nil(core.parse_time "yesterday")
  end)
end)

describe("core.format_time", function()
  it("writes milliseconds, whole ones, and what was read as it was", function()
    assert.equal("2026-03-14T09:26:53.250Z", core.format_time(1773480413.25))
    assert.equal("2026-03-14T09:26:53.999Z", core.format_time(1773480413.9996))
    assert.equal("1969-12-31T23:59:58.500Z", core.format_time(-1.5))
    assert.equal("1969-12-31T23:59:59.999Z", core.format_time(-0.0005))
    for millisecond = 0, 999 do
      local written = ("2026-03-14T09:26:53.%03dZ"):format(millisecond)
      assert.equal(written, core.format_time(core.parse_time(written)))
    end
  end)

  it("keeps to the years that can be written", function()
    for _, time in ipairs { 253402300800, 1e18, math.huge } do
      assert.equal("9999-12-31T23:59:59.999Z", core.format_time(time))
      assert.equal("0001-01-01T00:00:00.000Z", core.format_time(-time))
    end
    assert.error_matches(function() core.format_time(0 / 0) end, "NaN")
  end)
end)

describe("the modules in C", function()
  it("stay in memory if the Lua state that required them ends", function()
    local script = shell.file [[
      local names = { "core.so", "http_server.so", "postgres.so", "redis.so", "sqlite.so" }
      for _, name in ipairs(names) do require("marketplace." .. name:gsub(".so$", "")) end
      -- what a state closes its libraries with when it ends
      for key, value in pairs(debug.getregistry()) do
        local meta = debug.getmetatable(value)
        local has_libraries = type(value) == "table" or type(key) == "string" and key:find "^LOADLIB: "
        if has_libraries and meta and meta.__gc then meta.__gc(value) end
      end
      local maps = io.open("/proc/self/maps"):read "*a"
      for _, name in ipairs(names) do
        if maps:find("/marketplace/" .. name, 1, true) then io.write(name, " ") end
      end
      os.exit(0)
    ]]
    assert.equal("core.so http_server.so postgres.so redis.so sqlite.so ", (shell.capture(shell.LUA .. " " .. script)))
    os.remove(script)
  end)
end)

describe("a process that was forked off", function()
  it("can use neither the server nor the exchanges of its parent, and closes them without harm", function()
    local script = shell.file [[
      local core, server = require "marketplace.core", assert(require("marketplace.http_server").open {})
      local _, port = server:address()
      local exchange = assert(core.http_start { method = "GET", url = "http://127.0.0.1:" .. port .. "/" })
      core.http_poll(0)
      if os.getenv "FORK" == "child" then
        for _, object in ipairs { server, exchange } do
          io.write(select(2, pcall(object.poll or object.done, object, 0)):match "the [%w ]+process", ". ")
          object:close()
        end
        os.exit(0)
      end
      local requests
      repeat requests = server:poll(1) core.http_poll(0) until requests[1]
      server:answer(requests, { { status = 204 } })
      repeat core.http_poll(1) until exchange:done()
      io.write(exchange:result(), "")
    ]]
    local output = shell.capture(("LD_PRELOAD=build/test/forks.so timeout 60 %s %s"):format(shell.LUA, script))
    os.remove(script)
    assert.equal("the server belongs to the parent process. the exchange belongs to another process. 204", output)
  end)
end)

describe("core.limits", function()
  it("are those that the core keeps to", function()
    local limits = core.limits
    local secrets = {}
    for i = 1, limits.secrets do secrets[i] = "secret " .. i end
    local unpack = require("marketplace.runtime").unpack
    assert.equal(limits.secrets, #core.keyring(unpack(secrets)))
    assert.has_error(function() core.keyring("one more", unpack(secrets)) end)

    local function body(id, rest) return ('{"data":{"type":"a","id":"%s"%s}}'):format(id, rest or "") end
    local function code_of(text) return (select(3, core.parse(text))) end
    assert.is_nil(code_of(body(("x"):rep(limits.id_bytes))))
    assert.equal("notification_invalid", code_of(body(("x"):rep(limits.id_bytes + 1))))

    local function nested(levels) return body("1", ',"x":' .. ("["):rep(levels) .. ("]"):rep(levels)) end
    assert.is_nil(code_of(nested(limits.depth - 2)))
    assert.equal("json_invalid", code_of(nested(limits.depth - 1)))

    local longest = body "1"
    longest = longest .. (" "):rep(limits.body_bytes - #longest)
    assert.is_nil(code_of(longest))
    assert.equal("too_large", code_of(longest .. " "))
  end)
end)

describe("core.sleep", function()
  it("takes at most a day", function()
    core.sleep(0)
    for _, seconds in ipairs { -0.001, 86400.001, 0 / 0 } do
      assert.error_matches(function() core.sleep(seconds) end, "0 to 86400 seconds")
    end
  end)
end)

describe("core.random_hex", function()
  it("gives two digits for each of 1 to 64 bytes", function()
    for _, count in ipairs { 1, 2, 63, 64 } do
      local digits = core.random_hex(count)
      assert.matches("^%x+$", digits)
      assert.equal(2 * count, #digits)
      assert.is_true(count < 8 or digits ~= core.random_hex(count))
    end
    for _, count in ipairs { 0, 65, -1 } do
      assert.error_matches(function() core.random_hex(count) end, "1 to 64 bytes")
    end
  end)
end)

describe("core.is_utf8", function()
  it("looks at every byte", function()
    for _, text in ipairs { "", "a", "é", "aé€𝄞b", "\244\143\191\191" } do assert.is_true(core.is_utf8(text)) end
    for _, text in ipairs { "\255", "a\128", "é\195", "€\226\130", "\237\160\128", "a\192\175b" } do
      assert.is_false(core.is_utf8(text))
    end
  end)
end)

describe("a function of the core", function()
  local function fails(number, why, f, ...)
    local ok, problem = pcall(f, ...)
    assert.is_false(ok)
    assert.equal(tostring(number), problem:match "bad argument #(%d+) ", problem)
    assert.is_truthy(problem:find(why, 1, true), problem)
  end

  it("names the argument that is wrong", function()
    for name, wrong in pairs {
      sleep = { 1, -1 }, format_time = { 1, 0 / 0 }, parse_time = { 1, {} }, random_hex = { 1, 65 },
      is_utf8 = { 1, {} }, sha256 = { 1, 5 }, envelope = { 1, 5 }, parse = { 1, 5 }, part = { 2, "x" },
      base64url = { 1, {} }, base64url_decode = { 1, {} }, private_key = { 1, {} }, public_key = { 1, {} },
      private_key_file = { 1, {} }, http_start = { 1, 5 }, http_date = { 1, {} }, retry_after = { 2, "x" },
      read_file = { 2, "/", -1 }, put_in_place = { 2, "/", "" }, replace_locked = { 2, "/" },
      stat = { 1, "a\0b" }, lock_file = { 1, "" }, remove_leftovers = { 1, "" }, is_locked = { 1, "" },
      real_path = { 1, "" }, file_id = { 1, "" }, is_terminal = { 1, "stdlog" },
    } do
      fails(wrong[1], "", core[name], wrong[2], wrong[3])
    end
    fails(1, "", core.http_poll, "x")
    fails(1, "(must not be negative)", core.http_poll, -1)
    fails(2, "", core.replace_file, "/")
    fails(3, "", core.replace_file, "/", "", "x")
  end)

  it("names the secret that is wrong", function()
    fails(1, "(at least one secret is needed)", core.keyring)
    fails(2, "(a secret is empty)", core.keyring, "a", "", "c")
    fails(3, "", core.keyring, "a", "b", 5)
    fails(9, "(at most 8 secrets are allowed)", core.keyring, "1", "2", "3", "4", "5", "6", "7", "8", "9")
  end)

  it("takes what it is a method of, and nothing else, and not when that is closed", function()
    local key, keyring, lock = assert(core.generate_key()), core.keyring "secret", assert(core.lock_file(os.tmpname()))
    local exchange = assert(core.http_start { method = "GET", url = "http://127.0.0.1:1/" })
    for object, methods in pairs {
      [key] = { "sign", "verify", "private_pem", "public_pem", "close" },
      [keyring] = { "check", "sign", "verify", "receive", "close" },
      [lock] = { "close" },
      [exchange] = { "done", "head", "take", "result", "close" },
    } do
      for _, name in ipairs(methods) do fails(1, "", object[name], io.stdout, "x", "y") end
    end
    fails(2, "", key.sign, key)
    fails(2, "", key.verify, key, {}, "x")
    fails(3, "", key.verify, key, "x")
    fails(2, "", keyring.sign, keyring, 5)
    fails(2, "", keyring.verify, keyring, 5, "x")
    fails(3, "", keyring.verify, keyring, "x", 5)
    fails(1, "(the exchange is not done)", exchange.result, exchange)
    for _, object in ipairs { key, keyring, lock, exchange } do object:close() end
    fails(1, "(the key is closed)", key.sign, key, "x")
    fails(1, "(the keyring is closed)", keyring.sign, keyring, "x")
    fails(1, "(the exchange is closed)", exchange.done, exchange)
    local public = assert(core.public_key(assert(core.generate_key()):public_pem()))
    fails(1, "(a public key cannot sign)", public.sign, public, "x")
    fails(1, "(a public key does not contain the private one)", public.private_pem, public)
  end)
end)
