local queue = require "marketplace.inbox.queue"
local random = require "support.inbox_model.random"

local function entry(at, number) return { at = at, number = number, place = false } end

-- What is in it, from the front.
local function drained(heap)
  local found = {}
  while heap[1] do
    found[#found + 1] = heap[1]
    queue.remove(heap, heap[1])
  end
  return found
end

local function sorted(entries)
  table.sort(entries, function(a, b)
    if a.at ~= b.at then return a.at < b.at end
    return a.number < b.number
  end)
  return entries
end

describe("the memory inbox's queue", function()
  it("has the earliest in front, and of those at the same time the one that was stored first", function()
    local heap, a, b, c = {}, entry(5, 3), entry(5, 2), entry(4, 9)
    for _, one in ipairs { a, b, c } do queue.add(heap, one) end
    assert.same({ c, b, a }, drained(heap))
  end)

  it("lets go of one from anywhere, which stands in no queue then", function()
    local heap, entries = {}, {}
    for i = 1, 7 do
      entries[i] = entry(i, i)
      queue.add(heap, entries[i])
    end
    queue.remove(heap, entries[4])
    assert.is_false(entries[4].place)
    queue.remove(heap, entries[7])
    assert.same({ entries[1], entries[2], entries[3], entries[5], entries[6] }, drained(heap))
  end)

  for seed = 1, 20 do
    it(("keeps the order whatever comes and goes (seed %d)"):format(seed), function()
      local numbers, heap, held = random.new(seed), {}, {}
      for i = 1, 300 do
        if #held > 0 and numbers:chance(40) then
          queue.remove(heap, table.remove(held, numbers:below(#held)))
        else
          held[#held + 1] = entry(numbers:below(50), i)
          queue.add(heap, held[#held])
        end
      end
      assert.same(sorted(held), drained(heap))
    end)
  end
end)
