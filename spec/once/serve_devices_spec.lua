-- `marketplace serve` and `work` with devices, as processes.
local core = require "marketplace.core"
local device_support = require "support.device"
local json = require "marketplace.json"
local raw = require "support.raw_http"
local samples = require "marketplace.samples"
local shell = require "support.shell"
local wait_until = require "support.wait_until"

local SECRET = "the secret"
local QUESTION = '{"apps":[{"appleItemId":"1","appleVersionId":"0"}],"platform":"iOS","osVersion":"18"}'

describe("marketplace serve, for devices,", function()
  local folder, setup_, origin

  before_each(function()
    folder, setup_ = shell.run "mktemp -d", device_support.open()
    setup_:publish("v1", { appleItemId = "1", appleVersionId = "10", bundleId = "com.example.one" })
    assert(core.replace_file(folder .. "/key.p8", device_support.KEY))
  end)

  after_each(function()
    setup_:close()
    shell.run("rm -rf " .. folder)
  end)

  local function write(name, text, ...)
    assert(core.replace_file(folder .. "/" .. name, text:format(...)))
    return folder .. "/" .. name
  end

  local OPTIONS = [[{
    packages = "%s", token = { key_id = "K", marketplace_id = "67", key_file = "%s/key.p8" },
    base_url = "https://market.example/device", authenticate = function(request)
      if request.headers["x-never"] then while true do end end
      return request.headers["x-account"]
    end,
  }]]

  local function options() return OPTIONS:format(setup_.root, folder) end

  local function device_file() return write("device.lua", "%s", "return " .. options()) end

  local HANDLERS = [[return function(receiver)
    receiver:on("*", function(n)
      if not n.id:find "^slow" then return end
      io.open("%s/begun", "w"):close()
      io.open("%s/end"):read(1)
    end)
    %s
  end]]

  local function handlers(more)
    shell.run(("mkfifo %s/end"):format(folder))
    return write("handlers.lua", HANDLERS, folder, folder, more or "")
  end

  local function command(name, arguments)
    return shell.marketplace(("%s --json %s"):format(name, arguments), "env MARKETPLACE_SECRET='" .. SECRET .. "'")
  end

  local function serve(arguments, use)
    return shell.with_server(command("serve", "--port 0 --inbox memory " .. arguments), function(url, ...)
      origin = url
      use(...)
    end)
  end

  local function connect(bytes) return raw.connect(origin, bytes) end

  local function post(body, headers) return raw.post(body, headers, "/device/updates") end

  local ASKED = post(QUESTION, { "X-Account: a" })

  local function notification(id) return raw.notification(SECRET, samples.body("ping", { id = id })) end

  local function ask(bytes) return raw.answer(connect(bytes)) end

  local function entries(output)
    local found = {}
    for line in output:gmatch "[^\n]+" do
      local entry = line:find "^{" and json.decode(line) or {}
      local code = entry.code or entry.message
      if code then found[code] = (found[code] or 0) + (entry.count or 1) end
    end
    return found
  end

  it("answers as a file says", function()
    local output, status = serve(("%s --device-config %s"):format(handlers(), device_file()), function()
      local given = ask(ASKED)
      assert.equal(200, given.status)
      assert.equal("10", json.decode(given.body).updates[1].appleVersionId)
      assert.equal(401, ask(post(QUESTION)).status)
      local known = ask "GET /.well-known/marketplace-kit HTTP/1.1\r\nHost: a\r\n\r\n"
      assert.equal("https://market.example/device/restore", json.decode(known.body).restore)
      assert.equal(200, ask(notification "n").status)
    end)
    assert.equal(0, status)
    local found = entries(output)
    assert.same({ 1, 1 }, { found["also answering"], found.device })
  end)

  it("does not start if the file cannot be used, and names it", function()
    for pattern, text in pairs {
      ["device.lua:1:"] = "return {", ["option 'base_url' must be an https:// URL"] = "return { base_url = 'market' }",
      ["device.lua returns nothing"] = "", ["option 'authenticate' is missing"] = "return {}",
    } do
      shell.run(("rm -f %s/end"):format(folder))
      if text:find "base_url" then text = "return (function(o) o.base_url = 'market' return o end) " .. options() end
      local output, status = shell.capture(command("serve",
        ("%s --port 0 --inbox memory --device-config %s"):format(handlers(), write("device.lua", "%s", text))))
      assert.equal(1, status)
      assert.is_truthy(output:find(pattern, 1, true), output)
      assert.is_truthy(output:find("--device-config", 1, true), output)
    end
  end)

  it("does not start if devices would be answered where notifications are", function()
    local output, status = shell.capture(command("serve", ("%s --port 0 --inbox memory --path /device/updates " ..
      "--device-config %s"):format(handlers(), device_file())))
    assert.equal(1, status)
    assert.is_truthy(output:find("a responder has the path /device/updates", 1, true), output)
  end)

  it("runs a handlers file that adds a device, and so does work", function()
    local path = handlers(("receiver:add_responder(assert(require('marketplace').device %s))"):format(options()))
    serve(path, function() assert.equal(200, ask(ASKED).status) end)
    local pipe, pid = shell.in_background(command("work", ("%s --inbox sqlite:%s/inbox.db"):format(path, folder)))
    local line = pipe:read "*l"
    os.execute("kill " .. pid)
    pipe:close()
    assert.is_truthy(line:find('"working"', 1, true), line)
  end)

  it("has them wait while a callback takes its time, but for what it need not", function()
    local output = serve(("%s --max-connections 16 --device-config %s"):format(handlers(), device_file()), function()
      assert.equal(200, ask(notification "slow").status)
      wait_until("the callback did not begin", function() return shell.exists(folder .. "/begun") end)
      local waiting, notifications = {}, {}
      for i = 1, 8 do waiting[i] = connect(ASKED) end
      assert.equal(411, ask "POST /device/updates HTTP/1.1\r\nHost: a\r\n\r\n".status)
      assert.equal(413, ask "POST /device/updates HTTP/1.1\r\nHost: a\r\nContent-Length: 262145\r\n\r\n".status)
      assert.equal(415, ask(post(QUESTION, { "Content-Encoding: gzip" })).status)
      assert.equal(503, ask(ASKED).status)
      for i = 1, 16 do notifications[i] = connect(notification("n" .. i)) end
      for i = 1, 8 do assert.equal(503, raw.answer(waiting[i]).status) end
      io.open(folder .. "/end", "w"):close()
      for i = 1, 16 do assert.equal(200, raw.answer(notifications[i]).status) end
      assert.equal(200, ask(ASKED).status)
    end)
    assert.equal(4 + 8, entries(output).device)
  end)

  it("lives and can be stopped while authenticate never returns", function()
    local output, status = serve(("%s --stop-seconds 1 --device-config %s"):format(handlers(), device_file()),
      function()
        connect(post(QUESTION, { "X-Never: a" }))
        wait_until("Lua does not hang", function()
          return ask "GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n".status == 503
        end)
        assert.equal(200, ask "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n".status)
      end)
    assert.equal(143, status)
    assert.is_truthy(output:find('"cut off"', 1, true), output)
  end)

  it("keeps no notification waiting for 600 bodies that do not end", function()
    serve(("%s --device-config %s"):format(handlers(), device_file()), function()
      local held = {}
      local unfinished = post(("x"):rep(200000)):sub(1, 3000)
      for i = 1, 600 do
        held[i] = connect(unfinished)
        if i % 40 == 0 then assert.equal(200, ask(notification("n" .. i)).status) end
      end
      for i = 1, 10 do assert.equal(200, ask(notification("m" .. i)).status) end
      assert.equal(200, ask "GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n".status)
      for _, client in ipairs(held) do client:close() end
      wait_until("a device is not answered", function() return ask(ASKED).status == 200 end)
    end)
  end)
end)
