--- A filter in front of an inbox that tells duplicates without asking it, from a lua_shared_dict. All of nginx's
--- workers share it.
---
--- It is never the truth. Something is in it only once the inbox has stored it; what is not in it the inbox is asked
--- for, so that it does no harm when the dictionary is full or forgets. A notification whose callbacks have failed for
--- good is to be tried again when it is redelivered: it is dropped here when that happens in nginx, and nothing is held
--- for long, as it may happen elsewhere.
local front = require "marketplace.nginx.front"

local duplicates = {}

local SECONDS = 60

-- Of those that the dictionary does not know: the records, their names in it and digests, and where they stand.
local function unknown(dict, prefix, records)
  local list, entries = {}, {}
  for i = 1, #records do
    local name, digest = prefix .. records[i].key, records[i].digest
    if dict:get(name) ~= digest then
      list[#list + 1] = records[i]
      entries[#list] = { name = name, digest = digest, place = i }
    end
  end
  return list, entries
end

local function put(inbox, dict, prefix, records, now)
  local list, entries = unknown(dict, prefix, records)
  local outcomes = {}
  for i = 1, #records do outcomes[i] = "duplicate" end
  if #list == 0 and #records > 0 then return outcomes end
  local stored, message, code = inbox:put(list, now)
  if not stored then return nil, message, code end
  for i, entry in ipairs(entries) do
    outcomes[entry.place] = stored[i]
    dict:set(entry.name, entry.digest, SECONDS)
  end
  return outcomes
end

-- An identity is a key, or a key and a digest.
local function forget(dict, prefix, identity)
  dict:delete(prefix .. identity)
  dict:delete(prefix .. identity:gsub("#[^#]*$", ""))
end

--- An inbox with a dictionary in front.
---@param inbox table what its `place` names is kept apart in the dictionary
---@param dict table of ngx.shared
---@return table inbox
function duplicates.wrap(inbox, dict)
  local prefix = (inbox.place or "") .. "\0"
  return front.new(inbox, {
    put = function(records, now) return put(inbox, dict, prefix, records, now) end,
    finish = function(items, now)
      local held, message, code = inbox:finish(items, now)
      for _, item in ipairs(held and items or {}) do
        if item.state == "dead" then forget(dict, prefix, item.identity) end
      end
      return held, message, code
    end,
  })
end

return duplicates
