-- What replicas are asked, by a link that only notes it: spec/inbox_redis_faults_spec.lua has real ones.
local confirmation = require "marketplace.inbox.redis.confirmation"
local core = require "marketplace.core"

describe("the Redis inbox has replicas confirm", function()
  local sent, answers, link, monotonic

  before_each(function()
    sent, answers, monotonic = {}, {}, core.monotonic
    core.monotonic = function() return 100 end
    link = { deadline = 103 }
    function link.send(_, words) sent[#sent + 1] = table.concat(words, " ") end
    function link.receive()
      local answer = table.remove(answers, 1)
      return answer[1], answer[2]
    end
    function link.try(_, words)
      link:send(words)
      return link:receive()
    end
    function link.fail(_, message, code) error({ message, code }, 0) end
    function link.refuse(_, refusal) error({ refusal }, 0) end
  end)

  after_each(function() core.monotonic = monotonic end)

  local function try(on_disk, ...)
    answers = { ... }
    return confirmation.try(link, { "EVALSHA", "x" }, { on_disk = on_disk, replicas = 2, key = "k" })
  end

  local OK = { "OK" }

  it("what a script found, even if it wrote nothing, within the time of the call", function()
    assert.same({ "stored" }, try(false, { { "stored" } }, OK, { 2 }))
    assert.same({ "EVALSHA x", "SET k 1", "WAIT 2 2800" }, sent)
  end)

  it("first in memory and then on disk, if the server can ask for that", function()
    assert.same({ "stored" }, try(true, { { "stored" } }, OK, { 3 }, { { 1, 2 } }))
    assert.same({ "EVALSHA x", "SET k 1", "WAIT 2 2800", "WAITAOF 0 2 2800" }, sent)
    answers = { { { 0, 0 } }, { nil, "ERR unknown command 'WAITAOF'" } }
    assert.is_true(confirmation.is_on_disk(link))
    assert.is_false(confirmation.is_on_disk(link))
  end)

  it("what was leased, which was written", function()
    answers = { { 2 } }
    confirmation.wait(link, { on_disk = false, replicas = 2 })
    assert.same({ "WAIT 2 2800" }, sent)
  end)

  local function failure(...)
    local ok, problem = pcall(try, ...)
    assert.is_false(ok)
    return problem
  end

  it("or says how many did, as a call that took its whole time", function()
    assert.same({ "1 of 2 replicas confirmed what was stored, by WAIT", "timeout" },
      failure(true, { { "stored" } }, OK, { 1 }))
    assert.same({ "0 of 2 replicas confirmed what was stored, by WAITAOF", "timeout" },
      failure(true, { { "stored" } }, OK, { 2 }, { { 1, 0 } }))
  end)

  it("or says why the server refused", function()
    assert.same({ "OOM" }, failure(false, { { "stored" } }, { nil, "OOM" }, { 2 }))
    assert.same({ "UNBLOCKED" }, failure(true, { { "stored" } }, OK, { nil, "UNBLOCKED" }))
  end)

  it("nothing that was refused, and has all the answers read", function()
    assert.same({ nil, "NOSCRIPT" }, { try(true, { nil, "NOSCRIPT" }, OK, { 0 }, { { 0, 0 } }) })
    assert.same({}, answers)
    assert.same({ nil, "READONLY" }, { try(false, { nil, "READONLY" }, { nil, "READONLY" }, { nil, "ERR" }) })
    assert.same({}, answers)
  end)
end)
