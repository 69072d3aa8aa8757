--- One notification: what it is, what it waits for, what happened to it, its body, and what an operator can do with it.
local bulk = require "marketplace.dashboard.bulk"
local entries = require "marketplace.dashboard.entries"
local h = require "marketplace.dashboard.html"
local json_text = require "marketplace.dashboard.json_text"
local record = require "marketplace.inbox.record"
local search = require "marketplace.dashboard.search"
local shown = require "marketplace.dashboard.shown"
local text = require "marketplace.text"

local view = { path = "/notification", title = "Notification", section = "/inbox" }

local MOST_BODY = 100000   -- bytes of a body that are shown
local MOST_PRETTY = 400000 -- bytes of it, laid out
local MOST_SAME = 20       -- others with its id
local MOST_REASON = 10000  -- bytes
local MOST_ID = 300        -- bytes

--[[ Reading ]]

local function forgotten(context, id)
  return context.not_found(("No notification with the id %s is here. What is done is forgotten after a while: see " ..
    "--keep and --keep-ids of marketplace serve."):format(entries.short(id, MOST_ID)))
end

-- The entry itself among those that its id, or its notification's, selects.
local function leader_of(context, entry)
  if not entry.behind then return nil end
  local list, message = context.inbox:list { id = entry.behind, limit = MOST_SAME }
  if not list then return nil, message end
  for _, one in ipairs(list) do
    if one.id == entry.behind then return one end
  end
end

local function read(context, id)
  local entry, message = context.inbox:get(id)
  if message then return nil, context.failed(message) end
  local same
  same, message = context.inbox:list { id = entry and entry.key or id, limit = MOST_SAME }
  if not same then return nil, context.failed(message) end
  if not entry and #same == 0 then return nil, forgotten(context, id) end
  local made = { entry = entry, same = {} }
  for _, one in ipairs(same) do
    if one.id ~= id then made.same[#made.same + 1] = one end
  end
  if not entry then return made end
  made.leader, message = leader_of(context, entry)
  if message then return nil, context.failed(message) end
  return made
end

--[[ What happens to it ]]

local function leader_does(leader, now)
  if not leader then return "has just ended" end
  if leader.state == "leased" then return leader.at > now and "runs now" or "has lost its lease and runs again soon" end
  if leader.state == "ready" and leader.at > now then return { "is tried again ", shown.ago(leader.at, now) } end
  return leader.state == "ready" and "runs next" or "has just ended"
end

local DEAD = {
  failed = "Its callback failed too often, and it was given up", cancelled = "It was cancelled",
  invalid = "It cannot be read, so it is only kept", no_callback = "No callback takes it, so it is only kept",
  too_old = "Its event is older than what the inbox remembers, so it may have run before and is only kept",
}

local function outlook(context, made)
  local entry, now = made.entry, context.now
  if entry.behind then
    local leader = made.leader
    local is_held_up = leader and leader.state == "ready" and leader.at > now
    return { "It waits behind ", entries.link(context, entry.behind), ", of the same app, which ",
      leader_does(leader, now), ".", is_held_up and " Run or cancel that one to let it pass." }
  end
  if entry.state == "ready" then
    return entry.at > now and { "It is tried again ", shown.ago(entry.at, now), "." } or
      "It is due now, and runs as soon as a worker takes it."
  end
  if entry.state == "leased" then
    return entry.at > now and { "A worker has it. Its lease ends ", shown.ago(entry.at, now), "." } or
      "Its lease has ended without a result. It is ready again once a worker looks."
  end
  if entry.state == "done" then return { "It was done ", shown.ago(entry.at, now), "." } end
  return { DEAD[entry.code] or "It was given up", " (", shown.ago(entry.at, now), ")." }
end

-- What is possible in its state may still be of no use: to run what is due, or to replay what is done without a body.
local function is_useful(context, name, entry)
  if name == "run" then return entry.at > context.now end
  return entry.state ~= "done" or entry.body ~= nil
end

local function actions(context, entry)
  local links = {}
  for _, name in ipairs(bulk.possible { state = entry.state, code = entry.code }) do
    if is_useful(context, name, entry) then
      links[#links + 1] = h.a { class = "button", href = context.url("/confirm", {
        ["do"] = name, state = entry.state, entry = entry.id,
      }), bulk.ACTIONS[name].link }
    end
  end
  return #links > 0 and h.div { class = "actions", role = "group", ["aria-label"] = "Actions", links } or nil
end

--[[ What it is ]]

