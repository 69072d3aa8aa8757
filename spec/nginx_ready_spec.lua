-- When marketplace.nginx.ready asks an inbox, and for how long it waits, in an imitated nginx.
local imitated_nginx = require "support.imitated_nginx"
local readiness = require "marketplace.readiness"

describe("marketplace.nginx.ready", function()
  local nginx, ready, state, probes, answers

  before_each(function()
    nginx = imitated_nginx.install()
    ready = nginx.require "marketplace.nginx.ready"
    probes, answers = 0, {}
    state = readiness.new {
      seconds = 0,
      probe = function(self)
        probes = probes + 1
        if self.seconds > 0 then nginx.ngx.sleep(self.seconds) end
        if not self.is_down then return true end
      end,
    }
  end)

  after_each(function() nginx:remove() end)

  local function ask(name)
    nginx:spawn(function()
      local is_ready = ready.check(state)
      answers[name] = { is_ready, nginx.now - 1000 }
    end)
  end

  it("asks at most every five seconds, and not after a commit", function()
    ask "a"
    nginx:advance(4)
    ask "b"
    assert.same({ a = { true, 0 }, b = { true, 4 } }, answers)
    assert.equal(1, probes)
    state:found(false)
    nginx:advance(1)
    ask "c"
    assert.same({ false, 5 }, answers.c)
    assert.equal(1, probes)
    nginx:advance(4)
    ask "d"
    nginx:advance()
    assert.same({ true, 9 }, answers.d)
    assert.equal(2, probes)
  end)

  it("asks once for all that ask meanwhile", function()
    state.inbox.seconds = 0.5
    ask "a"
    nginx:advance(0.25)
    ask "b"
    nginx:advance(0.25)
    assert.same({ a = { true, 0.5 }, b = { true, 0.5 } }, answers)
    assert.equal(1, probes)
  end)

  it("says no if the inbox does, or does not say so in time", function()
    state.inbox.is_down = true
    ask "down"
    nginx:advance(5)
    state.inbox.is_down, state.inbox.seconds = false, 3
    ask "slow"
    nginx:advance(2)
    ask "as slow"
    nginx:advance(1)
    ask "known"
    assert.same({ false, 0 }, answers.down)
    assert.same({ false, 5.75 }, answers.slow)
    assert.same({ false, 7.75 }, answers["as slow"])
    assert.same({ true, 8 }, answers.known)
    assert.equal(2, probes)
  end)
end)
