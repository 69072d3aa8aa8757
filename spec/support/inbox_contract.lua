--- The contract of an inbox (see marketplace.inbox), as specs: contract(busted, open), where busted has its describe,
-- it, before_each and after_each, and open() gives an empty inbox.
local assert = require "luassert"

local PARTS = { "put", "leases", "lookup", "operators", "closed" }

local given = {}

function given.record(key, more)
  local made = {
    key = key, digest = "digest of " .. key, type = "AppUnavailable", event = "app_unavailable",
    app_id = "app of " .. key, time = 5, body = "body of " .. key,
  }
  for name, value in pairs(more or {}) do made[name] = value or nil end
  return made
end

--- So many records, k1 and so on, each of an app of its own.
function given.many(count)
  local records = {}
  for i = 1, count do records[i] = given.record("k" .. i) end
  return records
end

local function each(list, name)
  local values = {}
  for i, one in ipairs(list) do values[i] = one[name] end
  return values
end

function given.keys(entries) return each(entries, "key") end

function given.identities(entries) return each(entries, "identity") end

-- An inbox whose methods are those of the one that the current test opened.
local function current_inbox(opened)
  return setmetatable({}, { __index = function(_, name)
    return function(_, ...) return opened.inbox[name](opened.inbox, ...) end
  end })
end

return function(busted, open)
  local opened = {}
  local inbox = current_inbox(opened)
  busted.before_each(function() opened.inbox = open() end)
  busted.after_each(function() opened.inbox:close() end)

  local subject = setmetatable({ inbox = inbox }, { __index = given })

  function subject.claim_one(now, lease)
    return assert(inbox:claim(1, now, lease or 60))[1]
  end

  function subject.finish(claimed, state, now, more)
    local item = { identity = claimed.identity, token = claimed.token, state = state }
    for name, value in pairs(more or {}) do item[name] = value end
    return assert(inbox:finish({ item }, now))[1]
  end

  --- Some fields of an entry.
  function subject.columns(identity, ...)
    local entry, values = inbox:get(identity), {}
    for i = 1, select("#", ...) do values[i] = entry[(select(i, ...))] end
    return values
  end

  for _, part in ipairs(PARTS) do require("support.inbox_contract." .. part)(busted, subject) end
end
