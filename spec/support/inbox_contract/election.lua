--- The contract of an inbox, which entry leads once another left its state: see support.inbox_contract.
local assert = require "luassert"

-- Ways in which what was finished is live again.
local REVIVED = {
  ["sent again"] = {
    finished = { "dead", { code = "failed", reason = "gave up" } },
    revive = function(given, inbox)
      assert.same({ "rearmed" }, inbox:put { given.record("a1", { app_id = "a" }) })
    end,
  },
  replayed = {
    finished = { "dead", { code = "cancelled", reason = "not wanted" } },
    revive = function(_, inbox) assert.same({ "a1" }, inbox:replay { id = "a1" }) end,
  },
  ["replayed though it was done"] = {
    finished = { "done" },
    revive = function(_, inbox) assert.same({ "a1" }, inbox:replay { id = "a1", state = "done" }) end,
  },
}

-- Ways in which the leader leaves its lease, and what runs then.
local RELEASED = {
  ["is done"] = {
    { "a1", "a3" }, function(given, leader) assert.is_true(given.finish(leader, "done")) end,
  },
  ["is dead"] = {
    { "a1", "a3" }, function(given, leader) assert.is_true(given.finish(leader, "dead", { code = "failed" })) end,
  },
  ["is ready again"] = {
    { "a1", "a2", "a3" }, function(given, leader) assert.is_true(given.finish(leader, "ready")) end,
  },
  ["waits for another try"] = {
    { "a1" }, function(given, leader) assert.is_true(given.finish(leader, "ready", { wait = 900 })) end,
  },
  ["is cancelled"] = {
    { "a1", "a3" }, function(given) assert.same({ "a2" }, given.inbox:cancel({ id = "a2" }, "not wanted")) end,
  },
  ["lost its lease"] = {
    { "a1", "a2", "a3" }, function(given) assert.equal(1, given.at(61):recover { 5 }) end,
  },
}

return function(busted, given)
  local describe, it = busted.describe, busted.it
  local inbox, at, claim_one, finish = given.inbox, given.at, given.claim_one, given.finish

  -- Three of an app: the first is finished, the second claimed and returned.
  local function second_of_three(finished)
    inbox:put(given.of_app("a", "a1", "a2", "a3"))
    finish(claim_one(), finished[1], finished[2])
    local leader = claim_one()
    assert.equal("a2", leader.id)
    return leader
  end

  for name, case in pairs(REVIVED) do
    describe("one that is " .. name, function()
      it("runs before a leader that waits for another try", function()
        finish(second_of_three(case.finished), "ready", { wait = 900, reason = "failed" })
        case.revive(given, inbox)
        assert.same({ "a1", "a1", false }, {
          inbox:get("a2").behind, inbox:get("a3").behind, inbox:get("a1").behind or false,
        })
        assert.equal("a1", claim_one().id)
        assert.is_nil(claim_one())
      end)

      it("lets the leader that waited go on with its wait", function()
        finish(second_of_three(case.finished), "ready", { wait = 900, reason = "failed" })
        case.revive(given, inbox)
        assert.same({ "a1" }, given.run_all())
        at(900)
        assert.is_nil(claim_one())
        at(901)
        assert.same({ "a2", "a3" }, given.run_all())
      end)

      it("waits for a leader that is leased", function()
        second_of_three(case.finished)
        case.revive(given, inbox)
        assert.equal("a2", inbox:get("a1").behind)
        assert.is_nil(claim_one())
      end)

      for released, after in pairs(RELEASED) do
        it("is next if the leader " .. released, function()
          local leader = second_of_three(case.finished)
          case.revive(given, inbox)
          after[2](given, leader)
          assert.same(after[1], given.run_all())
        end)
      end
    end)
  end

  it("several that are live again run in the order in which they were stored", function()
    inbox:put(given.of_app("a", "a1", "a2", "a3", "a4", "a5", "a6"))
    for _, state in ipairs { "dead", "dead", "done", "dead" } do
      finish(claim_one(), state, { code = state == "dead" and "failed" or nil })
    end
    local leader = claim_one()
    assert.equal("a5", leader.id)
    inbox:put(given.of_app("a", "a7"))
    assert.same({ "rearmed", "rearmed" }, inbox:put(given.of_app("a", "a4", "a1")))
    assert.same({ "a2" }, inbox:replay { id = "a2" })
    finish(leader, "done")
    assert.same({ "a1", "a2", "a4", "a6", "a7" }, given.run_all())
  end)

  it("a leader that is cancelled while it waits lets the next one go on", function()
    inbox:put(given.of_app("a", "a1", "a2"))
    finish(claim_one(), "ready", { wait = 900 })
    inbox:cancel({ id = "a1" }, "not wanted")
    assert.same({ "a2" }, given.run_all())
  end)

  it("one that is cancelled behind the leader does not run", function()
    inbox:put(given.of_app("a", "a1", "a2", "a3"))
    local leader = claim_one()
    inbox:cancel({ id = "a2" }, "not wanted")
    finish(leader, "done")
    assert.same({ "a3" }, given.run_all())
  end)

  it("a leader whose wait is ended runs, and those behind it in order", function()
    inbox:put(given.of_app("a", "a1", "a2"))
    finish(claim_one(), "ready", { wait = 900 })
    assert.same({ "a1" }, inbox:run { id = "a1" })
    assert.same({ "a1", "a2" }, given.run_all())
  end)

  it("one whose wait is ended stays behind the leader", function()
    inbox:put(given.of_app("a", "a1", "a2"))
    finish(claim_one(), "ready", { wait = 900 })
    assert.same({ "a2" }, inbox:run { id = "a2" })
    assert.same({}, given.run_all())
    assert.equal("a1", inbox:get("a2").behind)
  end)

  it("each app has its own leader", function()
    inbox:put(given.of_app("a", "a1", "a2"))
    inbox:put(given.of_app("b", "b1", "b2"))
    local claimed = inbox:claim(10, 60)
    finish(claimed[1], "ready", { wait = 900 })
    finish(claimed[2], "done")
    assert.same({ "b2" }, given.run_all())
  end)
end
