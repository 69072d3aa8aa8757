--- A filter in front of an inbox that tells duplicates without asking it, from a lua_shared_dict. All of nginx's
--- workers share it.
---
--- It is never the truth. Something is in it only once the inbox has stored it; what is not in it the inbox is asked
--- for, so that it does no harm when the dictionary is full or forgets. It holds nothing for long, as a notification
--- whose callbacks have failed for good is to be tried again when it is redelivered, and as a dictionary outlives a
--- reload that may name another inbox.
local front = require "marketplace.nginx.front"

local duplicates = {}

local SECONDS = 60

-- Of those that the dictionary does not know: the records, their names in it, and where they stand in the list.
local function unknown(dict, prefix, records)
  local list, names, places = {}, {}, {}
  for i = 1, #records do
    local name = prefix .. records[i].digest .. ":" .. records[i].key
    if not dict:get(name) then
      local n = #list + 1
      list[n], names[n], places[n] = records[i], name, i
    end
  end
  return list, names, places
end

--- An inbox with a dictionary in front.
---@param inbox table what its `place` names is kept apart in the dictionary
---@param dict table of ngx.shared
---@return table inbox
function duplicates.wrap(inbox, dict)
  local prefix = (inbox.place or "") .. "\0"
  return front.new(inbox, function(records, now)
    local list, names, places = unknown(dict, prefix, records)
    local outcomes = {}
    for i = 1, #records do outcomes[i] = "duplicate" end
    if #list == 0 and #records > 0 then return outcomes end
    local stored, message, code = inbox:put(list, now)
    if not stored then return nil, message, code end
    for i = 1, #list do
      outcomes[places[i]] = stored[i]
      dict:set(names[i], true, SECONDS)
    end
    return outcomes
  end)
end

return duplicates
