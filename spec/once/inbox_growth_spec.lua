-- How large the SQLite inbox's file is over a year in which as much comes each day, by the inbox's clock.
local shell = require "support.shell"

describe("a SQLite inbox's file", function()
  local folder, months

  -- its sizes at the ends of months, all of the same length
  setup(function()
    folder, months = shell.run "mktemp -d", {}
    for size in shell.run(("%s bench/inbox/year.lua %s 40"):format(shell.LUA, folder)):gmatch "month +%d+: +([%d.]+)" do
      months[#months + 1] = tonumber(size)
    end
  end)

  teardown(function() shell.run("rm -rf " .. folder) end)

  it("grows while nothing is old enough to be forgotten", function()
    assert.is_true(months[3] > 2 * months[1], table.concat(months, " "))
  end)

  it("stops growing once as much is forgotten as comes", function()
    assert.equal(12, #months)
    assert.is_true(months[12] < 1.03 * months[4], table.concat(months, " "))
  end)

  it("grows less with ids alone than while it keeps bodies, too", function()
    assert.is_true(months[3] - months[2] < 0.8 * months[1], table.concat(months, " "))
  end)
end)
