--- A queue of the memory inbox's entries, the one with the earliest `at` in front (`queue[1]`), and of those with the
--- same the one that was stored first: a binary heap. An entry keeps its `place`, so that it can be taken out from
--- anywhere; it stands in one queue at a time. `place` is false if it stands in none.
local queue = {}

local function is_before(a, b)
  if a.at ~= b.at then return a.at < b.at end
  return a.number < b.number
end

local function set(heap, place, entry)
  heap[place], entry.place = entry, place
end

local function rise(heap, place, entry)
  while place > 1 do
    local parent = math.floor(place / 2)
    if is_before(heap[parent], entry) then break end
    set(heap, place, heap[parent])
    place = parent
  end
  set(heap, place, entry)
end

local function sink(heap, place, entry)
  while true do
    local child, other = heap[2 * place], heap[2 * place + 1]
    if other and is_before(other, child) then child = other end
    if not child or is_before(entry, child) then break end
    local freed = child.place
    set(heap, place, child)
    place = freed
  end
  set(heap, place, entry)
end

function queue.add(heap, entry)
  rise(heap, #heap + 1, entry)
end

function queue.remove(heap, entry)
  local last, place = heap[#heap], entry.place
  heap[#heap], entry.place = nil, false
  if last == entry then return end
  rise(heap, place, last)
  sink(heap, last.place, last)
end

return queue
