--- The simulator's resources, in memory.
---
--- A record has `type`, `id`, `sequence` (which grows with each record), `attributes`, `refs` (name of a relationship
--- to id, or to a set of ids), and what its owner adds.
local store = {}

local Store = {}
Store.__index = Store

function store.new()
  return setmetatable({ sequence = 0, lists = {}, ids = {} }, Store)
end

local function type_of(self, type_name)
  self.lists[type_name] = self.lists[type_name] or {}
  self.ids[type_name] = self.ids[type_name] or {}
  return self.lists[type_name], self.ids[type_name]
end

--- Adds a record with `type` and `id`.
function Store:add(record)
  local list, ids = type_of(self, record.type)
  self.sequence = self.sequence + 1
  record.sequence = self.sequence
  record.attributes, record.refs = record.attributes or {}, record.refs or {}
  list[#list + 1] = record
  ids[record.id] = record
  return record
end

function Store:get(type_name, id)
  local _, ids = type_of(self, type_name)
  return ids[id]
end

function Store:remove(record)
  local list, ids = type_of(self, record.type)
  for i, other in ipairs(list) do
    if other == record then
      table.remove(list, i)
      break
    end
  end
  ids[record.id] = nil
end

--- Lists the records of a type, oldest first: those whose relationship `back` leads to `id`, or all without `back`.
function Store:list(type_name, back, id)
  local found = {}
  for _, record in ipairs((type_of(self, type_name))) do
    local ref = back and record.refs[back]
    if not back or ref == id or type(ref) == "table" and ref[id] then found[#found + 1] = record end
  end
  return found
end

--- Forgets all but the newest `most` records of a type.
function Store:bound(type_name, most)
  local list, ids = type_of(self, type_name)
  while #list > most do ids[table.remove(list, 1).id] = nil end
end

return store
