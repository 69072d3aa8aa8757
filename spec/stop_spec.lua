-- How serve and work end if a callback, or the inbox, does not.
local core = require "marketplace.core"
local inbox = require "marketplace.inbox"
local marketplace = require "marketplace"
local postgres_server = require "support.postgres_server"
local proxy = require "support.proxy"
local raw = require "support.raw_http"
local redis_server = require "support.redis_server"
local samples = require "marketplace.samples"
local shell = require "support.shell"
local wait_until = require "support.wait_until"

local SECRET = "the secret"
local BY_SIGTERM = 128 + 15
local TIME = "%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ"

-- What a callback does for ever. The program that it starts is ended by the spec.
local ENDLESS = {
  ["computes"] = "while true do end",
  ["sleeps"] = "while true do require('marketplace.core').sleep(86400) end", -- a signal ends one sleep
  ["waits for a program"] = "os.execute('echo $$ > %s/program; exec sleep 86400 > /dev/null 2>&1')",
}

describe("a stop", function()
  local folder

  before_each(function() folder = shell.run "mktemp -d" end)

  after_each(function()
    shell.capture(("kill $(cat %s/program)"):format(folder))
    shell.run("rm -rf " .. folder)
  end)

  local function write_handlers(endless)
    assert(core.replace_file(folder .. "/handlers.lua", ([[return function(receiver)
      receiver:on("*", function(n, ctx)
        local file = io.open("%s/attempt" .. ctx.attempt, "w")
        file:close()
        if ctx.attempt == 1 then %s end
      end)
    end]]):format(folder, (endless:gsub("%%s", folder)))))
  end

  local function command(name, more)
    return shell.marketplace(("%s %s/handlers.lua --inbox sqlite:%s/inbox.db --stop-seconds 1 %s"):format(
      name, folder, folder, more), "env MARKETPLACE_SECRET='" .. SECRET .. "'")
  end

  local function wait_for_attempt(number)
    wait_until("attempt " .. number .. " did not begin", function()
      return shell.exists(folder .. "/attempt" .. number)
    end)
  end

  local function notification(id) return raw.notification(SECRET, samples.body("ping", { id = id })) end

  local function put_one()
    local body = samples.body("ping", { id = "a" })
    local box = assert(inbox.open("sqlite:" .. folder .. "/inbox.db"))
    local receiver = marketplace.receiver { secrets = SECRET, inbox = box, log = function() end }
    assert.equal(200, (receiver:handle {
      method = "POST", body = body, headers = { ["x-apple-signature"] = marketplace.sign(SECRET, body) },
    }))
    box:close()
  end

  local function is_cut_off_by(name, more, expected)
    put_one()
    local output, status = shell.with_server(command(name, more), function() wait_for_attempt(1) end)
    assert.equal(BY_SIGTERM, status)
    local last = output:gsub("Terminated%s*$", ""):gsub("\n    ", " "):match "([^\n]+)\n*$" -- the shell's word
    assert.matches(expected, last)
    local at = core.parse_time(last:match(TIME))
    assert.is_true(math.abs(at - core.now()) < 3600, last)
  end

  local function runs_again()
    local _, status = shell.with_server(command("serve", "--port 0"), function() wait_for_attempt(2) end)
    assert.equal(0, status)
  end

  for what, endless in pairs(ENDLESS) do
    it("of serve ends the process while a callback " .. what .. ", which then runs again", function()
      write_handlers(endless)
      is_cut_off_by("serve", "--port 0", "^" .. TIME .. ' warning cut off reason="it did not stop within 1 s, as a ' ..
        'callback or a call of the inbox takes longer: what it has not finished runs again once its lease ends"$')
      runs_again()
    end)

    it("of work ends the process while a callback " .. what .. ", which then runs again", function()
      write_handlers(endless)
      is_cut_off_by("work", "--metrics-port 0 --json", '^{.*"message":"cut off".*}$')
      runs_again()
    end)
  end

  it("of serve ends the process while its inbox does not answer, and nothing is lost #full", function()
    write_handlers ""
    local server = postgres_server.start()
    local between = proxy.start(server.port)
    finally(function()
      between:stop()
      server:remove()
    end)
    local url = "postgres://postgres@127.0.0.1:%d/postgres?timeout=60"
    local unanswered
    local _, status = shell.with_server(shell.marketplace(
      ("serve %s/handlers.lua --inbox '%s' --stop-seconds 1 --port 0 --no-dispatch"):format(folder,
        url:format(between.port)), "env MARKETPLACE_SECRET='" .. SECRET .. "'"), function(address)
        local answer = raw.connect(address, notification "acknowledged"):receive "*l"
        assert.matches(" 200 ", answer)
        between:freeze()
        unanswered = raw.connect(address, notification "unanswered")
        raw.connect(address, "GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n"):receive "*l"
      end)
    assert.equal(BY_SIGTERM, status)
    assert.is_nil((unanswered:receive "*l"))
    between:thaw()
    local box = assert(inbox.open(url:format(server.port)))
    wait_until("the notification is lost", function() return box:get "acknowledged" ~= nil end)
    box:close()
  end)

  for name, more in pairs { serve = "--port 0", work = "" } do
    it("of " .. name .. " ends the process while it connects to its inbox for the first time #full", function()
      write_handlers ""
      local server = redis_server.start()
      local between = proxy.start(server.port)
      finally(function()
        between:stop()
        server:remove()
      end)
      between:tell "hold ROLE"
      local pipe, pid = shell.in_background(shell.marketplace(
        ("%s %s/handlers.lua --inbox 'redis://127.0.0.1:%d?timeout=5' --stop-seconds 1 %s 2>&1"):format(name, folder,
          between.port, more), "env MARKETPLACE_SECRET='" .. SECRET .. "'"))
      between:wait_until_frozen()
      shell.run("kill -TERM " .. pid)
      local output = pipe:read "*a"
      pipe:close()
      assert.matches(" warning cut off\n", output)
    end)
  end

  it("that takes less is graceful", function()
    write_handlers ""
    put_one()
    local output, status = shell.with_server(command("serve", "--port 0"), function() wait_for_attempt(1) end)
    assert.equal(0, status)
    assert.matches("stopped", output)
    assert.not_matches("cut off", output)
  end)
end)
