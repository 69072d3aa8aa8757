-- What comes from outside, in each field that shows it: no terminal and no text log gets a control, C1 or bidirectional
-- character of it, nor bytes that are not UTF-8.
local cjson = require "cjson"
local cli = require "marketplace.cli"
local core = require "marketplace.core"
local http = require "marketplace.http"
local log = require "marketplace.log"
local marketplace = require "marketplace"
local raw = require "support.raw_http"
local samples = require "marketplace.samples"
local server = require "marketplace.server"
local shell = require "support.shell"
local socket = require "socket"
local unpack = require("marketplace.runtime").unpack

local SECRET = "the secret"

-- C1 controls and what changes the direction of text, in UTF-8, which JSON strings may hold as they are.
local STEERING = "a\194\155[2J\194\133\226\128\174b\226\129\166c\216\156d\226\128\168e\226\128\143f"
-- And what JSON has to escape, but a header, a file or a message may hold; and what is not UTF-8.
local HOSTILE = STEERING .. "\27]0;x\7\127\rg"
local BYTES = "\155[2J\255\27\r\194"

local PATTERNS = {
  "[%z\1-\8\11-\31\127]", "\194[\128-\159]", "\216\156", "\226\128[\142\143\168-\174]", "\226\129[\166-\169]",
}

local shown_count

-- `from`: what the text was made of
local function check(shown, from)
  shown_count, from = shown_count + 1, tostring(from)
  assert.is_true(core.is_utf8(shown), ("%s: not UTF-8: %q"):format(from, shown))
  for _, pattern in ipairs(PATTERNS) do
    local first = shown:find(pattern)
    assert.is_nil(first, ("%s: %q"):format(from, first and shown:sub(math.max(1, first - 60), first + 20) or ""))
  end
end

