--- A queue of the memory inbox's entries, the one with the earliest `at` in front (`queue[1]`), and of those with the
--- same the one that was stored first: a binary heap. An entry keeps its `place`, so that it can be taken out from
--- anywhere; it stands in one queue at a time. `place` is false if it stands in none.
local queue = {}

local function is_before(a, b)
  if a.at ~= b.at then return a.at < b.at end
  return a.number < b.number
end

local function rise(heap, place, entry)
  while place > 1 do
    local above = math.floor(place / 2)
    local parent = heap[above]
    if is_before(parent, entry) then break end
    heap[place], parent.place = parent, place
    place = above
  end
  heap[place], entry.place = entry, place
end

-- Fills a gap from below, and returns the place at the bottom that this has freed.
local function close_gap(heap, place)
  while true do
    local below = 2 * place
    local child, other = heap[below], heap[below + 1]
    if not child then return place end
    if other and is_before(other, child) then child, below = other, below + 1 end
    heap[place], child.place = child, place
    place = below
  end
end

function queue.add(heap, entry)
  rise(heap, #heap + 1, entry)
end

function queue.remove(heap, entry)
  local last, place = heap[#heap], entry.place
  heap[#heap], entry.place = nil, false
  -- the last one is among the latest, mostly: it rises from the bottom in fewer steps than it would sink to there
  if last ~= entry then rise(heap, close_gap(heap, place), last) end
end

return queue
