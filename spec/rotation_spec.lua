local marketplace = require "marketplace"
local rotation = require "marketplace.rotation"
local samples = require "marketplace.samples"
local shell = require "support.shell"
local simulation = require "support.simulation"

local PATH, STATE, LOCK = "secrets", "secrets.rotation", "secrets.rotation.lock"
local URL = "https://receiver.example/notifications"
local KILLED = { killed = true }

-- A receiver, its files and its inbox, and App Store Connect, in memory. The Nth time (`world.hit`) that the process
-- touches the outside it is killed, or what it asked for fails (`world.kind`): before it was done or after it
-- (`world.after`).
local function new_world(given)
  given = given or {}
  local world = {
    now = 1000, random = 0, touched = 0, said = {}, locked = false, received = {}, pings = 0, posts = 0,
    files = { [PATH] = "old\n" }, live = { "old" }, apple = { w1 = "old" }, generation = 2, requests = {},
  }
  for name, value in pairs(given) do world[name] = value end

  local function lines()
    local list = {}
    for line in (world.files[PATH] or ""):gmatch "[^\n]+" do list[#list + 1] = line end
    return list
  end

  -- What App Store Connect may sign with must be in the file at every moment, for the receiver may reread it at any.
  function world.check()
    local held = {}
    for _, secret in ipairs(lines()) do held[secret] = true end
    for id, secret in pairs(world.apple) do
      assert.is_true(held[secret], ("webhook %s signs with what the secret file lacks"):format(id))
    end
  end

  local function touch(name, effect)
    world.touched = world.touched + 1
    local is_hit = world.touched == world.hit
    local before = is_hit and not world.after
    if before and world.kind == "kill" then error(KILLED, 0) end
    if before then return nil, "injected failure of " .. name, "injected" end
    local a, b, c = effect()
    world.check()
    if is_hit and world.kind == "kill" then error(KILLED, 0) end
    if is_hit then return nil, "injected failure of " .. name, "injected" end
    return a, b, c
  end

  local function outside(name, effect)
    return function(...)
      local first, second, third = ...
      return touch(name, function() return effect(first, second, third) end)
    end
  end

  -- One of App Store Connect's: the receiver takes what is signed with a secret that it has read.
  local function deliver(id, secret, body)
    for _, live in ipairs(world.live) do
      if marketplace.verify(live, body, marketplace.sign(secret, body)) then
        world.received[#world.received + 1] = { id = id, secret = live, at = world.now }
        return 200
      end
    end
    return 401
  end

  function world.event(webhook, id)
    return deliver(id, world.apple[webhook], samples.body("ping", { id = id }))
  end

  function world.options()
    return {
      webhooks = world.webhooks or { "w1" }, generation = world.generation, secret_file = PATH, wait = 30,
      receiver_url = world.receiver_url, probe = world.probe,
      apple = {
        url = outside("url", function(id)
          if not world.apple[id] then return nil, "there is no such webhook" end
          return URL
        end),
        set_secret = outside("set_secret", function(id, secret)
          world.apple[id] = secret
          return true
        end),
        ping = world.generation == 2 and outside("ping", function(id)
          world.pings = world.pings + 1
          if not world.silent then world.event(id, "ping-" .. world.pings) end
          return true
        end) or nil,
      },
      receiver = {
        reload = not world.no_reload and outside("reload", function()
          if not world.deaf then world.live = lines() end
          return true
        end) or nil,
        post = outside("post", function(url, header, body)
          world.posts, world.posted_to = world.posts + 1, url
          if world.posts <= (world.slow or 0) then return 503 end
          for _, live in ipairs(world.live) do
            if marketplace.verify(live, body, header) then
              local id = marketplace.parse(body).id
              world.received[#world.received + 1] = { id = id, secret = live, at = world.now }
              return 200
            end
          end
          return 401
        end),
      },
      inbox = {
        verified = outside("verified", function(secret, since)
          local ids = {}
          for _, one in ipairs(world.received) do
            if one.secret == secret and one.at >= since then ids[#ids + 1] = one.id end
          end
          return ids
        end),
      },
      files = {
        read = outside("read", function(path)
          if not world.files[path] then return nil, path .. ": there is no such file", "missing" end
          return world.files[path]
        end),
        replace = outside("replace", function(path, bytes, how)
          if world.read_only then return nil, path .. ": read-only file system", "file_failed" end
          if how == "new" and world.files[path] then return nil, path .. ": it exists already", "file_exists" end
          world.files[path] = bytes
          return true
        end),
        remove = outside("remove", function(path)
          world.files[path] = nil
          return true
        end),
        lock = function(path)
          if world.locked then return nil, path .. ": another process holds this lock", "locked" end
          world.locked, world.files[path] = true, ""
          return { close = function() world.locked = false end }
        end,
      },
      clock = function() return world.now end,
      sleep = function(seconds)
        assert.is_true(world.locked)
        world.now = world.now + seconds
        if world.while_waiting then world.while_waiting(world) end
      end,
      random_hex = function(bytes)
        world.random = world.random + 1
        return ("%02x"):format(world.random):rep(bytes)
      end,
      say = function(step, text) world.said[#world.said + 1] = step .. " " .. text end,
    }
  end

  -- As another process, whose locks end with it.
  function world.run()
    local ok, done, message, code = pcall(rotation.run, world.options())
    if not ok then
      assert.equal(KILLED, done)
      world.locked = false
      return "killed"
    end
    return done, message, code
  end

  return world
end

local function expect_through(world)
  assert.is_nil(world.files[STATE])
  assert.is_false(world.locked)
  local secret = world.files[PATH]:match "^(%x+)\n$"
  assert.is_truthy(secret, world.files[PATH])
  for _, signs_with in pairs(world.apple) do assert.equal(secret, signs_with) end
  assert.same({ secret }, world.live)
  assert.is_nil(table.concat(world.said, "\n"):find(secret, 1, true))
  assert.equal(200, world.event("w1", "afterwards"))
end

describe("a rotation", function()
  it("goes through, a line for each step", function()
    local world = new_world()
    assert.is_true(world.run())
    expect_through(world)
    assert.is_nil(world.files[LOCK])
    assert.equal(("01"):rep(32) .. "\n", world.files[PATH])
    assert.equal(URL, world.posted_to)
    local steps = {}
    for i, line in ipairs(world.said) do steps[i] = line:match "^%S+" end
    assert.equal("begin accept reload probe change verify verify retire reload done", table.concat(steps, " "))
  end)

  it("of several webhooks with one secret ends the old one when all of them have the new one", function()
    local world = new_world { webhooks = { "w1", "w2", "w3" }, apple = { w1 = "old", w2 = "old", w3 = "old" } }
    assert.is_true(world.run())
    expect_through(world)
    assert.equal(3, world.pings)
    assert.equal(1, world.posts)
  end)

  it("keeps older secrets until the end", function()
    local world = new_world {
      files = { [PATH] = "old\n\nolder" }, live = { "old", "older" }, apple = { w1 = "older" }, silent = true,
    }
    assert.equal("rotation_pending", (select(3, world.run())))
    assert.matches("^%x+\nold\nolder\n$", world.files[PATH])
    world.silent = false
    assert.is_true(world.run())
    expect_through(world)
  end)

  local function touches_of(given)
    local world = new_world(given)
    assert.is_true(world.run())
    return world.touched
  end

  for _, case in ipairs {
    { "one webhook", {} },
    { "two webhooks", { webhooks = { "w1", "w2" } } },
    { "a generation 1 webhook", {
      generation = 1,
      while_waiting = function(world) world.event("w1", "event-" .. world.now) end,
    } },
    { "no probe", { probe = false } },
  } do
    for _, kind in ipairs { "kill", "fail" } do
      for _, after in ipairs { false, true } do
        it(("of %s can be stopped (%s %s) at each point and run again"):format(case[1], kind,
          after and "after" or "before"), function()
          local function world_of(more)
            local given = { apple = case[2].webhooks and { w1 = "old", w2 = "old" } or { w1 = "old" } }
            for name, value in pairs(case[2]) do given[name] = value end
            for name, value in pairs(more) do given[name] = value end
            return new_world(given)
          end
          local stopped = 0
          for hit = 1, touches_of(world_of {}) do
            local world = world_of { hit = hit, kind = kind, after = after }
            local done, message = world.run()
            if done ~= true then
              stopped = stopped + 1
              if kind == "fail" then assert.is_string(message) end
            end
            -- whatever App Store Connect signs with, a receiver that is started now takes it
            world.check()
            world.hit = nil
            if world.files[STATE] or done ~= true then assert.is_true(world.run()) end
            expect_through(world)
          end
          assert.is_true(stopped > 10)
        end)
      end
    end
  end

  it("can be stopped again and again", function()
    local world = new_world { webhooks = { "w1", "w2" }, apple = { w1 = "old", w2 = "old" } }
    local runs = 0
    repeat
      runs = runs + 1
      world.hit, world.kind, world.after = world.touched + 6 + runs % 5, "kill", runs % 2 == 0
      local done = world.run()
      world.check()
    until done == true or runs > 100
    assert.is_true(runs > 2 and runs <= 100)
    expect_through(world)
  end)

  it("gives App Store Connect the same secret again where its answer was lost", function()
    local world = new_world()
    local options = world.options()
    local given = {}
    local set_secret = options.apple.set_secret
    options.apple.set_secret = function(id, secret)
      given[#given + 1] = secret
      set_secret(id, secret)
      if #given == 1 then return nil, "the time limit passed", "timeout" end
      return true
    end
    local done, message, code = rotation.run(options)
    assert.is_nil(done)
    assert.equal("timeout", code)
    assert.is_truthy(message:find("whether webhook w1 has the new secret is not known: the time limit passed. The " ..
      "receiver accepts the old secret and the new one meanwhile, so nothing is lost. Run the same command again.", 1,
      true))
    assert.is_nil(message:find(given[1], 1, true))
    assert.is_true(rotation.run(options))
    assert.equal(2, #given)
    assert.equal(given[1], given[2])
    expect_through(world)
  end)

  it("changes nothing at App Store Connect where the receiver has not taken the new secret", function()
    local world = new_world { deaf = true }
    local done, message, code = world.run()
    assert.is_nil(done)
    assert.equal("probe_failed", code)
    assert.is_truthy(message:find(URL .. " has not taken the new secret (it answers 401)", 1, true), message)
    assert.equal("old", world.apple.w1)
    world.deaf = false
    assert.is_true(world.run())
    expect_through(world)
  end)

  it("gives the receiver time to reread, and takes another URL for it", function()
    local world = new_world { slow = 7, receiver_url = "http://127.0.0.1:1/x" }
    assert.is_true(world.run())
    assert.equal(8, world.posts)
    assert.equal("http://127.0.0.1:1/x", world.posted_to)
    expect_through(world)
  end)

  it("without a way to reload relies on the receiver", function()
    local world = new_world { no_reload = true }
    assert.equal("probe_failed", (select(3, world.run())))
    world.while_waiting = function(it)
      it.live = {}
      for line in it.files[PATH]:gmatch "[^\n]+" do it.live[#it.live + 1] = line end
    end
    assert.is_true(world.run())
  end)

  it("waits for a notification, and says so where none comes", function()
    local world = new_world { silent = true }
    local done, message, code = world.run()
    assert.is_nil(done)
    assert.equal("rotation_pending", code)
    assert.is_truthy(message:find("within 30 seconds no notification arrived", 1, true), message)
    assert.is_truthy(message:find("nothing is lost. Run the same command again.", 1, true), message)
    assert.equal(200, world.event("w1", "later"))
    assert.is_true(world.run())
    assert.equal(1, world.pings) -- what has arrived since is proof enough
    expect_through(world)
  end)

  it("of generation 1 waits for what comes anyway", function()
    local world = new_world { generation = 1 }
    local done, message, code = world.run()
    assert.is_nil(done)
    assert.equal("rotation_pending", code)
    assert.is_truthy(message:find("generation 1 has no ping", 1, true), message)
    world.while_waiting = function(it)
      if it.now > 1100 then it.event("w1", "at last") end
    end
    world.now = 1090
    assert.is_true(world.run())
    expect_through(world)
  end)

  it("is not taken in by its own probe", function()
    local world = new_world { silent = true }
    assert.equal("rotation_pending", (select(3, world.run())))
    assert.equal("rotation_pending", (select(3, world.run())))
    assert.equal(2, world.posts)
  end)

  it("refuses, before it changes anything, what cannot go well", function()
    local function expect(pattern, given, webhooks)
      local world = new_world(given)
      local before = world.files[PATH]
      world.webhooks = webhooks
      local done, message, code = world.run()
      assert.is_nil(done)
      assert.is_truthy(message:find(pattern, 1, true), message)
      assert.is_string(code or "")
      assert.equal(before, world.files[PATH])
      assert.is_nil(world.files[STATE])
      assert.equal("old", world.apple.w1)
    end
    local all = ("old\n"):rep(8)
    expect("holds 8 secrets already, and there is no room", { files = { [PATH] = all } })
    expect("a state file cannot be made: secrets.rotation: read-only file system", { read_only = true })
    expect("webhook w9: there is no such webhook", {}, { "w1", "w9" })
    for _, text in ipairs { "", "\n\r\n" } do
      local world = new_world { files = { [PATH] = text } }
      world.check = function() end
      local done, message = world.run()
      assert.is_nil(done)
      assert.matches("the secret file holds no secret: secrets", message)
      assert.is_nil(world.files[STATE])
    end
  end)

  it("leaves the rotation of another webhook alone", function()
    local world = new_world { silent = true, apple = { w1 = "old", w2 = "old" } }
    assert.equal("rotation_pending", (select(3, world.run())))
    local files = { world.files[PATH], world.files[STATE] }
    for _, other in ipairs { { webhooks = { "w2" } }, { webhooks = { "w1", "w2" } }, { generation = 1 } } do
      local webhooks, generation = world.webhooks, world.generation
      for name, value in pairs(other) do world[name] = value end
      local done, message, code = world.run()
      assert.is_nil(done)
      assert.equal("rotation_invalid", code)
      assert.is_truthy(message:find("a rotation of webhook w1 (generation 2) is under way: finish that one first", 1,
        true), message)
      assert.same(files, { world.files[PATH], world.files[STATE] })
      world.webhooks, world.generation = webhooks, generation
    end
    world.silent, world.apple.w2 = false, nil
    assert.is_true(world.run())
    expect_through(world)
  end)

  it("refuses a state file that is none", function()
    for _, text in ipairs { "", "{}", "x", '{"generation":2,"secret":"zz","webhooks":[]}' } do
      local world = new_world()
      world.files[STATE] = text
      local done, message, code = world.run()
      assert.is_nil(done)
      assert.equal("rotation_invalid", code)
      assert.equal("this is not the state of a rotation: " .. STATE, message)
      assert.equal("old\n", world.files[PATH])
    end
  end)

  it("says where the new secret is when the secret file was wiped in the middle", function()
    local world = new_world { silent = true }
    assert.equal("rotation_pending", (select(3, world.run())))
    world.check = function() end
    world.files[PATH] = ""
    local done, message = world.run()
    assert.is_nil(done)
    assert.is_truthy(message:find("holds no secret: secrets. Put the old secret back; the new one is in " .. STATE, 1,
      true), message)
  end)

  it("is done by one process at a time", function()
    local world = new_world { locked = true }
    local done, message, code = world.run()
    assert.is_nil(done)
    assert.equal("locked", code)
    assert.matches("another process holds", message)
    assert.equal("old\n", world.files[PATH])
  end)

  it("raises for a mistake in the program", function()
    assert.is_false((pcall(rotation.run)))
    local options = new_world().options()
    options.webhooks = {}
    assert.is_false((pcall(rotation.run, options)))
    options.webhooks, options.nonsense = { "w1" }, 1
    assert.is_false((pcall(rotation.run, options)))
  end)
end)

describe("marketplace webhooks rotate-secret", function()
  local folder

  setup(function() folder = shell.run "mktemp -d" end)
  teardown(function() shell.run("rm -rf " .. folder) end)

  local function in_folder(arguments) return (arguments:gsub("@", folder .. "/")) end

  local function with_server(arguments, use)
    return shell.with_server(shell.marketplace(in_folder(arguments)), use)
  end

  it("goes on where kill -9 ended it, and no delivery fails meanwhile", function()
    shell.run(in_folder "printf 'old\\n' > @secrets")
    local serve = "serve examples/marketplace.lua --port 0 --secret-file @secrets --pid-file @pid --inbox sqlite:@db"
    with_server(serve, function(url)
      with_server("simulate --port 0 --key-file @key --app " .. simulation.APP, function(api)
        local environment = in_folder(("MARKETPLACE_API_URL=%s MARKETPLACE_KEY_FILE=@key MARKETPLACE_KEY_ID=%s " ..
          "MARKETPLACE_ISSUER_ID=%s"):format(api, simulation.KEY_ID, simulation.ISSUER))
        local function webhooks(arguments)
          return shell.marketplace(in_folder("webhooks " .. arguments), environment)
        end
        local made = shell.run(webhooks(("create --json --app %s --name x --url %s --secret-file @secrets"):format(
          simulation.APP, url)))
        local id = made:match '"id":"([^"]+)"'
        local rotate = webhooks(("rotate-secret %s --yes --secret-file @secrets --pid-file @pid --inbox sqlite:@db")
          :format(id))
        for hundredths = 1, 12 do
          shell.capture(("%s & sleep 0.%02d; kill -9 $!; wait $!"):format(rotate, hundredths))
          shell.run(webhooks("ping " .. id))
        end
        assert.matches("the rotation is through$", shell.run(rotate))
        assert.matches("^%x+$", shell.run(in_folder "cat @secrets"))
        shell.run(webhooks("ping " .. id))
        local list = webhooks("deliveries " .. id .. " --json --state ")
        repeat until shell.run(list .. "PENDING") == ""
        assert.equal("", shell.run(list .. "FAILED"))
        assert.is_true(select(2, shell.run(list .. "SUCCEEDED"):gsub("\n", "")) >= 13)
      end)
    end)
  end)
end)
