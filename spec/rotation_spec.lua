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
    sent = {}, cleaned = {},
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
  local function deliver(id, secret, body, webhook)
    world.sent[#world.sent + 1] = { id = id, webhook = webhook, at = world.now }
    for _, live in ipairs(world.live) do
      if marketplace.verify(live, body, marketplace.sign(secret, body)) then
        world.received[#world.received + 1] = { id = id, secret = live, at = world.now }
        return 200
      end
    end
    return 401
  end

  function world.event(webhook, id)
    return deliver(id, world.apple[webhook], samples.body("ping", { id = id }), webhook)
  end

  function world.options()
    return {
      webhooks = world.webhooks or { "w1" }, generation = world.generation, secret_file = PATH, wait = world.wait or 30,
      grace = world.grace or 5, retire_anyway = world.retire_anyway,
      stop_asked = function() return world.stop_at ~= nil and world.now >= world.stop_at end,
      receiver_url = world.receiver_url, probe = world.probe,
      apple = {
        url = outside("url", function(id)
          if not world.apple[id] then return nil, "there is no such webhook", "missing" end
          return URL
        end),
        set_secret = outside("set_secret", function(id, secret)
          if not world.apple[id] then return nil, "there is no such webhook", "missing" end
          world.apple[id] = secret
          return true
        end),
        ping = world.generation == 2 and outside("ping", function(id)
          if not world.apple[id] then return nil, "there is no such webhook", "missing" end
          world.pings = world.pings + 1
          if not world.silent then world.event(id, "ping-" .. world.pings) end
          return true
        end) or nil,
        delivered = world.generation == 2 and outside("delivered", function(id, since)
          world.asked = (world.asked or 0) + 1
          local ids = {}
          for _, one in ipairs(world.sent) do
            if one.webhook == id and one.at >= since then ids[#ids + 1] = one.id end
          end
          return ids
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
          if world.landing_page then return 200 end
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
        verified = outside("verified", function(fingerprint, since)
          local found = {}
          for _, one in ipairs(world.received) do
            if marketplace.fingerprint(one.secret) == fingerprint and one.at >= since then
              found[#found + 1] = { id = one.id, at = one.at }
            end
          end
          return found
        end),
      },
      files = {
        read = outside("read", function(path)
          if not world.files[path] then return nil, path .. ": there is no such file", "file_missing" end
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
        clean = outside("clean", function(path)
          world.cleaned[#world.cleaned + 1] = path
          return true
        end),
        is_locked = function() return world.locked end,
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
    assert.equal("begin accept reload probe change verify verify settle retire reload done", table.concat(steps, " "))
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
      world.hit, world.kind, world.after = world.touched + 14 + runs % 5, "kill", runs % 2 == 0
      local done = world.run()
      world.check()
    until done == true or runs > 100
    assert.is_true(runs > 2 and runs <= 100)
    expect_through(world)
  end)

  it("gives App Store Connect the same secret again if its answer was lost", function()
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
    assert.is_truthy(message:find("it is not known whether webhook w1 has the new secret: the time limit passed. " ..
      "The receiver accepts the old secret and the new one meanwhile, so nothing is lost. Run the same command again.",
      1, true))
    assert.is_nil(message:find(given[1], 1, true))
    assert.is_true(rotation.run(options))
    assert.equal(2, #given)
    assert.equal(given[1], given[2])
    expect_through(world)
  end)

  it("changes nothing at App Store Connect if the receiver does not accept the new secret", function()
    local world = new_world { deaf = true }
    local done, message, code = world.run()
    assert.is_nil(done)
    assert.equal("probe_failed", code)
    assert.is_truthy(message:find(URL .. " does not accept the new secret (it answers 401)", 1, true), message)
    assert.equal("old", world.apple.w1)
    world.deaf = false
    assert.is_true(world.run())
    expect_through(world)
  end)

  it("says that the receiver could not be told to reread", function()
    local world = new_world()
    local options = world.options()
    options.receiver.reload = function() return nil, "no such process" end
    local _, message, code = rotation.run(options)
    assert.equal("reload_failed", code)
    assert.equal("the receiver could not be told to reread the secret file: no such process. Nothing was changed at " ..
      "App Store Connect. Run the same command again.", message)
  end)

  it("needs room in the secret file also if that was filled meanwhile", function()
    local world = new_world { deaf = true }
    assert.equal("probe_failed", (select(3, world.run())))
    world.files[PATH] = ("old\n"):rep(8)
    local _, message, code = world.run()
    assert.equal("file_failed", code)
    assert.equal("the secret file holds 8 secrets already, and there is no room for another: secrets", message)
  end)

  it("gives the receiver time to reread, and takes another URL for it", function()
    local world = new_world { slow = 7, receiver_url = "http://127.0.0.1:1/x" }
    assert.is_true(world.run())
    assert.equal(8, world.posts)
    assert.equal("http://127.0.0.1:1/x", world.posted_to)
    expect_through(world)
  end)

  it("without a way to reload relies on the receiver, and says so", function()
    local world = new_world { no_reload = true }
    assert.equal("probe_failed", (select(3, world.run())))
    assert.equal("reload nothing was given that makes the receiver reread the secret file: it must do so on its own",
      world.said[#world.said])
    world.while_waiting = function(it)
      it.live = {}
      for line in it.files[PATH]:gmatch "[^\n]+" do it.live[#it.live + 1] = line end
    end
    assert.is_true(world.run())
  end)

  it("waits for a notification, and says so if none comes", function()
    local world = new_world { silent = true }
    local done, message, code = world.run()
    assert.is_nil(done)
    assert.equal("rotation_pending", code)
    assert.matches("no notification signed with the new secret arrived within 30 seconds", message)
    assert.is_truthy(message:find("nothing is lost. Run the same command again.", 1, true), message)
    assert.equal(200, world.event("w1", "later"))
    assert.is_true(world.run())
    assert.equal(1, world.pings) -- what has arrived since is proof enough
    expect_through(world)
  end)

  it("takes parts of seconds", function()
    local world = new_world { silent = true, wait = 20.5, grace = 2.5 }
    assert.matches("no notification .* within 20.5 seconds", (select(2, world.run())))
    world.event("w1", "later")
    assert.is_true(world.run())
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
    expect("the state of the rotation cannot be written: secrets.rotation: read-only file system", { read_only = true })
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
    local world = new_world { silent = true }
    assert.equal("rotation_pending", (select(3, world.run())))
    local written = world.files[STATE]
    local incomplete = { "", "{}", "x", '{"generation":2,"secret":"zz","webhooks":[]}' }
    for _, name in ipairs { "changing_at", "changed_at", "started_at", "probe", "seen", "step" } do
      local text, count = written:gsub('"' .. name .. '":[^,}]+,?', "", 1)
      assert.equal(1, count)
      incomplete[#incomplete + 1] = text:gsub(",}", "}")
    end
    for _, change in ipairs {
      { '"changing_at":%d+', '"changing_at":"soon"' }, { '"webhooks":%b[]', '"webhooks":[]' },
      { '"webhooks":%b[]', '"webhooks":5' }, { '"webhooks":%b[]', '"webhooks":[5]' }, { '"id":"w1"', '"id":5' },
      { '"step":"changed"', '"step":"other"' }, { '"seen":%[%]', '"seen":5' }, { '"seen":%[%]', '"seen":[5]' },
      { '"seen":{}', '"seen":5' }, { '"generation":2', '"generation":"2"' }, { '"secret":"0', '"secret":"x' },
      { '"secret":"0', '"secret":"' }, { '"probe":"0', '"probe":"x' },
    } do
      local text, count = written:gsub(change[1], (change[2]:gsub("%%", "%%%%")))
      if count > 0 then incomplete[#incomplete + 1] = text end
    end
    for _, text in ipairs(incomplete) do
      world = new_world()
      world.files[STATE] = text
      local done, message, code = world.run()
      assert.is_nil(done)
      assert.equal("state_invalid", code)
      assert.is_truthy(message:find("the state of the rotation is damaged: " .. STATE .. ". Move it", 1, true))
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

  it("ends the old secret only when nothing has been signed with it for a while", function()
    local last
    local world = new_world {
      while_waiting = function(it)
        if it.files[STATE] and it.apple.w1 ~= "old" and it.now < 1012 then
          last = it.now
          it.received[#it.received + 1] = { id = "late-" .. it.now, secret = "old", at = it.now }
        end
      end,
    }
    assert.is_true(world.run())
    assert.is_true(last >= 1010)
    assert.is_true(world.now >= last + 5)
    expect_through(world)
    local always = new_world {
      while_waiting = function(it) it.received[#it.received + 1] = { id = "o", secret = "old", at = it.now } end,
    }
    local done, message, code = always.run()
    assert.is_nil(done)
    assert.equal("rotation_pending", code)
    assert.is_truthy(message:find("the old secret is still in use: notification o, signed with the old secret " ..
      marketplace.fingerprint "old", 1, true), message)
    assert.matches("^%x+\nold\n$", always.files[PATH])
  end)

  it("waits for five minutes at most, and for a minute of quiet, if nothing else is said", function()
    local world = new_world()
    local options = world.options()
    options.wait, options.grace, options.stop_asked = nil, nil, nil
    assert.is_true(rotation.run(options))
    assert.is_truthy(table.concat(world.said, "\n"):find(" for 60 seconds", 1, true))
    world = new_world { silent = true }
    options = world.options()
    options.wait = nil
    assert.matches("no notification .* within 300 seconds", (select(2, rotation.run(options))))
  end)

  it("lets a webhook use the old secret until it is given the new one", function()
    local world = new_world { webhooks = { "w1", "w2" }, apple = { w1 = "old", w2 = "old" } }
    local options = world.options()
    local set_secret = options.apple.set_secret
    options.apple.set_secret = function(id, secret)
      if id == "w2" then
        world.now = world.now + 1800
        assert.equal(200, world.event("w2", "while w1 has the new one"))
        world.now = world.now + 1800
      end
      return set_secret(id, secret)
    end
    assert.is_true(rotation.run(options))
    expect_through(world)
  end)

  it("does not end a secret that another webhook still uses", function()
    local world = new_world { generation = 1 }
    assert.equal("rotation_pending", (select(3, world.run())))
    world.now = world.now + 3600
    assert.equal(200, world.event("w1", "proof"))
    world.received[#world.received + 1] = { id = "of another", secret = "old", at = world.now - 60 }
    local done, message, code = world.run()
    assert.is_nil(done)
    assert.equal("rotation_pending", code)
    assert.is_truthy(message:find("notification of another, signed with the old secret " ..
      marketplace.fingerprint "old" .. ", arrived at 1970-01-01T01:", 1, true), message)
    assert.is_truthy(message:find("another webhook probably still uses it", 1, true), message)
    assert.matches("^%x+\nold\n$", world.files[PATH])
    assert.equal("rotation_pending", (select(3, world.run())))
    world.retire_anyway = true
    assert.is_true(world.run())
    expect_through(world)
  end)

  describe("that is resumed when every webhook has proved that it has the new secret", function()
    -- stopped as it begins to settle
    local function verified_world(given)
      local world = new_world(given)
      world.while_waiting = function(it)
        if it.said[#it.said]:find "^settle" then it.stop_at = it.now end
      end
      assert.equal("stopped", (select(3, world.run())))
      assert.matches("^settle ", world.said[#world.said])
      world.stop_at, world.while_waiting, world.said = nil, nil, {}
      return world
    end

    -- with an App Store Connect that must not be asked, and a receiver that gets no probe
    local function run(world)
      local options = world.options()
      for _, outside in ipairs { options.apple, { post = options.receiver.post } } do
        for name in pairs(outside) do
          local place = outside == options.apple and options.apple or options.receiver
          place[name] = function() error(name .. " is called anew") end
        end
      end
      return rotation.run(options)
    end

    it("asks App Store Connect nothing anew", function()
      for _, given in ipairs {
        {}, { generation = 1, received = { { id = "proof", at = 1000 } } },
        { webhooks = { "w1", "w2" }, apple = { w1 = "old", w2 = "old" } },
      } do
        if given.received then given.received[1].secret = ("01"):rep(32) end
        local world = verified_world(given)
        assert.is_true(run(world))
        assert.matches("^resume ", world.said[1])
        expect_through(world)
      end
    end)

    it("ends at once if it has been quiet long enough since", function()
      local world = verified_world()
      world.now = world.now + 3600
      local before = world.now
      assert.is_true(run(world))
      assert.equal(before, world.now)
    end)

    it("says at once that an old secret was used late", function()
      local world = verified_world()
      world.now = world.now + 3600
      world.received[#world.received + 1] = { id = "late", secret = "old", at = world.now - 10 }
      local before = world.now
      local done, message, code = run(world)
      assert.is_nil(done)
      assert.equal("rotation_pending", code)
      assert.is_truthy(message:find("notification late, signed with the old secret ", 1, true), message)
      assert.equal(before, world.now)
    end)

    it("takes for late what comes more than a minute and the quiet time after the change", function()
      for seconds, expected in pairs { [65] = true, [66] = "rotation_pending" } do
        local world = verified_world()
        local at = tonumber(world.files[STATE]:match '"changed_at":(%d+)') + seconds
        world.received[#world.received + 1] = { id = "a", secret = "old", at = at }
        world.now = at + 3600
        local done, _, code = run(world)
        assert.equal(expected, done or code)
      end
    end)

    it("knows that the receiver takes the new secret", function()
      local world = verified_world()
      world.received[#world.received + 1] = { id = "a", secret = "old", at = world.now }
      world.while_waiting = function(it)
        it.received[#it.received].at = it.now
      end
      local done, message = run(world)
      assert.is_nil(done)
      assert.is_truthy(message:find("nothing is lost", 1, true), message)
    end)

    it("waits for the quiet time anew if the clock was set back before the proof", function()
      local world = verified_world()
      world.now = world.now - 500
      local before = world.now
      assert.is_true(run(world))
      assert.equal(before + 5, world.now)
    end)
  end)

  -- somebody who has it would else keep it alive by using it
  it("ends a leaked secret that is still used, if it is told to", function()
    local world = new_world()
    world.received[1] = { id = "forged", secret = "old", at = world.now + 86400 }
    assert.equal("rotation_pending", (select(3, world.run())))
    assert.matches("\nold\n$", world.files[PATH])
    world.grace, world.retire_anyway = 0, true
    assert.is_true(world.run())
    expect_through(world)
  end)

  it("does not take a page that answers 200 for the receiver", function()
    local world = new_world { landing_page = true }
    local done, message, code = world.run()
    assert.is_nil(done)
    assert.equal("probe_failed", code)
    assert.is_truthy(message:find("it answers 200, but the ping is not in the inbox", 1, true), message)
    assert.is_truthy(message:find("so nothing was changed at App Store Connect", 1, true), message)
    assert.equal("old", world.apple.w1)
    world.landing_page = false
    world.silent = true
    assert.equal("rotation_pending", (select(3, world.run())))
    -- what an earlier run left in the inbox does not help the page either
    world.landing_page = true
    done, message, code = world.run()
    assert.is_nil(done)
    assert.equal("probe_failed", code)
    assert.is_truthy(message:find("App Store Connect may have been given it before", 1, true), message)
  end)

  it("says that nothing is lost only if the receiver accepts the new secret", function()
    local function problem_of(given)
      given.silent = true
      return (select(2, new_world(given).run()))
    end
    assert.is_truthy(problem_of({}):find("so nothing is lost", 1, true))
    local message = problem_of { probe = false }
    assert.is_nil(message:find("nothing is lost", 1, true))
    assert.matches("It is not known whether the receiver accepts the new secret: look for answers of 401", message)
  end)

  it("does not take one webhook's notification for another's", function()
    local world = new_world {
      webhooks = { "w1", "w2" }, apple = { w1 = "old", w2 = "old" }, silent = true,
    }
    -- an event of the first, and one of both, which the receiver knows from the first
    world.while_waiting = function(it)
      if it.apple.w1 == "old" or it.done then return end
      it.done = true
      it.event("w1", "of one")
      it.event("w1", "of both")
      it.sent[#it.sent + 1] = { webhook = "w2", id = "of both", at = it.now }
    end
    local done, message, code = world.run()
    assert.is_nil(done)
    assert.equal("rotation_pending", code)
    assert.matches("^webhook w2: no notification .* within 30 seconds", message)
    world.while_waiting = function(it)
      if it.now % 7 == 0 then it.event("w2", "of two " .. it.now) end
    end
    assert.is_true(world.asked < 20) -- App Store Connect counts how often it is asked
    assert.is_true(world.run())
    expect_through(world)
  end)

  it("takes a notification as the proof of one webhook only, even if nobody knows whose it is", function()
    local world = new_world {
      generation = 1, webhooks = { "w1", "w2" }, apple = { w1 = "old", w2 = "old" },
      while_waiting = function(it)
        if it.apple.w1 ~= "old" and not it.done then
          it.done = true
          it.event("w1", "the only one")
        end
      end,
    }
    local _, message, code = world.run()
    assert.equal("rotation_pending", code)
    assert.matches("^webhook w2: ", message)
    world.event("w2", "another")
    assert.is_true(world.run())
    expect_through(world)
  end)

  it("takes what App Store Connect's clock, a minute behind, sent after the change", function()
    local world = new_world { silent = true }
    world.while_waiting = function(it)
      if it.apple.w1 == "old" or it.done then return end
      it.done = true
      it.event("w1", "proof")
      it.sent[#it.sent].at = it.now - 60
    end
    assert.is_true(world.run())
    expect_through(world)
  end)

  it("goes on without a webhook that is deleted before its ping", function()
    local world = new_world { webhooks = { "w1", "w2" }, apple = { w1 = "old", w2 = "old" } }
    local options = world.options()
    local ping = options.apple.ping
    options.apple.ping = function(id)
      if id == "w1" then world.apple.w1 = nil end
      return ping(id)
    end
    assert.is_true(rotation.run(options))
    assert.matches("drop webhook w1 no longer exists", table.concat(world.said, "\n"))
    assert.same({ w2 = world.files[PATH]:match "%x+" }, world.apple)
  end)

  it("says which webhook could not be asked for a ping", function()
    local world = new_world()
    local options = world.options()
    options.apple.ping = function() return nil, "not now", "api_error" end
    local _, message, code = rotation.run(options)
    assert.equal("api_error", code)
    assert.matches("^webhook w1: no ping: not now%. The receiver accepts the old secret and the new one", message)
  end)

  it("knows from a notification that the receiver takes the new secret, without a probe too", function()
    local world = new_world {
      probe = false,
      while_waiting = function(it) it.received[#it.received + 1] = { id = "o", secret = "old", at = it.now } end,
    }
    local _, message = world.run()
    assert.matches("^the old secret is still in use.*so nothing is lost", message)
    assert.is_truthy(table.concat(world.said, "\n"):find("probe skipped", 1, true))
  end)

  it("waits ten seconds for the receiver to reread, without a word", function()
    local world = new_world { deaf = true }
    local before = world.now
    world.run()
    assert.equal(10, world.now - before)
    assert.matches("^reload ", world.said[#world.said])
  end)

  it("says every ten seconds that it waits, and where to look", function()
    local world = new_world { silent = true }
    local _, message = world.run()
    local told = {}
    for _, line in ipairs(world.said) do told[#told + 1] = line:match "nothing after (%d+) of 30 seconds" end
    assert.same({ "10", "20" }, told)
    assert.is_truthy(message:find("look for answers of 401 in the receiver's log, and see what was sent: " ..
      "marketplace webhooks deliveries w1", 1, true), message)
  end)

  it("names secrets by their fingerprints", function()
    local world = new_world()
    assert.is_true(world.run())
    local old, new = marketplace.fingerprint "old", marketplace.fingerprint(world.apple.w1)
    local said = table.concat(world.said, "\n")
    for _, line in ipairs {
      "begin a new secret, " .. new, "accept the secret file holds " .. new .. ", " .. old, "retire the secret file " ..
      "holds " .. new .. " only", "for webhook w1", "signed with " .. new, "signed with " .. old,
    } do
      assert.is_truthy(said:find(line, 1, true), line)
    end
  end)

  it("stops when it is asked to, and goes on later", function()
    local world = new_world { silent = true, stop_at = 1003 }
    local done, message, code = world.run()
    assert.is_nil(done)
    assert.equal("stopped", code)
    assert.equal("stopped; run the same command again", message)
    assert.is_false(world.locked)
    assert.is_true(world.now < 1006)
    world.stop_at, world.silent = nil, false
    assert.is_true(world.run())
    expect_through(world)
    world = new_world { stop_at = 0 }
    assert.equal("stopped", (select(3, world.run())))
    assert.is_nil(world.files[STATE])
  end)

  it("goes on without a webhook that was deleted meanwhile", function()
    for _, silent in ipairs { true, false } do
      local world = new_world {
        webhooks = { "w1", "w2" }, apple = { w1 = "old", w2 = "old" }, silent = silent, deaf = not silent,
      }
      assert.is_nil((world.run()))
      world.silent, world.deaf, world.apple.w2 = false, false, nil
      assert.is_true(world.run())
      assert.matches("drop webhook w2 no longer exists", table.concat(world.said, "\n"))
      expect_through(world)
    end
    -- between the question for its URL and the change
    local world = new_world { webhooks = { "w1", "w2" }, apple = { w1 = "old", w2 = "old" }, slow = 1 }
    world.while_waiting = function(it) it.apple.w2 = nil end
    assert.is_true(world.run())
    expect_through(world)
  end)

  it("can be ended before App Store Connect has the new secret, and not later", function()
    local world = new_world { deaf = true }
    assert.equal("probe_failed", (select(3, world.run())))
    assert.matches("^%x+\nold\n$", world.files[PATH])
    assert.is_true(rotation.abort(world.options()))
    assert.same({ [PATH] = "old\n" }, world.files)
    assert.matches("restore the secret file holds " .. marketplace.fingerprint "old", table.concat(world.said, "\n"))
    -- an operator may have put the old secret back
    local mended = new_world { deaf = true }
    assert.is_nil((mended.run()))
    mended.files[PATH], mended.read_only = "old\n", true
    assert.is_true(rotation.abort(mended.options()))
    local done, message, code = rotation.abort(world.options())
    assert.is_nil(done)
    assert.equal("no rotation is under way", message)
    assert.equal("rotation_invalid", code)
    world = new_world { silent = true }
    assert.equal("rotation_pending", (select(3, world.run())))
    local files = { world.files[PATH], world.files[STATE] }
    done, message = rotation.abort(world.options())
    assert.is_nil(done)
    assert.matches("may sign with the new secret for webhook w1 already", message)
    assert.same(files, { world.files[PATH], world.files[STATE] })
    -- nor if App Store Connect cannot be asked
    local options = world.options()
    options.apple.url = function() return nil, "no answer", "timeout" end
    assert.matches("may sign with the new secret for webhook w1 already", (select(2, rotation.abort(options))))
    assert.same(files, { world.files[PATH], world.files[STATE] })
    -- nor a dead end where all webhooks were deleted
    world.apple.w1 = nil
    for _ = 1, 2 do
      done, message = world.run()
      assert.is_nil(done)
      assert.equal("none of the webhooks exists any longer: undo the rotation with --abort", message)
    end
    assert.is_true(rotation.abort(world.options()))
    assert.equal("old\n", world.files[PATH])
    assert.is_nil(world.files[STATE])
  end)

  it("is not ended if something fails, and says what", function()
    local failures = {
      read = "the secret file cannot be read: injected failure of read",
      replace = "the secret file cannot be written: injected failure of replace",
      reload = "the receiver could not be told to reread the secret file: injected failure of reload. Nothing was " ..
        "changed at App Store Connect. Run the same command again.",
      remove = "the state of the rotation cannot be removed: injected failure of remove",
    }
    for name, expected in pairs(failures) do
      local world = new_world { deaf = true }
      assert.equal("probe_failed", (select(3, world.run())))
      local options = world.options()
      local owner = options.receiver[name] and options.receiver or options.files
      local real = owner[name]
      owner[name] = function(path, ...)
        if name == "read" and path ~= PATH then return real(path, ...) end
        return nil, "injected failure of " .. name, "injected"
      end
      local done, message, code = rotation.abort(options)
      assert.is_nil(done)
      assert.equal(expected, message)
      assert.equal(name == "reload" and "reload_failed" or "injected", code)
      assert.is_string(world.files[STATE])
      assert.is_true(rotation.abort(world.options()))
      assert.same({ [PATH] = "old\n" }, world.files)
    end
  end)

  it("is not ended if that would leave no secret", function()
    local world = new_world { deaf = true }
    assert.equal("probe_failed", (select(3, world.run())))
    world.check = function() end
    local new = world.files[PATH]:match "^%x+\n"
    world.files[PATH] = new
    local done, message, code = rotation.abort(world.options())
    assert.same({ nil, "the secret file holds no other secret to go back to: secrets", "rotation_invalid" },
      { done, message, code })
    assert.equal(new, world.files[PATH])
  end)

  it("that asks for a webhook in vain says for which, and why", function()
    local world = new_world { silent = true }
    assert.equal("rotation_pending", (select(3, world.run())))
    local options = world.options()
    options.apple.url = function() return nil, "no answer", "timeout" end
    assert.same({ nil, "webhook w1: no answer", "timeout" }, { rotation.run(options) })
  end)

  it("of the same webhooks in another order is the same", function()
    local world = new_world { webhooks = { "w1", "w2" }, apple = { w1 = "old", w2 = "old" }, silent = true }
    assert.equal("rotation_pending", (select(3, world.run())))
    world.webhooks, world.silent = { "w2", "w1" }, false
    assert.is_true(world.run())
    expect_through(world)
  end)

  it("removes what killed processes left of its files", function()
    local world = new_world()
    assert.is_true(world.run())
    assert.same({ STATE, PATH }, world.cleaned)
  end)

  it("can be tried beforehand, which changes nothing", function()
    local function expect(pattern, given)
      local world = new_world(given)
      local before = world.files[PATH]
      local done, message = rotation.check(world.options())
      if pattern then assert.is_truthy((message or ""):find(pattern, 1, true), message)
      else assert.is_true(done, message) end
      assert.equal(before, world.files[PATH])
      assert.is_nil(world.files[LOCK])
      assert.same({ 0, "old" }, { world.pings, world.apple.w1 })
    end
    expect(nil, {})
    expect("there is no room for another", { files = { [PATH] = ("old\n"):rep(8) } })
    expect("webhook w9: there is no such webhook", { webhooks = { "w9" } })
    expect("the state of the rotation is damaged", { files = { [PATH] = "old\n", [STATE] = "" } })
    local world = new_world { silent = true }
    assert.equal("rotation_pending", (select(3, world.run())))
    local files = { world.files[PATH], world.files[STATE] }
    assert.is_true(rotation.check(world.options()))
    assert.matches("^resume an earlier rotation would continue$", world.said[#world.said])
    assert.same(files, { world.files[PATH], world.files[STATE] })
    world.files[PATH] = world.files[PATH]:match "^%x+\n" .. ("old\n"):rep(7)
    assert.is_true(rotation.check(world.options()))
    world.webhooks = { "w2" }
    assert.matches("is under way", (select(2, rotation.check(world.options()))))
    -- it would be left out
    world.webhooks, world.apple.w1 = nil, nil
    assert.is_true(rotation.check(world.options()))
    local options = world.options()
    options.apple.url = function() return nil, "no answer", "timeout" end
    assert.same({ nil, "webhook w1: no answer", "timeout" }, { rotation.check(options) })
  end)

  it("is done by one process at a time", function()
    local world = new_world { locked = true }
    for _, act in ipairs { rotation.run, rotation.abort, rotation.check } do
      assert.same({ nil, "another rotation is running with this state: " .. STATE, "locked" }, { act(world.options()) })
    end
    assert.equal("old\n", world.files[PATH])
  end)

  it("raises for a mistake in the program", function()
    local function problem(more)
      local options = new_world().options()
      for name, value in pairs(more) do options[name] = value end
      local ok, message = pcall(function()
        local done = rotation.run(options)
        return done
      end)
      assert.is_false(ok)
      return message
    end
    assert.is_false((pcall(rotation.run)))
    assert.matches("^spec/rotation_spec.lua:%d+: marketplace.rotation: option 'webhooks' must not be an empty list$",
      problem { webhooks = {} })
    assert.matches("^spec/rotation_spec.lua:%d+: marketplace.rotation: unknown option 'nonsense'",
      problem { nonsense = 1 })
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

  -- Goes on after a SIGINT, with which it ends in good order; what it then says.
  local function interrupted(rotate)
    local pipe = assert(io.popen(("sh -c 'echo $$; exec %s' 2>&1; echo status $?"):format(
      rotate:gsub("^ *([^ ]*=.*) (%S+ bin/)", "env %1 %2"):gsub("--grace 1", "--grace 60"))))
    local pid = pipe:read "*l"
    local said = {}
    for line in pipe:lines() do
      said[#said + 1] = line
      if line:find "^settle" then os.execute("kill -INT " .. pid) end
    end
    pipe:close()
    local all = table.concat(said, "\n")
    assert.matches("marketplace: stopped; run the same command again\nstatus 1$", all)
    assert.is_nil(all:find("traceback", 1, true))
    return shell.run(rotate)
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
        local rotate = webhooks(("rotate-secret %s --yes --grace 1 --secret-file @secrets --pid-file @pid --inbox " ..
          "sqlite:@db")
          :format(id))
        for hundredths = 1, 12 do
          shell.capture(("%s & sleep 0.%02d; kill -9 $!; wait $!"):format(rotate, hundredths))
          shell.run(webhooks("ping " .. id))
        end
        assert.matches("the rotation is complete$", interrupted(rotate))
        assert.matches("^%x+$", shell.run(in_folder "cat @secrets"))
        shell.run(webhooks("ping " .. id))
        local list = webhooks("deliveries " .. id .. " --json --state ")
        repeat until shell.run(list .. "PENDING") == ""
        assert.equal("", shell.run(list .. "FAILED"))
        assert.is_true(select(2, shell.run(list .. "SUCCEEDED"):gsub("\n", "")) >= 12)
      end)
    end)
  end)
end)
