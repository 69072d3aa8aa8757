-- A log whose reader is slow, gone, or a full disk: nothing waits for it, and what is lost is told.
local cjson = require "cjson"
local core = require "marketplace.core"
local exposition = require "support.exposition"
local log_queue = require "marketplace.log_queue"
local raw = require "support.raw_http"
local samples = require "marketplace.samples"
local shell = require "support.shell"
local socket = require "socket"

local SECRET = "the secret"
local ENVIRONMENT = "env MARKETPLACE_SECRET='" .. SECRET .. "'"
local MANY = 12000 -- lines: more than fit into a pipe and the queue

describe("marketplace.log_queue", function()
  local open_writer = core.log_writer
  local lines, room, failures, target

  before_each(function()
    lines, room, failures = {}, 100, { 0, nil, false }
    core.log_writer = function()
      return {
        write = function(_, line)
          if #lines >= room then return false end
          lines[#lines + 1] = line
          return true
        end,
        failures = function() return failures[1], failures[2], failures[3] end,
        close = function() lines[#lines + 1] = "closed" end,
      }
    end
    target = log_queue.open("stdout", function(entry)
      local shown = entry.message ~= "dull" and entry.message or nil
      return entry.count and ("%s: %d, %s"):format(shown, entry.count, entry.reason) or shown
    end)
  end)

  after_each(function() core.log_writer = open_writer end)

  local function write(...)
    for _, message in ipairs { ... } do target.write { message = message } end
  end

  it("writes lines in order, and none of what has none", function()
    write("a", "dull", "b")
    target.say "c\nd"
    target.turn()
    target.close()
    assert.same({ "a\n", "b\n", "c\nd\n", "closed" }, lines)
    assert.equal(0, target.dropped())
    assert.is_true(target.wants_info)
  end)

  it("counts what there is no room for, and tells it where it would stand, once", function()
    room = 1
    write("a", "b", "c")
    assert.equal(2, target.dropped())
    target.turn()
    assert.equal(2, target.dropped())
    room = 100
    write("d", "e")
    target.turn()
    assert.same({ "a\n", "log lines dropped: 2, the reader of the log is too slow\n", "d\n", "e\n" }, lines)
    assert.equal(2, target.dropped())
  end)

  it("tells it in the next turn, too, and at the end", function()
    room = 0
    write "a"
    room = 100
    target.turn()
    room = 1
    write "b"
    room = 100
    target.close()
    assert.same({ "log lines dropped: 1, the reader of the log is too slow\n",
      "log lines dropped: 1, the reader of the log is too slow\n", "closed" }, lines)
  end)

  it("counts what could not be written, and tells it only once something could", function()
    failures = { 3, "No space left on device", true }
    write "a"
    target.turn()
    assert.same({ "a\n" }, lines)
    assert.equal(3, target.dropped())
    failures = { 4, "No space left on device", false }
    target.turn()
    target.turn()
    assert.same({ "a\n", "log lines dropped: 4, the log cannot be written: No space left on device\n" }, lines)
  end)

  it("says why it cannot be opened", function()
    core.log_writer = function() return nil, "no thread", "out_of_memory" end
    assert.same({ nil, "no thread", "out_of_memory" }, { log_queue.open("stdout", tostring) })
  end)
end)

describe("the log of serve", function()
  local handlers

  setup(function() handlers = shell.file 'return function(receiver) receiver:on("*", function() end) end' end)
  teardown(function() os.remove(handlers) end)

  -- `around`: shell around the command, which is %s in it
  local function serve(arguments, use, around)
    local command = shell.marketplace(("serve %s --port 0 --inbox memory %s"):format(handlers, arguments), ENVIRONMENT)
    return shell.with_server((around or "%s"):format(command), use)
  end

  local function connect(url)
    local client = socket.tcp4()
    client:settimeout(20)
    assert(client:connect("127.0.0.1", tonumber(url:match ":(%d+)")))
    return client
  end

  -- Sends these bytes so often, some at a time; the answers' statuses, and how often each came.
  local function send(url, bytes, count)
    local client, statuses, sent = connect(url), {}, 0
    while sent < count do
      local batch = math.min(100, count - sent)
      assert(client:send(bytes:rep(batch)))
      sent = sent + batch
      local answers = 0
      while answers < batch do
        local line = assert(client:receive "*l")
        local status, length = line:match "^HTTP/1.1 (%d+)", 0
        repeat
          line = assert(client:receive "*l")
          length = tonumber(line:lower():match "^content%-length: (%d+)") or length
        until line == "" or line == "\r"
        if length > 0 then assert(client:receive(length)) end
        statuses[status], answers = (statuses[status] or 0) + 1, answers + 1
      end
    end
    client:close()
    return statuses
  end

  local function notification()
    return raw.notification(SECRET, samples.body("ping", { id = "the same" }))
  end

  local function get(url, path)
    local client = connect(url)
    assert(client:send(("GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"):format(path)))
    local status = assert(client:receive "*l")
    local text = client:receive "*a"
    client:close()
    return tonumber(status:match " (%d+)"), text:match "\r\n\r\n(.*)"
  end

  local function metric(url, name)
    local _, text = get(url, "/metrics")
    return exposition.read(text).value(name)
  end

  it("keeps no request waiting while nobody reads it, and tells what was dropped once somebody does", function()
    local seen, dropped, told = { stored = 0, duplicate = 0 }, nil, 0
    local port = shell.free_port()
    local output, status = serve("--json --verbose --metrics-port " .. port, function(url, _, pipe)
      assert.same({ ["200"] = MANY }, send(url, notification(), MANY))
      assert.equal(200, (get(url, "/healthz")))
      local metrics = "http://127.0.0.1:" .. port
      dropped = metric(metrics, "marketplace_log_dropped_total")
      assert.is_true(dropped > 0)
      while told < dropped do
        local entry = cjson.decode(pipe:read "*l")
        if seen[entry.message] then seen[entry.message] = seen[entry.message] + 1 end
        if entry.message == "log lines dropped" then told = told + entry.count end
      end
      assert.equal(dropped, told)
      assert.equal(dropped, metric(metrics, "marketplace_log_dropped_total"))
      assert.equal(1, seen.stored)
      assert.equal(MANY, seen.stored + seen.duplicate + dropped)
    end)
    assert.equal(0, status)
    assert.matches('"message":"stopped"', output)
  end)

  it("does not keep it from ending, if nobody reads or the reader has gone", function()
    serve("", function(url, pid)
      send(url, notification(), MANY)
      os.execute("kill -TERM " .. pid)
      while shell.is_alive(pid) do socket.sleep(0.01) end
    end)
    local pid_file = os.tmpname()
    finally(function() os.remove(pid_file) end)
    serve("--pid-file " .. pid_file, function(url)
      assert.same({ ["200"] = 10 }, send(url, notification(), 10))
      assert.equal(200, (get(url, "/healthz")))
      local pid = raw.read_file(pid_file):match "%d+"
      os.execute("kill -TERM " .. pid)
      while shell.is_alive(pid) do socket.sleep(0.01) end
    end, "%s | head -n 2")
  end)

  it("is written to its end if a callback ends the process", function()
    local ends = shell.file [[return function(receiver) receiver:on("*", function() os.exit(7) end) end]]
    finally(function() os.remove(ends) end)
    local command = shell.marketplace(("serve %s --port 0 --inbox memory --verbose"):format(ends), ENVIRONMENT)
    local output, status = shell.with_server(command, function(url, pid)
      send(url, notification(), 1)
      while shell.is_alive(pid) do socket.sleep(0.01) end
    end)
    assert.matches(" stored event=ping id=\"the same\"", output)
    assert.equal(7, status)
  end)

  it("keeps no request waiting on a full disk, and counts what is dropped", function()
    local port, metrics_port = shell.free_port(), shell.free_port()
    local command = shell.marketplace(("serve %s --port %d --inbox memory --metrics-port %d"):format(handlers, port,
      metrics_port), ENVIRONMENT)
    local pid = shell.run(("%s > /dev/full 2>&1 & echo $!"):format(command))
    finally(function() os.execute("kill -TERM " .. pid) end)
    local url, metrics = "http://127.0.0.1:" .. port, "http://127.0.0.1:" .. metrics_port
    while not socket.connect("127.0.0.1", metrics_port) do socket.sleep(0.01) end
    assert.same({ ["200"] = 50 }, send(url, notification(), 50))
    for _ = 1, 10 do assert.same({ ["401"] = 1 }, send(url, raw.post("{}"), 1)) end
    assert.equal(200, (get(url, "/healthz")))
    assert.is_true(metric(metrics, "marketplace_log_dropped_total") >= 50)
  end)
end)
