--- A filter in front of an inbox that tells duplicates without asking it, from a lua_shared_dict. All of nginx's
--- workers share it.
---
--- It is never the truth. Something is in it only once the inbox has stored it; what is not in it the inbox is asked
--- for, so that it does no harm when the dictionary is full or forgets. A notification whose callbacks have failed for
--- good is to be tried again when it is redelivered: it is dropped here when that happens in nginx, and nothing is held
--- for long, as it may happen elsewhere. An inbox that was lost and made anew has another id: once that is seen,
--- nothing that is known of the lost one is looked at.
local core = require "marketplace.core"
local front = require "marketplace.nginx.proxy"

local duplicates = {}

local SECONDS = 60
local LOOK_SECONDS = 1 -- until it is seen that an inbox was made anew

-- The same bytes under the same secret have the same signature. The inbox is asked for what came unsigned, and where
-- there are several at once.
local function put(inbox, dict, prefix, records, now)
  local record = records[1]
  local signed = prefix and #records == 1 and rawget(record, "signature")
  if not signed then return inbox:put(records, now) end
  local name = prefix .. record.key
  if dict:get(name) == signed then return { "duplicate" } end
  local outcomes, message, code = inbox:put(records, now)
  if not outcomes then return nil, message, code end
  dict:set(name, signed, SECONDS)
  return outcomes
end

-- An identity is a key, or a key and a digest.
local function forget(dict, prefix, identity)
  dict:delete(prefix .. identity)
  dict:delete(prefix .. identity:gsub("#[^#]*$", ""))
end

-- Short, as the dictionary hashes every byte of a name.
local function prefix_of(inbox, id)
  return ("%08x"):format(core.crc32((inbox.place or "") .. " " .. id))
end

--- An inbox with a dictionary in front, which is not used until the inbox's id is known. One that has none, as an
--- operator's own may, is taken for the same for ever.
---@param inbox table what its `place` names is kept apart in the dictionary
---@param dict table of ngx.shared
---@return table inbox
---@return fun() look asks for the inbox's id; may yield
function duplicates.wrap(inbox, dict)
  local prefix = not inbox.id and prefix_of(inbox, "") or nil
  local is_sure = prefix ~= nil
  local function look()
    if not inbox.id then return end
    -- of one that cannot be asked nobody knows what it still holds
    local id = inbox:id()
    is_sure = id ~= nil
    if id then prefix = prefix_of(inbox, id) end
  end
  return front.new(inbox, {
    put = function(_, records, now) return put(inbox, dict, is_sure and prefix, records, now) end,
    finish = function(_, items, now)
      local held, message, code = inbox:finish(items, now)
      for _, item in ipairs(held and prefix and items or {}) do
        if item.state == "dead" then forget(dict, prefix, item.identity) end
      end
      return held, message, code
    end,
  }), look
end

--- Looks at once, and every second: in init_worker_by_lua.
---@param look fun() of `wrap`
function duplicates.follow(look)
  local function turn(is_ending)
    if not is_ending then look() end
  end
  assert(ngx.timer.at(0, turn))
  assert(ngx.timer.every(LOOK_SECONDS, turn))
end

return duplicates
