--- The contract of an inbox (see marketplace.inbox), as specs: contract(busted, open), where busted has its describe,
-- it, before_each and after_each, and open(clock) gives an empty inbox whose clock is that function.
local assert = require "luassert"

local PARTS = {
  "put", "probe", "unsigned", "claim", "finish", "lanes", "election", "recovery", "clocks", "dead", "too_old",
  "operators", "replay", "filters", "pages", "entries", "history", "totals", "retention", "paging", "closed",
}
local WAITS = { 5, 10, 20 } -- of recover, unless a case says otherwise

local given = {}

function given.record(key, more)
  local made = {
    key = key, digest = "digest of " .. key, type = "AppUnavailable", event = "app_unavailable",
    app_id = "app of " .. key, time = 1, body = "body of " .. key,
  }
  for name, value in pairs(more or {}) do made[name] = value or nil end
  return made
end

--- Records of one app.
function given.of_app(app_id, ...)
  local records = {}
  for i, key in ipairs { ... } do records[i] = given.record(key, { app_id = app_id }) end
  return records
end

--- So many records, k1 and so on, each of an app of its own.
function given.many(count)
  local records = {}
  for i = 1, count do records[i] = given.record("k" .. i) end
  return records
end

function given.ids(entries)
  local ids = {}
  for i, entry in ipairs(entries) do ids[i] = entry.id end
  return ids
end

function given.sorted(list)
  table.sort(list)
  return list
end

-- An inbox whose methods are those of the one that the current test opened.
local function current_inbox(opened)
  return setmetatable({}, { __index = function(_, name)
    return function(_, ...) return opened.inbox[name](opened.inbox, ...) end
  end })
end

local function add_calls(subject)
  local inbox = subject.inbox

  function subject.finish(claimed, state, more)
    local item = { id = claimed.id, token = claimed.token, state = state }
    for name, value in pairs(more or {}) do item[name] = value end
    return assert(inbox:finish { item })[1]
  end

  --- What a dispatcher claims, which first recovers.
  function subject.claim(limit, lease, waits)
    assert(inbox:recover(waits or WAITS))
    return assert(inbox:claim(limit, lease or 60))
  end

  --- The only one that is claimed, or nil.
  function subject.claim_one(lease, waits)
    return subject.claim(1, lease, waits)[1]
  end

  --- The ids of all that can be claimed now, one after another, each done before the next is claimed.
  function subject.run_all()
    local ids = {}
    for claimed in subject.claim_one do
      ids[#ids + 1] = claimed.id
      assert(subject.finish(claimed, "done"))
    end
    return ids
  end

  --- Some fields of an entry, false for an absent one.
  function subject.columns(id, ...)
    local entry, values = assert(inbox:get(id)), {}
    for i, name in ipairs { ... } do values[i] = entry[name] or false end
    return values
  end
end

local FINISHED = {
  done = { "done" }, failed = { "dead", { code = "failed", reason = "gave up" } },
  no_callback = { "dead", { code = "no_callback", reason = "no callback takes it" } },
  cancelled = { "dead", { code = "cancelled", reason = "not wanted" } },
}

-- Brings an entry of an app of its own into a state, or as dead to a code; nothing else may be claimable.
local function add_bring(subject)
  function subject.bring(key, to, more)
    local made = subject.record(key, more)
    if to == "invalid" then made.reason = "not JSON" end
    assert.same({ "stored" }, subject.inbox:put { made })
    if to == "ready" or to == "invalid" then return end
    local claimed = subject.claim_one()
    assert.equal(key, claimed.id)
    if to ~= "leased" then assert.is_true(subject.finish(claimed, FINISHED[to][1], FINISHED[to][2])) end
    return claimed
  end
end

return function(busted, open)
  local opened, now = {}, 0
  local subject = setmetatable({ inbox = current_inbox(opened) }, { __index = given })

  busted.before_each(function()
    now = 1
    opened.inbox = open(function() return now end)
  end)
  busted.after_each(function() opened.inbox:close() end)

  --- The inbox, at another time.
  function subject.at(time)
    now = time
    return subject.inbox
  end

  add_calls(subject)
  add_bring(subject)
  for _, part in ipairs(PARTS) do require("support.inbox_contract." .. part)(busted, subject) end
end