-- What is sent on to another system: to which, and the notification itself (marketplace.dispatcher.forwards).
local function forwarded(entry)
  if entry.event ~= record.FORWARD then return nil end
  return entry.key:match "^forward:([^:]*):(.*)$"
end

local function secret(context, entry)
  if entry.event == record.FORWARD then return nil end
  if record.is_unsigned(entry.digest) then return "no signature: reconcile put it here, read from Apple's API" end
  if not entry.verified_by then return nil end
  return h.a { href = context.url("/inbox", { secret = entry.verified_by }), h.code { entry.verified_by } }
end

local function reason(entry)
  if not entry.reason then return nil end
  return h.pre { class = "reason", entries.short(entry.reason, MOST_REASON) }
end

local function time(context, seconds)
  return shown.time_and_age(seconds, context.now)
end

local function fields(context, entry)
  local system, forwarded_id = forwarded(entry)
  return shown.fields {
    { "Sent on to", system and h.code { system } },
    { "Notification", forwarded_id and entries.link(context, forwarded_id, MOST_ID) },
    { "Id", h.code { entry.id } },
    { "Id as sent", entry.key ~= entry.id and h.code { entry.key } },
    { "Event", entries.event(entry) },
    { "Type", entry.type and h.code { entry.type } },
    { "App", entries.app(context, entry.app_id, MOST_ID) },
    { "Happened", time(context, entry.time) },
    { "Received", time(context, entry.received_at) },
    { "Attempts", shown.count(entry.attempt) },
    { entry.state == "dead" and "Reason" or "Last error", reason(entry) },
    { "Signed with", secret(context, entry) },
    { "SHA-256", h.code { entry.digest } },
    { "traceparent", entry.traceparent and h.code { entry.traceparent } },
  }
end

--[[ What happened to it ]]

local function history(context, entry)
  if not entry.history or #entry.history == 0 then return nil end
  return { h.h2 "History", shown.table({
    { "When", function(item) return time(context, item.at) end },
    { "What", function(item) return item.what end },
    { "Attempt", function(item) return item.attempt and shown.count(item.attempt) end, class = "number" },
    { "Reason", function(item)
      return item.reason and h.pre { class = "reason", entries.short(item.reason, MOST_REASON) }
    end, class = "reason" },
  }, entry.history, "History") }
end

local function same_id(context, made)
  if #made.same == 0 then return nil end
  return { h.h2 "With the same id",
    h.p "Other bodies came with this notification's id. Each is kept, and runs on its own.",
    entries.table(context, made.same, "Notifications with the same id"),
  }
end

--[[ Its body ]]

local function cut_note(shown_bytes, body)
  if shown_bytes >= #body then return nil end
  return h.p { class = "hint", ("Of %s, the first %s are shown."):format(text.bytes(#body), text.bytes(shown_bytes)) }
end

local function body_of(context, entry)
  local body = entry.body
  if not body then
    return { h.h2 "Body", shown.nothing("The body of what is done is kept for a while only: see --keep of " ..
      "marketplace serve.") }
  end
  local beginning = text.cut(body, MOST_BODY)
  local pretty, is_whole = json_text.pretty(beginning, MOST_PRETTY)
  local raw = h.pre { class = "body", tabindex = "0", role = "region", ["aria-label"] = "Raw body", beginning }
  return { h.h2 "Body", cut_note(#beginning, body),
    entry.code ~= "invalid" and {
      h.pre { class = "body", tabindex = "0", role = "region", ["aria-label"] = "Body", pretty },
      not is_whole and h.p { class = "hint", "The rest is not laid out." } },
    h.details { open = entry.code == "invalid" or nil, h.summary { ("Raw, %s"):format(text.bytes(#body)) }, raw },
    h.p { h.a { href = context.url("/notification/body", { entry = entry.id }), download = true,
      "Download the bytes as they came" } },
  }
end

--[[ The page ]]

local function title_of(entry)
  return entry.event or "Notification that cannot be read"
end

function view.get(context)
  local id = context.query.id or ""
  if not search.is_text(id) then return nil, forgotten(context, id) end
  local made, answer = read(context, id)
  if not made then return nil, answer end
  local entry = made.entry
  if not entry then
    return { h.p { "Several notifications have the id ", h.code { entries.short(id, MOST_ID) }, "." },
      entries.table(context, made.same, "Notifications with this id") }
  end
  return {
    h.p { class = "outlook", shown.state(entry), " ", outlook(context, made) }, actions(context, entry),
    fields(context, entry), history(context, entry), same_id(context, made), body_of(context, entry),
  }, { title = title_of(entry) }
end

return view
