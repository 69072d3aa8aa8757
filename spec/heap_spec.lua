local heap = require "marketplace.inbox.heap"

describe("marketplace.inbox.heap", function()
  it("gives the least first, and of equal ones the one placed first", function()
    local h = heap.new()
    for i, wake in ipairs { 5, 1, 5, 3, 1 } do h:push { wake = wake, name = i } end
    local order = {}
    while h:top() do
      order[#order + 1] = h:top().name
      h:remove(h:top())
    end
    assert.same({ 2, 5, 4, 1, 3 }, order)
  end)

  it("stays in order through any pushes, updates and removals", function()
    local h, items, state = heap.new(), {}, 7
    local function random(n)
      state = state * 16807 % 2147483647
      return state % n + 1
    end
    for _ = 1, 20000 do
      local kind = random(3)
      if kind == 1 or #items == 0 then
        local item = { wake = random(1000) }
        items[#items + 1] = item
        h:push(item)
      elseif kind == 2 then
        local item = items[random(#items)]
        item.wake = random(1000)
        h:remove(item)
        h:push(item)
      else
        local at = random(#items)
        h:remove(items[at])
        items[at] = items[#items]
        items[#items] = nil
      end
      local least = math.huge
      if #items < 60 then
        for _, item in ipairs(items) do least = math.min(least, item.wake) end
        assert.equal(least, h:top() and h:top().wake or math.huge)
      end
    end
    for place = 1, #items do assert.equal(place, h[place].place) end
    assert.equal(#items, h.n)
  end)
end)
