-- What is done before os.exit ends the process, as far as it can be seen without ending one.
local at_exit = require "marketplace.at_exit"
local core = require "marketplace.core"

describe("marketplace.at_exit", function()
  local exit, told

  before_each(function()
    exit, told = os.exit, {}
    rawset(os, "exit", function(...)
      for _, word in ipairs { "exit", ... } do told[#told + 1] = word end
    end)
  end)

  after_each(function() rawset(os, "exit", exit) end)

  local function tell(word) return function() told[#told + 1] = word end end

  it("comes before the end, the last one first, which has its status all the same", function()
    at_exit(tell "first")
    at_exit(function() error "broken" end)
    at_exit(tell "last")
    os.exit(7, true)
    assert.same({ "last", "first", "exit", 7, true }, told)
  end)

  it("does not come once it was taken back", function()
    local former = os.exit
    at_exit(tell "work")()
    assert.equal(former, os.exit)
  end)

  it("does not come in a child that was forked", function()
    at_exit(tell "work")
    local id = core.process_id
    finally(function() core.process_id = id end)
    core.process_id = function() return id() + 1 end
    os.exit(0)
    assert.same({ "exit", 0 }, told)
  end)
end)
