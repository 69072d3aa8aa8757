--- The contract of an inbox, once it is closed: see support.inbox_contract.
local assert = require "luassert"

-- All methods but close.
local CALLS = {
  put = { { {} }, { { { key = "a", digest = "d", body = "b" } } } },
  probe = { {} },
  recover = { { { 5 } } },
  claim = { { 1, 60 }, { 0, 60 } },
  finish = { { {} }, { { { id = "a", token = 1, state = "done" } } } },
  extend = { { {}, 60 }, { { { id = "a", token = 1 } }, 60 } },
  counts = { {} }, backlog = { {} }, next_in = { {} }, id = { {} }, oldest_done = { {} },
  later = { { "a", 1 } },
  list = { {}, { {} }, { { limit = 0 } }, { { examine = 10 } } },
  count = { { {}, 10 }, { {}, 0 } },
  apps = { {}, { { limit = 0 } } },
  get = { { "a" } },
  replay = { {}, { {} }, { { state = "ready" } }, { { state = "done", id = "a" } } },
  run = { { { id = "a" } }, { {} }, { { state = "dead" } } },
  cancel = { { { id = "a" }, "not wanted" }, { {}, "not wanted" }, { { state = "done" }, "not wanted" } },
  forget = { { { bodies = 1, ids = 1 }, 10 }, { { bodies = 0, ids = 0 }, 0 } },
}
local unpack = require("marketplace.runtime").unpack

return function(busted, given)
  local it, inbox = busted.it, given.inbox

  for method, calls in pairs(CALLS) do
    it(method .. " of a closed inbox says that it is closed", function()
      inbox:put { given.record "a" }
      inbox:close()
      for _, arguments in ipairs(calls) do
        local result, message, code = inbox[method](inbox, unpack(arguments))
        assert.is_nil(result)
        assert.matches("closed", message)
        assert.equal("inbox_unavailable", code)
      end
    end)
  end

  it("a closed inbox can be closed again", function()
    inbox:close()
    inbox:close()
    assert.is_nil((inbox:counts()))
  end)
end
