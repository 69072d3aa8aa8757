local wakes = require "marketplace.inbox.wakes"

describe("marketplace.inbox.wakes", function()
  local order

  before_each(function() order = wakes.new() end)

  local function add(name, wake, kind)
    local item = { name = name }
    order:add(item, wake, kind)
    return item
  end

  local function drain()
    local names = {}
    while order:top() do
      local item = order:top()
      names[#names + 1] = item.name
      order:remove(item)
    end
    return table.concat(names, " ")
  end

  it("has the one that wakes first on top, whatever its kind", function()
    add("late", 9, "ready")
    add("lease", 5, "leased")
    add("pause", 3)
    add("early", 1, "ready")
    assert.equal("early pause lease late", drain())
    assert.is_nil(order:top())
  end)

  it("keeps the order of those that wake together", function()
    for _, name in ipairs { "a", "b", "c" } do add(name, 1, "ready") end
    assert.equal("a b c", drain())
  end)

  it("takes kinds whose wakes do not ascend", function()
    for _, wake in ipairs { 5, 3, 4, 9, 1, 9 } do add(tostring(wake), wake, "leased") end
    assert.equal("1 3 4 5 9 9", drain())
  end)

  it("lets any go, and come back", function()
    local items = {}
    for i = 1, 5 do items[i] = add(tostring(i), i, "ready") end
    for _, i in ipairs { 3, 1, 5 } do order:remove(items[i]) end
    order:add(items[3], 2.5)
    order:add(items[1], 8, "leased")
    order:add(items[5], 0, "leased")
    assert.equal("5 2 3 4 1", drain())
  end)

  it("is in order after any number of random steps", function()
    math.randomseed(7)
    local there = {}
    for _ = 1, 5000 do
      if #there == 0 or math.random(3) > 1 then
        local kinds = { "ready", "leased" }
        there[#there + 1] = add("", math.random(1000), kinds[math.random(3)])
      else
        order:remove(table.remove(there, math.random(#there)))
      end
    end
    local last, count = -1, 0
    while order:top() do
      local item = order:top()
      assert.is_true(item.wake >= last)
      last, count = item.wake, count + 1
      order:remove(item)
    end
    assert.equal(#there, count)
  end)
end)