-- Copies of a document in each of which one string is hostile, with the path to it.
local function each_string_hostile(document, hostile)
  local list = {}
  local function walk(value, path, rebuild)
    if type(value) == "string" then list[#list + 1] = { path, rebuild(hostile) } end
    if type(value) ~= "table" then return end
    for name, member in pairs(value) do
      walk(member, path .. "." .. tostring(name), function(changed)
        local copy = {}
        for key, kept in pairs(value) do copy[key] = kept end
        copy[name] = changed
        return rebuild(copy)
      end)
    end
  end
  walk(document, "", function(changed) return changed end)
  return list
end

local function all_strings_hostile(value, hostile)
  if type(value) == "string" then return hostile end
  if type(value) ~= "table" then return value end
  local copy = {}
  for name, member in pairs(value) do copy[name] = all_strings_hostile(member, hostile) end
  return copy
end

-- All bodies: each sample with one string of it hostile, and with a member of that name.
local function bodies()
  local list = {}
  for _, sample in ipairs(samples.list()) do
    local document = cjson.decode(samples.body(sample.type))
    for _, one in ipairs(each_string_hostile(document, STEERING)) do
      list[#list + 1] = { sample.type .. one[1], cjson.encode(one[2]) }
    end
    document.data[STEERING] = STEERING
    list[#list + 1] = { sample.type .. " with another member", cjson.encode(document) }
  end
  list[#list + 1] = { "no JSON", HOSTILE }
  list[#list + 1] = { "no UTF-8", BYTES }
  list[#list + 1] = { "half of it", '{"data":{"id":"' .. HOSTILE }
  return list
end

describe("hostile text", function()
  before_each(function() shown_count = 0 end)

  local function check_entry(entry, from)
    check(log.line(entry), from)
    check(log.words(entry), from)
    check(log.json_line(entry), from)
  end

  it("in any field of a log entry", function()
    local names = { "message", "reason" }
    for name in raw.read_file "lua/marketplace/log.lua":match "An entry is a table:(.-)\nlocal":gmatch "`(%l[%w_]*)`" do
      if name ~= "at" and name ~= "level" and name ~= "took" and name ~= "again_in" and name ~= "within" then
        names[#names + 1] = name
      end
    end
    assert.is_true(#names > 14)
    for _, name in ipairs(names) do
      for _, value in ipairs { HOSTILE, BYTES } do
        local entry = { level = "info", message = "m", at = 0 }
        entry[name] = value
        check_entry(entry, name)
      end
    end
  end)

  it("in a request's head, its path and its sender", function()
    local entries = {}
    local function write(entry) entries[#entries + 1] = entry end
    local receiver = marketplace.receiver { secrets = SECRET, log = write }
    local fields = {
      method = "POST", signature = marketplace.sign(SECRET, "{}"), encoding = "identity", length = "2", remote = "::1",
    }
    for changed in pairs(fields) do
      for _, value in ipairs { HOSTILE, BYTES, { HOSTILE, HOSTILE } } do
        local head = {}
        for name, usual in pairs(fields) do head[name] = usual end
        head[changed] = value
        if changed == "remote" then head.method, head.remote = "PUT", type(value) == "string" and value or HOSTILE end
        receiver:receive(head, function() return "{}" end)
      end
    end
    for _, fault in ipairs { "timeout", "too_large", "overloaded", "unreadable" } do
      receiver:receive({ method = "POST", remote = HOSTILE }, function() return nil, fault, HOSTILE end)
    end
    assert.is_true(#entries >= 10)
    for _, entry in ipairs(entries) do check_entry(entry, entry.code) end
  end)

  it("in what a server is sent", function()
    local entries = {}
    local function write(entry) entries[#entries + 1] = entry end
    local receiver = marketplace.receiver { secrets = SECRET, log = write }
    local listener = assert(server.open { receiver = receiver, log = write })
    finally(function() listener:stop() end)
    local host, port = listener:address()
    local safe = STEERING:gsub("[\r\n]", "")
    for _, head in ipairs {
      "GET /" .. safe .. " HTTP/1.1\r\nHost: a", "GET /a?" .. safe .. " HTTP/1.1\r\nHost: a",
      "GET" .. safe .. " /a HTTP/1.1\r\nHost: a", "GET /a HTTP/1.1\r\nHost: " .. safe,
      "POST /notifications HTTP/1.1\r\nHost: a\r\nX-Apple-Signature: " .. HOSTILE:gsub("[\r%z]", ""),
      "POST /notifications HTTP/1.1\r\nHost: a\r\nContent-Encoding: " .. safe,
      "POST /\27[2J HTTP/1.1\r\nHost: a", "GET /\155\255 HTTP/1.1\r\nHost: a",
    } do
      local client, stop = socket.tcp4(), socket.gettime() + 10
      assert(client:connect(host, port))
      assert(client:send(head .. "\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"))
      client:settimeout(0)
      local problem
      repeat
        listener:step(0.005)
        problem = select(2, client:receive "*a")
      until problem ~= "timeout" or socket.gettime() > stop
      client:close()
    end
    receiver:sum_up_refused(true)
    assert.is_true(#entries >= 3)
    for _, entry in ipairs(entries) do check_entry(entry, entry.reason or entry.message) end
  end)

  it("in a notification: what is logged of it, of its callbacks and of their errors", function()
    local entries = {}
    local receiver = marketplace.receiver {
      secrets = SECRET, log = function(entry) entries[#entries + 1] = entry end, retry = { attempts = 2, base = 0.001 },
    }
    receiver:on("*", function(n)
      if n.event == "ping" then return nil, HOSTILE end
      error(("%s %s %s %s"):format(n.type, n.id, n.app_id, HOSTILE), 0)
    end)
    for _, body in ipairs(bodies()) do
      local from, bytes = body[1], body[2]
      local status = receiver:handle { method = "POST", body = bytes,
        headers = { ["x-apple-signature"] = marketplace.sign(SECRET, bytes) } }
      assert.equal(200, status, from)
      receiver:dispatch()
      for _, entry in ipairs(entries) do check_entry(entry, from) end
      entries = {}
    end
    check(receiver:metrics(), "the metrics")
    assert.is_true(shown_count > 300, shown_count)
  end)

  describe("in what the command writes:", function()
    local folder, written, environment
    local real = {
      exchange = http.exchange, start = http.start, stdout = io.stdout, stderr = io.stderr, getenv = os.getenv,
    }

    setup(function()
      folder = shell.run "mktemp -d"
      shell.run(("openssl ecparam -name prime256v1 -genkey -noout -out %s/key.pem"):format(folder))
      assert(core.replace_file(folder .. "/config",
        ("key_file = key.pem\nkey_id = k\nissuer_id = i\napi_url = https://api.example\ninbox = sqlite:%s/inbox.db\n")
          :format(folder)))
    end)

    teardown(function() shell.run("rm -rf " .. folder) end)

    before_each(function()
      written = {}
      environment = { MARKETPLACE_CONFIG = folder .. "/config", MARKETPLACE_SECRET = SECRET }
      rawset(os, "getenv", function(name) return environment[name] end)
    end)

    after_each(function()
      http.exchange, http.start = real.exchange, real.start
      rawset(io, "stdout", real.stdout)
      rawset(io, "stderr", real.stderr)
      rawset(os, "getenv", real.getenv)
    end)

    local function run(...)
      local stream = { flush = function() return true end, setvbuf = function() end }
      function stream:write(...)
        for _, text in ipairs { ... } do written[#written + 1] = text end
        return self
      end
      rawset(io, "stdout", stream)
      rawset(io, "stderr", stream)
      written = {}
      local ran, problem = pcall(cli.main, { ... })
      rawset(io, "stdout", real.stdout)
      rawset(io, "stderr", real.stderr)
      assert(ran, problem)
      local shown = table.concat(written)
      assert.is_true(shown ~= "", table.concat({ ... }, " "))
      check(shown, table.concat({ ... }, " "))
      return shown
    end

    local function run_each_way(...)
      for _, way in ipairs { "--table", "--json" } do
        local words = { ... }
        words[#words + 1] = way
        run(unpack(words))
      end
    end

    local function file(text)
      local path = folder .. "/given"
      assert(core.replace_file(path, text))
      return path
    end

    it("of what is in the inbox", function()
      local inbox = assert(marketplace.inbox(("sqlite:%s/inbox.db"):format(folder)))
      local receiver = marketplace.receiver { secrets = SECRET, log = function() end, inbox = inbox,
        retry = { attempts = 1 } }
      receiver:on("*", function() error(HOSTILE, 0) end)
      for _, body in ipairs(bodies()) do
        receiver:handle { method = "POST", body = body[2],
          headers = { ["x-apple-signature"] = marketplace.sign(SECRET, body[2]) } }
      end
      receiver:dispatch { limit = 10 }
      local keys = {}
      for _, entry in ipairs(inbox:list { limit = 1000 }) do keys[#keys + 1] = entry.id or entry.key end
      receiver:close()
      assert.is_true(#keys > 30)
      run_each_way("inbox", "list", "--limit", "1000")
      run_each_way("inbox", "list", "--state", "dead")
      for i, key in ipairs(keys) do
        run("inbox", "show", key)
        if i % 10 == 0 then run("inbox", "show", key, "--json") end
      end
      run("inbox", "stats")
      run("inbox", "show", HOSTILE)
      run("inbox", "replay", HOSTILE)
      run("inbox", "cancel", keys[1], "--reason", HOSTILE)
      run("inbox", "list", "--app", STEERING, "--table")
      run("inbox", "replay", "--state", "dead", "--dry-run")
    end)

    it("of files, signatures and arguments", function()
      for _, body in ipairs(bodies()) do
        local path = file(body[2])
        run("verify", "--signature", marketplace.sign(SECRET, body[2]), path)
        run("explain", "--signature", HOSTILE, path)
        run("explain", "--json", "--signature", marketplace.sign("x", body[2]), path)
        run("explain", "--table", "--signature", marketplace.sign("x", body[2]), path)
      end
      for _, text in ipairs { HOSTILE, BYTES } do
        for _, line in ipairs { "%s", "%s = 1", "inbox = %s", "attempts = %s", "keep = %s", "api_url = %s" } do
          environment.MARKETPLACE_CONFIG = file(line:format(text) .. "\n")
          run("serve", folder .. "/none.lua")
          run("webhooks", "list")
        end
        run("inbox", text)
        run(text)
        run("send", text)
        run("verify", "--signature", "x", folder .. "/" .. text)
        environment.MARKETPLACE_CONFIG = folder .. "/config"
        run("token", "--key-file", file(text))
        run("token", "--key-file", folder .. "/" .. text)
        run("verify", "--secret-file", folder .. "/" .. text, "--signature", "x", file "{}")
        run("verify", "--secret-file", file(text), "--signature", text, file "{}")
        run("serve", file("error(" .. ("%q"):format(text) .. ", 0)"), "--port", "0")
      end
    end)

    it("of what receivers answer", function()
      local function answer(response)
        http.exchange = function() return response.status and response or nil, response.message, response.code end
      end
      for _, text in ipairs { HOSTILE, BYTES } do
        for _, status in ipairs { 200, 401, 404, 503 } do
          answer { status = status, headers = { server = text }, body = text }
          run("send", "ping")
          run("send", "ping", "--json")
        end
        answer { message = text, code = "connect_failed" }
        run("send", "ping")
      end
    end)

    local DOCUMENTS = {
      { data = { { type = "webhooks", id = "w", attributes = { name = "n", url = "u", enabled = true,
        eventTypes = { "E" } } } }, links = { self = "s" } },
      { data = { { type = "webhookDeliveries", id = "d", attributes = { createdDate = "2026-01-01T00:00:00Z",
        deliveryState = "FAILED", errorMessage = "e", redelivery = false,
        request = { url = "u" }, response = { httpStatusCode = 500, httpResponseBody = "b" } },
        relationships = { event = { data = { type = "webhookEvents", id = "e" } } } } },
        included = { { type = "webhookEvents", id = "e", attributes = { eventType = "T", payload = "p", ping = false,
          createdDate = "2026-01-01T00:00:00Z" } } }, links = { self = "s" } },
      { data = { type = "webhooks", id = "w", attributes = { name = "n", url = "u", enabled = true,
        eventTypes = { "E" } } }, links = { self = "s" } },
      { errors = { { id = "i", status = "s", code = "c", title = "t", detail = "d", source = { pointer = "p" },
        meta = { associatedErrors = { p = { { code = "c", title = "t", detail = "d" } } } } } } },
    }

    it("of what App Store Connect answers", function()
      local response
      http.exchange = function() return response end
      local answers = { { 200, HOSTILE }, { 409, HOSTILE }, { 403, '{"errors":[' .. HOSTILE }, { 403, BYTES } }
      for _, document in ipairs(DOCUMENTS) do
        for _, one in ipairs(each_string_hostile(document, HOSTILE)) do
          answers[#answers + 1] = { document.errors and 403 or 200, cjson.encode(one[2]) }
        end
        answers[#answers + 1] = { document.errors and 409 or 200, cjson.encode(all_strings_hostile(document, HOSTILE)) }
      end
      for _, answer in ipairs(answers) do
        response = { status = answer[1], body = answer[2], headers = { ["content-type"] = HOSTILE,
          ["x-request-id"] = HOSTILE, ["x-rate-limit"] = HOSTILE, location = HOSTILE } }
        run("webhooks", "list", "--app", "1", "--table")
        run("webhooks", "list", "--app", "1", "--json")
        run("webhooks", "deliveries", "w", "--table")
        run("webhooks", "deliveries", "w", "--json")
        run("webhooks", "update", "w", "--disabled")
        run("webhooks", "ping", "w")
      end
      assert.is_true(shown_count > 200)
    end)
  end)

  it("is written by these files only, so that a new way out is looked at", function()
    local found = {}
    for path in shell.run "find lua simulator -name '*.lua'":gmatch "%S+" do
      local source = raw.read_file(path):gsub("%-%-[^\n]*", "")
      for _, way in ipairs { "io%.stdout:write", "io%.stderr:write", "io%.write", "[^%w_.]print%(", "ngx%.log%(",
        "raw_log%(", "log%.text%(io", "log%.json%(io", "core%.log_writer" } do
        if source:find(way) then found[path:match "marketplace/(.*)%.lua"] = true end
      end
    end
    assert.same({
      ["cli/commands/packages/report"] = true,  -- progress, a log
      ["cli/commands/packages/work"] = true,    -- a log
      ["cli/init"] = true,                      -- the version
      ["cli/support/confirmation"] = true,      -- a question
      ["cli/support/credentials"] = true,       -- a log
      ["cli/support/output"] = true,
      ["cli/support/running"] = true,           -- what callbacks print
      log = true, log_queue = true,
      ["nginx/inbox"] = true, ["nginx/log"] = true,
    }, found)
  end)
end)
