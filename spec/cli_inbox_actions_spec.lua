-- marketplace inbox, in this process, on an inbox in memory that stands for a shared one.
local cli = require "marketplace.cli"
local confirmation = require "marketplace.cli.support.confirmation"
local core = require "marketplace.core"
local inboxes = require "marketplace.inbox"
local json = require "marketplace.json"
local memory = require "marketplace.inbox.memory"
local output = require "marketplace.cli.support.output"
local shell = require "support.shell"

local DAY = 86400

describe("marketplace inbox", function()
  local box, now, written, noted, stubs

  before_each(function()
    now, written, noted = 100 * DAY, {}, {}
    box = memory.new { clock = function() return now end }
    stubs = {
      stub(inboxes, "open", function() return setmetatable({ close = function() end }, { __index = box }) end),
      stub(core, "now", function() return now end),
      stub(core, "sleep"),
      stub(output, "raw", function(bytes) written[#written + 1] = bytes end),
      stub(output, "note", function(message) noted[#noted + 1] = message end),
      stub(os, "getenv", function(name) return name == "HOME" and "/nowhere" or nil end),
    }
  end)

  after_each(function()
    for _, one in ipairs(stubs) do one:revert() end
  end)

  local function put(id, app, more)
    local record = {
      key = id, digest = "digest of " .. id, type = "AppUnavailable", event = "app_unavailable", app_id = app or id,
      time = now, body = "body of " .. id,
    }
    for name, value in pairs(more or {}) do record[name] = value end
    return assert(box:put { record })[1]
  end

  local function claim(limit)
    assert(box:recover { 5 })
    return assert(box:claim(limit or 1, 60))
  end

  local function finish(claimed, state, more)
    local item = { id = claimed.id, token = claimed.token, state = state }
    for name, value in pairs(more or {}) do item[name] = value end
    assert.same({ true }, box:finish { item })
  end

  local function put_dead(id, app, code)
    put(id, app)
    finish(claim()[1], "dead", { code = code or "failed", reason = "broken" })
  end

  local function put_done(id, app)
    put(id, app)
    finish(claim()[1], "done")
  end

  local function put_waiting(id, app, seconds)
    put(id, app)
    finish(claim()[1], "ready", { wait = seconds, reason = "not now" })
  end

  --- What is written, what is noted.
  local function run(status, ...)
    written, noted = {}, {}
    local got = cli.main { "inbox", ... }
    local text, notes = table.concat(written), table.concat(noted, "\n")
    assert.equal(status, got, text .. notes)
    return text, notes
  end

  local function refused(pattern, ...)
    local text, notes = run(2, ...)
    assert.equal("", text)
    assert.matches(pattern, notes)
  end

  local function failed(expected, ...)
    local text, notes = run(1, ...)
    assert.equal("", text)
    assert.equal(expected, notes)
  end

  local function not_there(id, ...)
    local text, notes = run(1, ...)
    assert.equal("", text)
    assert.equal(("no such notification: %s, in sqlite:marketplace.db; to see which there are: "):format(id),
      notes:match "^(.*: )[^:]* inbox list$")
  end

  local function state_of(id)
    local entry = assert(box:get(id))
    return entry.code or entry.state
  end

  local function listed_ids(...)
    local ids = {}
    for line in run(0, "list", "--json", ...):gmatch "[^\n]+" do ids[#ids + 1] = json.decode(line).id end
    return table.concat(ids, " ")
  end

  --- Without the program, which is what runs the specs here.
  local function plain(text)
    local command = require("marketplace.cli.support.installation").own_command()
    return (text:gsub(command:gsub("%p", "%%%0"), "marketplace"))
  end

  describe("list", function()
    it("says when something happens to each, the newest first", function()
      put_dead("dead", "1")
      put_done("done", "2")
      put_waiting("waits", "3", 750)
      put("behind", "3")
      put("runs", "4")
      claim()
      put("next", "5")
      now = now + 15
      local lines = {}
      for line in run(0, "list", "--table"):gmatch "[^\n]+" do lines[#lines + 1] = line:gsub("  +", " | ") end
      assert.same({
        "STATE | NEXT | AGE | TRIES | CODE | EVENT | APP | ID | REASON",
        "ready | now | 15 s | 0 | - | app_unavailable | 5 | next | -",
        "leased | lease ends in 45 s | 15 s | 1 | - | app_unavailable | 4 | runs | -",
        "ready | behind waits | 15 s | 0 | - | app_unavailable | 3 | behind | -",
        "ready | in 12 min | 15 s | 1 | - | app_unavailable | 3 | waits | not now",
        "done | - | 15 s | 1 | - | app_unavailable | 2 | done | -",
        "dead | - | 15 s | 1 | failed | app_unavailable | 1 | dead | broken",
      }, lines)
      now = now + 60
      assert.matches("leased +lease has ended ", run(0, "list", "--table"))
    end)

    it("has the same for programs, with the id that finds it again", function()
      put("a", "1")
      put("b", "1")
      put("a", "1", { digest = "another" })
      local text = run(0, "list", "--json", "--oldest")
      local first, second, third = text:match "^(.-)\n(.-)\n(.-)\n$"
      assert.same({ "a", nil, nil, "1970-04-11T00:00:00.000Z" },
        { json.decode(first).id, json.decode(first).key, json.decode(first).behind, json.decode(first).at })
      assert.same({ "b", "a" }, { json.decode(second).id, json.decode(second).behind })
      assert.equal("a#another", json.decode(third).id)
    end)

    it("takes the options that select, and the oldest if it is asked to", function()
      put_dead("a", "1", "no_callback")
      put_dead("b", "2")
      now = now + 3600
      put("c", "3", { event = "version_available", type = "T", verified_by = "f1" })
      assert.equal("c b a", listed_ids())
      assert.equal("a b c", listed_ids "--oldest")
      assert.equal("c", listed_ids("--limit", "1"))
      assert.equal("a", listed_ids("--limit", "1", "--oldest"))
      assert.equal("a", listed_ids("--code", "no_callback"))
      assert.equal("b", listed_ids("--state", "dead", "--code", "failed"))
      assert.equal("b", listed_ids("--app", "2"))
      assert.equal("c", listed_ids("--event", "version_available"))
      assert.equal("c", listed_ids("--type", "T"))
      assert.equal("c", listed_ids("--verified-by", "f1"))
      assert.equal("c", listed_ids("--since", "30m"))
      assert.equal("b a", listed_ids("--before", "30m"))
    end)

    it("refuses what can select nothing", function()
      refused("%-%-code is of dead notifications, and %-%-state says ready",
        "list", "--state", "ready", "--code", "failed")
      refused("%-%-since must be how long ago", "list", "--since", "yesterday")
      refused("%-%-limit must be a whole number", "list", "--limit", "0")
    end)
  end)

  describe("show", function()
    it("says when something happens to it, and why", function()
      put_waiting("a", "1", 120)
      put("b", "1")
      local text = run(0, "show", "a")
      assert.matches("^id +a\nstate +ready\nnext +in 2 min\n", text)
      assert.matches("\nreason +not now\n", text)
      assert.matches("\n\nbody of a\n$", text)
      assert.matches("\nnext +behind a\n", run(0, "show", "b"))
      assert.equal("a", json.decode(run(0, "show", "b", "--json")).behind)
      put_dead("c", "2", "no_callback")
      assert.matches("\ncode +no_callback\n", run(0, "show", "c"))
      not_there("d", "show", "d")
    end)

    it("shows all that have the id, and says if there is no body", function()
      put_done "a"
      put("a", "a", { digest = "another" })
      box:forget({ bodies = now + 1, ids = 0 }, 10)
      local text = run(0, "show", "a")
      assert.matches("^id +a\nstate +done\n", text)
      assert.matches("\n%(no body: ", text)
      assert.matches("\nid +a#another\nstate +ready\nnext +now\n", text)
    end)
  end)

  describe("replay", function()
    it("makes one ready, and says that it is the next to run", function()
      put_dead "a"
      assert.equal("made ready again: 1\na runs next\n", run(0, "replay", "a"))
      assert.equal("ready", state_of "a")
    end)

    it("says behind which one it waits, and what can be done about that", function()
      put_waiting("a", "1", 1200)
      box:cancel({ id = "a" }, "x")
      put_waiting("b", "1", 1200)
      box:run { id = "b" }
      claim() -- b
      put_waiting("c", "2", 1200)
      put("d", "2")
      box:cancel({ id = "d" }, "x")
      local text = plain(run(0, "replay", "--dead"))
      assert.equal(table.concat({
        "made ready again: 2",
        "a waits behind b, which runs now",
        "d waits behind c, which is tried again in 20 min",
        "c holds up what waits behind it:",
        "  to have that one run now:  marketplace inbox run c",
        "  to give that one up:       marketplace inbox cancel c",
        "",
      }, "\n"), text)
    end)

    it("says what became of them if workers are faster", function()
      for i = 1, 3 do put_dead("k" .. i, "app " .. i) end
      local replay = stub(box, "replay", function(_, filter)
        local ids = getmetatable(box).__index.replay(box, filter)
        finish(claim()[1], "done")
        claim()
        return ids
      end)
      assert.equal("made ready again: 3\nk1 has just run\nk2 runs now\nk3 runs next\n", run(0, "replay", "--dead"))
      replay:revert()
    end)

    it("says what waits behind another replayed one", function()
      put_dead("a", "1")
      put_dead("b", "1")
      assert.equal("made ready again: 2\na runs next\nb waits behind a, which is ready again, too\n",
        run(0, "replay", "--dead"))
    end)

    it("names the one that is next, if that was not replayed", function()
      put("a", "1")
      put("b", "1")
      box:cancel({ id = "b" }, "x")
      assert.equal("made ready again: 1\nb waits behind a, which runs next\n", run(0, "replay", "b"))
    end)

    it("says of up to twenty what each waits for, even if all wait for others", function()
      for i = 1, 20 do
        put_waiting("w" .. i, "app " .. i, 60)
        put("k" .. i, "app " .. i)
        box:cancel({ id = "k" .. i }, "x")
      end
      local text = run(0, "replay", "--dead")
      assert.same({ 20, 20 }, { select(2, text:gsub("waits behind w", "")), select(2, text:gsub("holds up", "")) })
    end)

    it("says what it did even if it cannot say what they wait for", function()
      for _, count in ipairs { 1, 21 } do
        for i = 1, count do
          put(("k%d of %d"):format(i, count))
          box:cancel({ id = ("k%d of %d"):format(i, count) }, "x")
        end
        local broken = { stub(box, "get", function() return nil, "gone" end), stub(box, "list", function()
          return nil, "gone"
        end) }
        failed(("made ready again: %d; what they wait for is not known: gone"):format(count), "replay", "--dead")
        for _, one in ipairs(broken) do one:revert() end
      end
    end)

    it("sums up many", function()
      put_waiting("first", "1", 1200)
      for i = 1, 21 do
        put("k" .. i, i <= 19 and "1" or "app " .. i)
        box:cancel({ id = "k" .. i }, "x")
      end
      local text = plain(run(0, "replay", "--code", "cancelled"))
      assert.equal(table.concat({
        "made ready again: 21",
        "waiting behind first, which is tried again in 20 min: 19",
        "first holds up what waits behind it:",
        "  to have that one run now:  marketplace inbox run first",
        "  to give that one up:       marketplace inbox cancel first",
        "",
      }, "\n"), text)
    end)

    it("names only some of many that hold up others", function()
      for i = 1, 21 do
        put_waiting("w" .. i, "app " .. i, 60)
        put("k" .. i, "app " .. i)
        box:cancel({ id = "k" .. i }, "x")
      end
      local text = plain(run(0, "replay", "--dead"))
      local _, named = text:gsub("waiting behind", "")
      assert.equal(5, named)
      assert.is_nil(text:find("w6 holds", 1, true))
      assert.matches("\nothers that hold some up: 16; to see which: " ..
        "marketplace inbox list %-%-state ready %-%-oldest\n", text)
    end)

    it("names all of a few that hold up many", function()
      for i = 1, 5 do put_waiting("w" .. i, "app " .. i, 60) end
      for i = 1, 25 do
        put("k" .. i, "app " .. (i - 1) % 5 + 1)
        box:cancel({ id = "k" .. i }, "x")
      end
      local text = run(0, "replay", "--dead")
      assert.matches("waiting behind w5, which is tried again in 1 min: 5\n", text)
      assert.is_nil(text:find("others", 1, true))
    end)

    it("is one object for programs", function()
      put_waiting("a", "1", 1200)
      put("b", "1")
      box:cancel({ id = "b" }, "x")
      put_dead("c", "2")
      assert.same({ replayed = 2, ids = { "b", "c" }, behind = { { id = "a", notifications = 1 } } },
        json.decode(run(0, "replay", "--dead", "--json")))
      assert.equal('{"behind":[],"ids":[],"replayed":0}\n', run(0, "replay", "--dead", "--json"))
    end)

    it("takes the options that select", function()
      for i, code in ipairs { "failed", "no_callback", "failed", "cancelled" } do
        put_dead("k" .. i, "app " .. i, code)
      end
      run(0, "replay", "--code", "failed", "--limit", "1", "--newest")
      assert.same({ "failed", "no_callback", "ready", "cancelled" },
        { state_of "k1", state_of "k2", state_of "k3", state_of "k4" })
      run(0, "replay", "--app", "app 4")
      assert.same({ "failed", "no_callback", "ready", "ready" },
        { state_of "k1", state_of "k2", state_of "k3", state_of "k4" })
      run(0, "replay", "--since", "1h", "--limit", "1")
      assert.same({ "ready", "no_callback" }, { state_of "k1", state_of "k2" })
    end)

    it("runs done ones once more, if it is said which", function()
      put_done("a", "1")
      put_done("b", "2")
      refused("replay: %-%-done needs an ID or an option that says which", "replay", "--done")
      assert.equal("made ready again: 1\na runs next\n", run(0, "replay", "--done", "--app", "1"))
      assert.equal("made ready again: 1\nb runs next\n", run(0, "replay", "b", "--done"))
      assert.equal("ready", state_of "b")
    end)

    it("says why one is not replayed", function()
      put("ready", "1")
      put("invalid", "2", { reason = "not JSON" })
      assert.matches("^ready is not replayed: it is ready already; to have it run now: .* inbox run ready$",
        plain(select(2, run(1, "replay", "ready"))))
      failed("invalid is not replayed: it cannot be read, so no callback can take it: not JSON", "replay", "invalid")
      not_there("nothing", "replay", "nothing")
      local claimed = claim()[1]
      failed("ready is not replayed: it runs now", "replay", "ready")
      finish(claimed, "done")
      assert.equal("ready is not replayed: it is done; to run it once more: marketplace inbox replay ready --done",
        plain(select(2, run(1, "replay", "ready"))))
      box:forget({ bodies = now + 1, ids = 0 }, 10)
      failed("ready is not replayed: its body is no longer kept", "replay", "ready", "--done")
      put_dead("dead", "3")
      failed("dead is not replayed: it is dead, and --done is of done ones", "replay", "dead", "--done")
      failed("dead is not replayed: the other options do not select it", "replay", "dead", "--app", "4")
    end)

    it("must be told what", function()
      refused("nothing says what to replay: give an ID, %-%-dead, or an option", "replay")
      refused("nothing says what to replay: give an ID, %-%-dead, or an option", "replay", "--limit", "1")
      refused("%-%-code is of dead notifications, and %-%-done of done ones", "replay", "--done", "--code", "failed")
      refused("do not go together", "replay", "--done", "--dead")
      refused("%-%-code must be one of", "replay", "--code", "invalid")
      refused("%-%-before must be how long ago", "replay", "--before", "x")
    end)
  end)

  describe("run", function()
    it("ends the wait of one that is tried again later", function()
      put_waiting("a", "1", 1200)
      assert.equal("a runs next\n", run(0, "run", "a"))
      assert.equal("a", claim()[1].id)
      assert.same({ "a", "leased" }, { box:get("a").id, box:get("a").state })
      assert.equal("a runs now\n", run(0, "run", "a"))
      local object = json.decode(run(0, "run", "a", "--json"))
      assert.same({ "a", "leased", nil }, { object.id, object.state, object.body })
    end)

    it("says so if it waits behind another, and what can be done about that", function()
      put_waiting("a", "1", 1200)
      put("b", "1")
      local text, notes = run(1, "run", "b")
      assert.equal("", text)
      assert.equal(table.concat({
        "b waits behind a, which is tried again in 20 min",
        "  to have that one run now:  marketplace inbox run a",
        "  to give that one up:       marketplace inbox cancel a",
      }, "\n"), plain(notes))
      run(0, "run", "a")
      claim()
      failed("b waits behind a, which runs now", "run", "b")
      now = now + 61
      failed("b waits behind a, which has lost its lease, and runs again once a worker looks", "run", "b")
    end)

    it("says what to do with one that does not wait", function()
      put_dead("a", "1")
      put_done("b", "2")
      put("c", "3", { reason = "not JSON" })
      assert.equal("a is dead (failed); to make it ready again: marketplace inbox replay a",
        plain(select(2, run(1, "run", "a"))))
      assert.equal("b is done; to run it once more: marketplace inbox replay b --done",
        plain(select(2, run(1, "run", "b"))))
      failed("c is dead, because it cannot be read: not JSON", "run", "c")
      not_there("d", "run", "d")
    end)
  end)

  describe("cancel", function()
    it("gives one up, and lets the next of its app run", function()
      put_waiting("a", "1", 1200)
      put("b", "1")
      assert.equal("a is cancelled; to make it ready again: marketplace inbox replay a\n", plain(run(0, "cancel", "a")))
      assert.same({ "cancelled", "cancelled by an operator" }, { state_of "a", box:get("a").reason })
      assert.equal("b", claim()[1].id)
    end)

    it("keeps why, and warns of a callback that runs", function()
      put "a"
      local claimed = claim()[1]
      assert.matches("\nit was running: its callback is not stopped", run(0, "cancel", "a", "--reason", "sold to B"))
      assert.equal("sold to B", box:get("a").reason)
      assert.same({ false }, box:finish { { id = "a", token = claimed.token, state = "done" } })
      put "b"
      assert.same("cancelled", json.decode(run(0, "cancel", "b", "--json")).code)
    end)

    it("keeps a reason that is not UTF-8 as text that every inbox takes", function()
      put "a"
      run(0, "cancel", "a", "--reason", "sold to M\252ller")
      assert.equal("sold to M\\xfcller", box:get("a").reason)
    end)

    it("says what to do with one that is neither ready nor running", function()
      put_dead("a", "1", "no_callback")
      put_done("b", "2")
      assert.equal("a is dead (no_callback); to make it ready again: marketplace inbox replay a",
        plain(select(2, run(1, "cancel", "a"))))
      assert.matches("^b is done; ", select(2, run(1, "cancel", "b")))
      not_there("c", "cancel", "c")
    end)
  end)

  for action, done in pairs { run = "run as soon as each is the first of its app: ", cancel = "cancelled: " } do
    describe(action .. " of all that options select", function()
      local function lines_of(...)
        local lines = { done .. select("#", ...) }
        for _, id in ipairs { ... } do lines[#lines + 1] = "  " .. id end
        return table.concat(lines, "\n") .. "\n"
      end

      before_each(function()
        put_dead("c", "3")
        put_waiting("a", "1", 1200)
        put("b", "2", { event = "ping" })
      end)

      local function changed()
        local ids = {}
        for _, id in ipairs { "a", "b", "c" } do
          local history = box:get(id).history or { {} }
          if history[#history].at == now then ids[#ids + 1] = id end
        end
        return ids
      end

      it("takes those that wait", function()
        now = now + 5
        assert.equal(lines_of("a", "b"), run(0, action, "--all", "--yes"))
        assert.same({ "a", "b" }, changed())
      end)

      it("takes those of an app, of an event, and as many as it is told", function()
        now = now + 5
        assert.equal(lines_of "a", run(0, action, "--app", "1", "--yes"))
        assert.equal(lines_of "b", run(0, action, "--event", "ping", "--yes", "--since", "1d"))
        assert.equal(lines_of(), run(0, action, "--app", "3", "--yes"))
        now = now + 5
        local object = json.decode(run(0, action, "--all", "--limit", "1", "--yes", "--json"))
        assert.equal(#object.ids, object.run or object.cancelled)
        assert.is_true(#object.ids <= 1)
      end)

      it("must be told which, and to be sure where nobody can be asked", function()
        local is_terminal = stub(core, "is_terminal", function() return false end)
        local which = "nothing says what to " .. action .. ": give an ID, %-%-all, or an option that says which"
        refused(which, action)
        refused(which, action, "--limit", "1", "--yes")
        refused("an ID says which, and so do the other options: give one or the other", action, "a", "--app", "1")
        refused("%-%-yes is missing, and there is no terminal to ask on", action, "--all")
        is_terminal:revert()
        assert.same({}, (function() now = now + 5 return changed() end)())
      end)

      it("says how many, and asks", function()
        now = now + 5
        local asked
        local is_terminal = stub(core, "is_terminal", function() return true end)
        local is_given = stub(confirmation, "is_given", function(_, question)
          asked = question
          return false
        end)
        failed("nothing was changed", action, "--all")
        assert.matches(" 2 notifications", asked)
        failed("nothing was changed", action, "--app", "1")
        assert.matches(" 1 notification[ ?]", asked)
        failed("nothing was changed", action, "--all", "--limit", "1")
        assert.matches(" 1 notification[ ?]", asked)
        assert.same({}, changed())
        is_given:revert()
        is_terminal:revert()
      end)
    end)
  end

  describe("show", function()
    it("tells what happened, when, and why", function()
      put("a", "1", { traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" })
      finish(claim()[1], "ready", { wait = 0, reason = "catalogue answered 503\ntraceback" })
      claim()
      now = now + 100
      box:recover { 5 }
      box:run { id = "a" }
      finish(claim()[1], "dead", { code = "no_callback" })
      put("a", "1")
      box:cancel({ id = "a" }, "sold")
      box:replay { id = "a" }
      local text = run(0, "show", "a")
      local told = text:match "(history .-)\n\n"
      assert.equal(table.concat({
        "history      1970-04-11T00:00:00.000Z failed at attempt 1: catalogue answered 503",
        "             1970-04-11T00:01:40.000Z attempt 2 ended without a result",
        "             1970-04-11T00:01:40.000Z was to run at once",
        "             1970-04-11T00:01:40.000Z no_callback at attempt 3",
        "             1970-04-11T00:01:40.000Z was delivered again, and made ready",
        "             1970-04-11T00:01:40.000Z cancelled: sold",
        "             1970-04-11T00:01:40.000Z was replayed",
      }, "\n"), told)
      assert.matches("\ntraceparent  00%-0af7651916cd43dd8448eb211c80319c%-b7ad6b7169203331%-01\n", text)
      local object = json.decode(run(0, "show", "a", "--json"))
      assert.same({ at = "1970-04-11T00:00:00.000Z", what = "failed", attempt = 1,
        reason = "catalogue answered 503\ntraceback" }, object.history[1])
      assert.equal(7, #object.history)
    end)
  end)

  describe("a suggested command", function()
    it("names the same inbox, and can be pasted", function()
      put_dead("it's", "1")
      local note = plain(select(2, run(1, "run", "it's", "--inbox", "sqlite:/in box.db")))
      assert.equal("it's is dead (failed); to make it ready again: marketplace inbox replay " ..
        "'it'\\''s' --inbox 'sqlite:/in box.db'", note)
      local path = os.tmpname()
      shell.run("chmod 600 " .. path)
      assert.matches(" %-%-config " .. path:gsub("%p", "%%%0") .. "$",
        select(2, run(1, "run", "it's", "--config", path)))
      os.remove(path)
      note = select(2, run(1, "run", "it's", "--inbox", "postgres://u:hunter2@h/d"))
      assert.matches(" %-%-inbox URL$", note)
      assert.is_nil(note:find "hunter2")
    end)
  end)

  describe("stats", function()
    it("counts by state, dead ones by code, and says how long the oldest has waited", function()
      put_dead("a", "1", "no_callback")
      put_dead("b", "2")
      put_waiting("c", "3", 7200)
      now = now + 3600
      assert.equal(table.concat({
        "ready         1", "leased        0", "done          0", "dead          2", "  failed      1",
        "  no_callback 1", "oldest waits  1 h", "next runs in  1 h", "",
      }, "\n"), run(0, "stats"))
      assert.same({
        ready = 1, leased = 0, done = 0, dead = 2, oldest_age = 3600, next_in = 3600,
        codes = { failed = 1, cancelled = 0, invalid = 0, too_old = 0, no_callback = 1 },
      }, json.decode(run(0, "stats", "--json")))
      box:cancel({ id = "c" }, "x")
      assert.matches("\noldest waits  %-\nnext runs in  %-\n$", run(0, "stats"))
    end)
  end)

  describe("prune", function()
    it("drops bodies and deletes separately", function()
      put_done("old", "1")
      now = now + 10 * DAY
      put_done("middle", "2")
      now = now + 10 * DAY
      put_done("new", "3")
      assert.equal("done notifications deleted:             0\ndone notifications without a body now:  2\n",
        run(0, "prune", "--bodies-before", "1d"))
      assert.same({ nil, "body of new" }, { box:get("old").body, box:get("new").body })
      assert.equal("done notifications deleted:             1\ndone notifications without a body now:  0\n",
        run(0, "prune", "--ids-before", "11d"))
      assert.is_nil(box:get "old")
      assert.equal("done", state_of "middle")
      now = now + 1
      assert.equal('{"bodies":1,"ids":0}\n',
        run(0, "prune", "--bodies-before", "0s", "--ids-before", "90d", "--json"))
    end)

    it("works in slices, between which others come to their turn", function()
      for i = 1, 400 do put_done("k" .. i) end
      now = now + 20 * DAY
      local limits = {}
      local forget = stub(box, "forget", function(_, before, limit)
        limits[#limits + 1] = limit
        return getmetatable(box).__index.forget(box, before, limit)
      end)
      assert.matches("body now: +400\n", run(0, "prune", "--bodies-before", "11d"))
      assert.matches("deleted: +400\n", run(0, "prune", "--ids-before", "11d"))
      forget:revert()
      assert.same({ 200, 200, 200, 200, 200, 200 }, limits)
      assert.stub(core.sleep).was.called(4)
    end)

    it("keeps the ids that reconcile asks for, and says why", function()
      refused("%-%-ids%-before must be at least 11d ago: reconcile looks ten days back", "prune", "--ids-before", "10d")
      refused("give %-%-bodies%-before or %-%-ids%-before", "prune")
      refused("%-%-bodies%-before must be how long ago", "prune", "--bodies-before", "soon")
    end)
  end)

  describe("an inbox that fails", function()
    local COMMANDS = {
      { "list" }, { "show", "a" }, { "replay", "--dead" }, { "replay", "a" }, { "run", "a" }, { "cancel", "a" },
      { "stats" }, { "prune", "--bodies-before", "1d" },
    }

    it("ends each command with its message", function()
      box:close()
      for _, words in ipairs(COMMANDS) do
        local _, notes = run(1, words[1], words[2], words[3])
        assert.matches("the inbox is closed", notes)
      end
    end)
  end)
end)
