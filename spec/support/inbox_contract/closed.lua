--- The contract of an inbox, once it is closed: see support.inbox_contract.
local assert = require "luassert"

local CALLS = {
  put = { {}, 1 }, claim = { 1, 1, 1 }, finish = { {}, 1 }, extend = { {}, 1, 1 }, counts = {}, backlog = {},
  next_at = {}, later = { "a", 1 }, list = { {} }, get = { "a" }, replay = { {}, 1 }, prune = { 1 }, id = {},
}
local unpack = require("marketplace.runtime").unpack

return function(busted, given)
  local it, inbox = busted.it, given.inbox

  local function expect_closed(method, arguments)
    local result, message, code = inbox[method](inbox, unpack(arguments))
    assert.is_nil(result, method)
    assert.matches("closed", message)
    assert.equal("inbox_unavailable", code)
  end

  it("is unavailable once it is closed, whatever it is asked", function()
    inbox:put({ given.record "a" }, 1)
    inbox:close()
    for method, arguments in pairs(CALLS) do expect_closed(method, arguments) end
    expect_closed("put", { { given.record "b" }, 1 })
    expect_closed("claim", { 0, 1, 1 })
    expect_closed("finish", { { { identity = "a", token = 1, state = "done" } }, 1 })
    expect_closed("extend", { { { identity = "a", token = 1 } }, 1, 1 })
    expect_closed("list", {})
    expect_closed("replay", { { state = "ready" }, 1 })
    inbox:close()
    expect_closed("counts", {})
  end)
end
