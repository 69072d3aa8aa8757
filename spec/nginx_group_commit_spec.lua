-- Which notifications marketplace.nginx.group_commit stores together, in an imitated nginx.
local imitated_nginx = require "support.imitated_nginx"

local MOST_RECORDS, MOST_BYTES = 256, 8 * 1024 * 1024

describe("marketplace.nginx.group_commit", function()
  local nginx, group_commit, inbox, commits, answers

  before_each(function()
    nginx = imitated_nginx.install()
    group_commit = nginx.require "marketplace.nginx.group_commit"
    nginx.ngx.on_abort = function() return true end
    commits = {}
    -- The put of each commit calls `during`, a function, if one is set for it.
    inbox = { during = {} }
    function inbox:put(records)
      assert(self == inbox)
      local number = #commits + 1
      commits[number] = { records = records }
      if self.during[number] then
        local is_over, outcomes, message, code = self.during[number]()
        if is_over then return outcomes, message, code end
      end
      local outcomes = {}
      for i, record in ipairs(records) do outcomes[i] = "stored " .. record.key end
      return outcomes
    end
    answers = {}
  end)

  after_each(function() nginx:remove() end)

  local function records_of(...)
    local list = {}
    for i, key in ipairs { ... } do list[i] = { key = key, body = "" } end
    return list
  end

  -- `count` notifications with this many bytes in all.
  local function many(name, count, bytes)
    local list = {}
    for i = 1, count do list[i] = { key = name .. i, body = "" } end
    list[1].body = ("x"):rep(bytes or 0)
    return list
  end

  -- A request that stores; its answer comes into `answers` under its name.
  local function request(name, records)
    nginx:spawn(function()
      local ok, outcomes, message, code = true
      if name:find "^careful" then
        ok, outcomes, message, code = pcall(inbox.put, inbox, records)
      else
        outcomes, message, code = inbox:put(records)
      end
      answers[name] = { ok = ok, outcomes = outcomes, message = message, code = code, at = nginx.now - 1000 }
    end)
  end

  local function keys(number)
    local list = {}
    for i, record in ipairs(commits[number].records) do list[i] = record.key end
    return table.concat(list, " ")
  end

  -- Installs it, and has these functions make the requests that come during the first commits.
  local function install(...)
    inbox.during = { ... }
    group_commit.install(inbox)
  end

  local function go(task)
    return function()
      task()
      return false
    end
  end

  it("stores alone, and at once, what comes alone", function()
    install()
    request("a", records_of "a")
    assert.same({ "stored a" }, answers.a.outcomes)
    request("b", records_of "b")
    assert.same({ "stored b" }, answers.b.outcomes)
    assert.equal(2, #commits)
  end)

  it("stores together what comes during a commit, and tells each request its own outcomes", function()
    install(go(function()
      request("b", records_of("b1", "b2"))
      request("c", records_of "c")
      request("d", records_of("d1", "d2", "d3"))
    end))
    request("a", records_of "a")
    nginx:advance()
    assert.equal(2, #commits)
    assert.equal("b1 b2 c d1 d2 d3", keys(2))
    assert.same({ "stored a" }, answers.a.outcomes)
    assert.same({ "stored b1", "stored b2" }, answers.b.outcomes)
    assert.same({ "stored c" }, answers.c.outcomes)
    assert.same({ "stored d1", "stored d2", "stored d3" }, answers.d.outcomes)
    for _, answer in pairs(answers) do assert.equal(0, answer.at) end
  end)

  it("goes on from one commit to the next without a pause", function()
    install(
      go(function() request("b", records_of "b") end),
      go(function() request("c", records_of "c") end),
      go(function() request("d", records_of "d") end))
    request("a", records_of "a")
    nginx:advance()
    assert.equal(4, #commits)
    assert.same({ "stored d" }, answers.d.outcomes)
    assert.equal(0, answers.d.at)
  end)

  it("passes on what has no notifications as it is", function()
    install(go(function() request("empty", {}) end))
    request("a", records_of "a")
    assert.same({ {}, 0 }, { answers.empty.outcomes, answers.empty.at })
    assert.same({ records = {} }, commits[2])
  end)

  describe("puts into one commit", function()
    local function commits_of(...)
      local lists = { ... }
      install(go(function()
        for i, list in ipairs(lists) do request("request " .. i, list) end
      end))
      request("first", records_of "first")
      nginx:advance()
      local sizes = {}
      for i = 2, #commits do sizes[i - 1] = #commits[i].records end
      for i, list in ipairs(lists) do assert.equal(#list, #answers["request " .. i].outcomes) end
      return sizes
    end

    it("256 notifications at most", function()
      assert.same({ MOST_RECORDS }, commits_of(many("a", MOST_RECORDS - 1), many("b", 1)))
    end)

    it("no more, but does not part those of a request", function()
      assert.same({ MOST_RECORDS - 1, 2 }, commits_of(many("a", MOST_RECORDS - 1), many("b", 2)))
    end)

    it("8 MiB at most", function()
      assert.same({ 3, 1 }, commits_of(many("a", 2, MOST_BYTES - 1), many("b", 1, 1), many("c", 1, 1)))
    end)

    it("a larger request alone", function()
      assert.same({ MOST_RECORDS + 1, 1, 1, 1 }, commits_of(many("a", MOST_RECORDS + 1), many("b", 1, MOST_BYTES + 1),
        many("c", 1, MOST_BYTES), many("d", 1, 1)))
    end)
  end)

  describe("if a commit fails", function()
    local function is_unavailable(answer, message)
      assert.is_nil(answer.outcomes)
      assert.same({ message, "inbox_unavailable", 0 }, { answer.message, answer.code, answer.at })
    end

    it("says so to all that wait too, which would wait just as long for the same, and then goes on", function()
      install(go(function()
        request("b", records_of "b")
        request("c", many("c", MOST_RECORDS))
      end), function()
        request("d", records_of "d")
        return true, nil, "the disk is full", "inbox_unavailable"
      end)
      request("a", records_of "a")
      nginx:advance()
      assert.same({ "stored a" }, answers.a.outcomes)
      for _, name in ipairs { "b", "c", "d" } do is_unavailable(answers[name], "the disk is full") end
      assert.equal(2, #commits)
      request("e", records_of "e")
      assert.same({ "stored e" }, answers.e.outcomes)
      assert.equal("e", keys(3))
    end)

    it("passes on its code", function()
      install(function() return true, nil, "no", "another_code" end)
      request("a", records_of "a")
      assert.equal("another_code", answers.a.code)
    end)

    it("by an error, raises that in the request that stored, and is unavailable to the others", function()
      install(function()
        request("b", records_of "b")
        error("a mistake", 0)
      end)
      request("careful a", records_of "a")
      nginx:advance()
      assert.same({ false, "a mistake" }, { answers["careful a"].ok, answers["careful a"].outcomes })
      is_unavailable(answers.b, "storing failed")
      request("c", records_of "c")
      assert.same({ "stored c" }, answers.c.outcomes)
    end)
  end)

  describe("if the request that stores has ended in the midst of it", function()
    local ENDED = "the request that was to store this one has ended"

    -- The requests during the first commit, and what those have whose requests come `seconds` into it. It then ends.
    local function during(seconds, task)
      install(go(function()
        request("b", records_of "b")
        nginx:advance(seconds)
        task()
      end))
      request("a", records_of "a")
      nginx:advance()
    end

    it("does not store anew for 30 seconds", function()
      during(29.5, function()
        request("c", records_of "c")
        assert.equal(1, #commits)
      end)
      assert.equal(2, #commits)
      assert.equal("b c", keys(2))
    end)

    it("stores from then on, within a second", function()
      during(30, function()
        assert.same({ "stored b" }, answers.b.outcomes)
        assert.equal(30, answers.b.at)
        request("c", records_of "c")
        assert.same({ "stored c" }, answers.c.outcomes)
      end)
      assert.same({ "stored a" }, answers.a.outcomes)
    end)

    it("takes as long as it is told", function()
      inbox.during = { go(function()
        nginx:advance(1.5)
        request("b", records_of "b")
        nginx:advance(0.4)
        assert.is_nil(answers.b)
        nginx:advance(0.6)
        assert.same({ "stored b" }, answers.b.outcomes)
      end) }
      group_commit.install(inbox, 2)
      request("a", records_of "a")
      assert.same({ "stored a" }, answers.a.outcomes)
    end)

    it("says so to those that it was to store", function()
      install(
        go(function() request("b", records_of "b") request("c", records_of "c") end),
        go(function()
          nginx:advance(29)
          assert.is_nil(answers.c)
          nginx:advance(1)
          assert.same({ ENDED, "inbox_unavailable" }, { answers.c.message, answers.c.code })
          assert.is_nil(answers.c.outcomes)
        end))
      request("a", records_of "a")
      nginx:advance()
      assert.same({ "stored b" }, answers.b.outcomes)
    end)

    it("does so too once another has begun to store", function()
      install(
        go(function() request("b", records_of "b") request("c", records_of "c") end),
        go(function()
          nginx:advance(29.5)
          nginx.now = nginx.now + 0.5
          request("d", records_of "d")
          assert.same({ "stored d" }, answers.d.outcomes)
          nginx:advance(1)
          assert.equal(ENDED, answers.c.message)
        end))
      request("a", records_of "a")
      nginx:advance()
    end)

    it("and comes back, does not end the turn of the one that stores by then", function()
      install(go(function() coroutine.yield(40) end), go(function() coroutine.yield(20) end))
      request("a", records_of "a")
      request("b", records_of "b")
      nginx:advance(30)
      assert.equal("b", keys(2))
      nginx:advance(11)
      assert.same({ "stored a" }, answers.a.outcomes)
      request("c", records_of "c")
      assert.equal(2, #commits)
      nginx:advance(9)
      assert.same({ 50, 50 }, { answers.b.at, answers.c.at })
      assert.same({ "stored c" }, answers.c.outcomes)
    end)
  end)

  describe("has nginx not end a request whose client goes away", function()
    it("and does nothing if it is told", function()
      local handler
      function nginx.ngx.on_abort(given) handler = given end
      install()
      request("a", records_of "a")
      assert.is_nil(handler())
    end)

    it("if nginx can be told so", function()
      function nginx.ngx.on_abort() error "no request" end
      install()
      request("a", records_of "a")
      assert.same({ "stored a" }, answers.a.outcomes)
    end)
  end)
end)
