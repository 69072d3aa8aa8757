-- A short part of what `make faults` does at length: serve, while its inbox's server fails.
local faults = require "support.faults"
local memory = { name = "stopped", engine = "memory", title = "the process itself is stopped", seconds = 5 }

local function named(engine, name)
  for _, fault in ipairs(require("support.faults." .. engine)) do
    if fault.name == name then return fault end
  end
end

describe("while the inbox's server fails, nothing acknowledged is lost and no answer late #full:", function()
  for _, engine in ipairs { "postgres", "redis" } do
    for name, seconds in pairs { killed = 1, frozen_commit = 4 } do
      it(("%s, %s"):format(engine, name), function()
        local figures = faults.run(named(engine, name), { seconds = seconds })
        assert.same({}, faults.problems(figures))
        assert.is_true(figures.answered["503"] > 0)
      end)
    end
  end

  it("an answer that is late is noticed", function()
    function memory.set_up() return { url = "memory", remove = function() end } end
    function memory.begin(place) os.execute("kill -STOP " .. place.process) end
    function memory.finish(place) os.execute("kill -CONT " .. place.process) end
    local problems = faults.problems(faults.run(memory))
    assert.equal(2, #problems)
    assert.matches("^an answer took %d", problems[1])
    assert.matches("^an answer of /healthz took %d", problems[2])
  end)
end)
