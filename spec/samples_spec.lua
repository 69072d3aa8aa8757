local marketplace = require "marketplace"
local samples = require "marketplace.samples"

describe("marketplace.samples", function()
  it("has each documented kind, and each reads as it says", function()
    local events = {}
    for _, sample in ipairs(samples.list()) do
      local n = assert(marketplace.parse(samples.body(sample.type, { generation = sample.generation })))
      assert.equal(sample.type, n.type)
      assert.equal(sample.generation, n.generation)
      assert.is_number(n.time)
      events[sample.event] = true
      if sample.event ~= "ping" then
        assert.is_string(n.app_id)
        assert.is_string(n.marketplace_app_id)
      end
    end
    for _, event in ipairs { "version_available", "versions_unavailable", "app_unavailable", "versions_restored",
      "app_restored", "ping" } do
      assert.is_true(events[event], event)
      assert.equal(event, marketplace.parse(samples.body(event)).event)
    end
  end)

  it("has both generations of an event", function()
    for generation = 1, 2 do
      local n = marketplace.parse(samples.body("app_unavailable", { generation = generation }))
      assert.equal(generation, n.generation)
    end
    assert.is_nil(samples.body("ping", { generation = 1 }))
    assert.is_nil(samples.body "nonsense")
  end)

  it("has a new id each time, or the given one, and the given time", function()
    local function id_of(settings) return marketplace.parse(samples.body("ping", settings)).id end
    assert.not_equal(id_of(), id_of())
    assert.matches("^%x+%-%x+%-4%x+%-[89ab]%x+%-%x+$", id_of())
    assert.equal("mine-1", id_of { id = "mine-1" })
    assert.equal(1773480413, marketplace.parse(samples.body("ping", { time = 1773480413 })).time)
  end)

  it("is about what it is told to be about", function()
    local about = { app_id = "1", marketplace_app_id = "2", package_id = "p", package_version_id = "v",
      territories = { "JPN" } }
    local function parse(event, generation)
      about.generation = generation
      return marketplace.parse(samples.body(event, about))
    end
    for generation = 1, 2 do
      local n = parse("version_available", generation)
      assert.same({ "1", "2", "v" }, { n.app_id, n.marketplace_app_id, n.package_version_id })
      assert.same({ "p" }, parse("versions_unavailable", generation).package_ids)
    end
    assert.equal("p", parse("version_available", 1).package_id)
    assert.same({ "JPN" }, parse("app_restored", 2).territories)
    assert.has_error(function() samples.body("ping", { app_id = 'a"b' }) end)
  end)
end)
