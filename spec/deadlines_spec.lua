-- What time limits do, on a clock that the specs set: nothing here waits for one.
local shell = require "support.shell"

-- What every script begins with.
local PRELUDE = [[
  local socket = require "socket"
  local now = 1000000

  -- Moves the clock on.
  local function pass(milliseconds)
    now = now + milliseconds
    local file = assert(io.open(os.getenv "SET_CLOCK", "w"))
    file:write(("%d"):format(now))
    file:close()
  end

  pass(0)
]]

-- What the script prints, and its exit status.
local function run(script)
  local path, clock = shell.file(PRELUDE .. script), os.tmpname()
  local command = "SET_CLOCK=%s LD_PRELOAD=build/test/set_clock.so timeout 60 %s %s"
  local output, status = shell.capture(command:format(clock, shell.LUA, path))
  os.remove(path)
  os.remove(clock)
  return (output:gsub("%s+$", "")), status
end

describe("a server", function()
  -- With `server`, `client()`, and `turn()`, which runs the server, answers, and gives the faults of the requests.
  local SERVER = [[
    local http_server = require "marketplace.http_server"
    local server = assert(http_server.open(OPTIONS))
    local HEAD = "POST / HTTP/1.1\r\nHost: a\r\n"
    local REQUEST = HEAD .. "Content-Length: 0\r\n\r\n"

    local function client(text)
      local one = socket.tcp4()
      one:settimeout(5)
      assert(one:connect(server:address()))
      if text then assert(one:send(text)) end
      return one
    end

    local function turn()
      local faults = {}
      for _ = 1, 5 do
        local requests, answers = server:poll(0), {}
        for i, request in ipairs(requests) do
          answers[i] = { status = request.fault and 408 or 200 }
          faults[#faults + 1] = request.fault or "none"
        end
        server:answer(requests, answers)
      end
      return table.concat(faults, " ")
    end

    -- After so many milliseconds all is as it was; one later the connection is gone.
    local function lasts(milliseconds)
      pass(milliseconds - 1)
      assert(turn() == "" and server:stats().connections == 1, "it ended before " .. milliseconds)
      pass(1)
      local faults = turn()
      assert(faults ~= "" or server:stats().connections == 0, "it did not end at " .. milliseconds)
      return faults
    end
  ]]
  local function expect(options, script)
    assert.equal("done", (run("local OPTIONS = " .. options .. SERVER .. script .. " print 'done'")))
  end

  it("gives the first header 10 seconds from connecting, or as long as it is told", function()
    for options, milliseconds in pairs { ["{}"] = 10000, ["{ header_timeout = 0.25, idle_timeout = 9 }"] = 250 } do
      expect(options, "local one = client() turn() lasts(" .. milliseconds .. ")")
      expect(options, ("local one = client() turn() pass(200) one:send(HEAD) turn() lasts(%d)"):format(
        milliseconds - 200))
    end
  end)

  it("gives a body 5 seconds from its header and one for each 500 bytes, up to 30 or as long as it is told", function()
    local BODY = [[
      local one = client(HEAD) turn() pass(100)
      one:send("Content-Length: 20000\r\n\r\n" .. ("x"):rep(%d)) turn()
      assert(lasts(%d) == "timeout")
      assert(one:receive "*l" == "HTTP/1.1 408 Request Timeout")
    ]]
    for received, milliseconds in pairs { [0] = 5000, [499] = 5000, [500] = 6000, [12499] = 29000, [19999] = 30000 } do
      expect("{}", BODY:format(received, milliseconds))
    end
    expect("{ body_timeout = 0.25 }", BODY:format(4, 250))
    expect("{ body_timeout = 60 }", BODY:format(19999, 44000))
  end)

  it("gives a connection 75 seconds for its next header, or as long as it is told", function()
    for options, milliseconds in pairs { ["{}"] = 75000, ["{ idle_timeout = 0.25 }"] = 250 } do
      local answered = "local one = client(REQUEST) assert(turn() == 'none') "
      expect(options, answered .. "lasts(" .. milliseconds .. ")")
      expect(options, answered .. ("pass(%d) one:send(HEAD) turn() lasts(100)"):format(milliseconds - 100))
    end
    expect("{}", "local one = client(REQUEST) turn() pass(1000) one:send(HEAD) turn() lasts(10000)")
  end)

  it("tells at once that the answer to a body that is late has ended", function()
    expect("{}", [[
      local one = client(HEAD .. "Content-Length: 9\r\n\r\n") turn()
      assert(lasts(5000) == "timeout")
      assert(one:receive("*a"):find "^HTTP/1.1 408 ")
    ]])
  end)

  it("gives the reader of a refusal two seconds", function()
    expect("{}", [[
      local one = client(HEAD .. "Content-Length: 9\r\n\r\n") turn()
      assert(lasts(5000) == "timeout" and lasts(2000) == "")
    ]])
  end)

  it("lets a newcomer replace one that has sent its body for a second", function()
    expect("{ max_connections = 1 }", [[
      local one = client(HEAD .. "Content-Length: 9\r\n\r\n") turn()
      pass(999)
      local refused = client() turn()
      assert(server:stats().refused == 1 and server:stats().evicted == 0)
      pass(1)
      local other = client() turn()
      assert(server:stats().refused == 1 and server:stats().evicted == 1)
    ]])
  end)

  it("waits no longer than until the next deadline", function()
    expect("{}", "local one = client() turn() pass(9999) server:poll(86400) lasts(1)")
    -- a client that was refused and goes on sending: its socket is kept for two seconds
    expect("{ max_body = 1 }", [[
      local one = client(HEAD .. "Content-Length: 9\r\n\r\n") turn()
      one:send "four" turn()
      assert(server:stats().connections == 0)
      pass(1999) server:poll(86400) pass(1) turn()
    ]])
  end)
end)

describe("an exchange", function()
  -- With `start(options)`, to a peer that takes connections and says nothing, or what `said` is.
  local CLIENT = [[
    local core = require "marketplace.core"
    local listener = assert(socket.bind("127.0.0.1", 0))
    local _, port = listener:getsockname()
    listener:settimeout(0)
    local peer

    local function turn()
      for _ = 1, 10 do
        core.http_poll(0)
        peer = peer or listener:accept()
      end
    end

    local function start(options, scheme)
      options.method, options.url = "GET", (scheme or "http") .. "://127.0.0.1:" .. port .. "/"
      local exchange = assert(core.http_start(options))
      turn()
      return exchange
    end

    -- libcurl's clock counts milliseconds or finer ones, and it may be one late.
    local function lasts(exchange, milliseconds)
      pass(milliseconds - 1)
      turn()
      assert(not exchange:done(), "it ended before " .. milliseconds)
      pass(2)
      turn()
      assert(exchange:done(), "it did not end at " .. milliseconds)
      local _, _, code = exchange:result()
      assert(code == "timeout", code)
    end
  ]]

  local function expect(script)
    assert.equal("done", (run(CLIENT .. script .. " print 'done'")))
  end

  it("has 30 seconds, or as long as it is told", function()
    for options, milliseconds in pairs {
      ["{}"] = 30000, ["{ timeout = 0.25 }"] = 250, ["{ timeout = 0.001 }"] = 1, ["{ timeout = 0.0001 }"] = 1,
      ["{ timeout = 2 ^ 40 }"] = 2147483000, ["{ timeout = 2147483 }"] = 2147483000,
      ["{ timeout = 2147482.5 }"] = 2147482500,
    } do
      expect(("lasts(start(%s), %d)"):format(options, milliseconds))
    end
  end)

  it("has 10 seconds of them until it is connected, or as long as it is told", function()
    for options, milliseconds in pairs {
      ["{}"] = 10000, ["{ connect_timeout = 0.25 }"] = 250, ["{ timeout = 5 }"] = 5000,
    } do
      expect(("lasts(start(%s, 'https'), %d)"):format(options, milliseconds))
    end
  end)

  it("has no limit of time if that is 0", function()
    expect [[
      local one = start({ timeout = 0, connect_timeout = 0 }, "https")
      pass(1000000000)
      turn()
      assert(not one:done())
    ]]
  end)

  it("ends if fewer bytes than it is told arrive for so long, in whole seconds", function()
    for seconds, ends_after in pairs { ["1"] = 1, ["2"] = 2, ["1.25"] = 2, ["0.001"] = 1 } do
      expect(([[
        local one = start { timeout = 0, low_speed_limit = 10, low_speed_time = %s }
        local passed = 0
        while not one:done() do
          pass(500)
          passed = passed + 0.5
          turn()
        end
        assert(passed == %d, %s .. ' seconds ended after ' .. passed)
      ]]):format(seconds, ends_after, seconds))
    end
  end)
end)

describe("a wait", function()
  -- For how many milliseconds each of some waits would have lasted.
  local function waits(script)
    local path = shell.file(script .. [[
      for _, seconds in ipairs { 0.001, 0.0509, 1, 2147482.5, 2147483, 1 / 0 } do wait(seconds) end
      os.exit(0)
    ]])
    local output = shell.capture(("LD_PRELOAD=build/test/shown_waits.so timeout 60 %s %s"):format(shell.LUA, path))
    os.remove(path)
    return output
  end

  it("lasts as long as it is told, in whole milliseconds, up to 24 days", function()
    local expected = "1 50 1000 2147482500 2147483647 2147483647 "
    assert.equal(expected, waits [[
      local server = assert(require("marketplace.http_server").open {})
      local function wait(seconds) server:poll(seconds) end
    ]])
    assert.equal(expected, waits [[
      local core, listener = require "marketplace.core", assert(require("socket").bind("127.0.0.1", 0))
      local url = "http://127.0.0.1:" .. select(2, listener:getsockname())
      local exchange = assert(core.http_start { method = "GET", url = url })
      for _ = 1, 10 do core.http_poll(0) end
      local function wait(seconds) return core.http_poll(seconds), exchange end
    ]])
  end)
end)

describe("a program that is asked to stop", function()
  it("ends at once if it is asked again after more than a second", function()
    local output, status = run [[
      local core = require "marketplace.core"
      local kill = "kill -%s " .. core.process_id()
      core.catch_signals()
      io.popen(kill:format "TERM"):close()
      assert(core.stop_asked())
      pass(1000)
      io.popen(kill:format "TERM"):close()
      io.popen(kill:format "INT"):close()
      io.write "asked"
      io.flush()
      pass(1)
      io.popen(kill:format "INT"):close()
      io.write "still here"
    ]]
    assert.same({ "asked", 130 }, { output, status })
  end)
end)
