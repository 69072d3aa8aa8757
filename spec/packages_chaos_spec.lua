-- A short run of what tools/package_chaos.lua does at length.
local package_chaos = require "support.package_chaos"

describe("packages that are served", function()
  it("are whole and allowed, however often what fetches them and takes them down is killed", function()
    local run = package_chaos.begin()
    finally(function() run:remove() end)
    for _ = 1, 12 do run:kill_once() end
    local figures = run:finish()
    assert.is_true(figures.versions > 0 and figures.folders_checked > 0)
    assert.same({}, run:errors())
  end)
end)
