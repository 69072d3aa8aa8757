--- Asks before something is done with notifications, one or many: says how many they are, and then what became of them.
local bulk = require "marketplace.dashboard.bulk"
local entries = require "marketplace.dashboard.entries"
local h = require "marketplace.dashboard.html"
local page = require "marketplace.dashboard.page"
local search = require "marketplace.dashboard.search"
local shown = require "marketplace.dashboard.shown"

local view = { path = "/confirm", title = "Confirm", section = "/inbox" }

local MOST_SHOWN = 10
local MOST_SECONDS = 2 -- in `serve`, everything else waits meanwhile

--[[ What is asked for ]]

-- The action and the filter of an address, or nil and an answer.
local function asked_of(context)
  local query = context.query
  local action = bulk.ACTIONS[query["do"]]
  if not action then return nil, context.invalid "There is no such action." end
  local found = search.read(query, context.now)
  local name, problem = next(found.problems)
  if name then return nil, context.invalid(("%s %s."):format(name, problem)) end
  local filter = found.filter
  if query.entry then
    if not search.is_text(query.entry) then return nil, context.invalid "entry is no text." end
    filter.id = query.entry
  else
    -- what comes later was not counted
    filter.received_before = filter.received_before or math.floor(context.now) + 1
  end
  if filter.state == "done" and not search.is_narrow(filter) then
    return nil, context.invalid "To replay what is done, say which: an app, an event, an id or a time since when."
  end
  return { name = query["do"], action = action, filter = filter, entry = query.entry }
end

local function address_of(context, asked)
  local query = search.query(asked.filter)
  query["do"], query.entry = asked.name, asked.entry
  return context.url(view.path, query)
end

-- Where to go after it, or instead.
local function back(asked)
  if asked.entry then return "/notification", { id = asked.entry } end
  local query = search.query(asked.filter)
  query.before = nil
  if asked.name == "replay" and asked.filter.state ~= "done" then
    query.state = nil
    return "/dead", query
  end
  return "/inbox", query
end

--[[ The question ]]

local function counted(count, more)
  if count == 0 and more then return "all that fit" end
  return ("%s notification%s"):format(shown.count(count, more), count == 1 and not more and "" or "s")
end

local function selected(asked)
  if asked.entry then return nil end
  return { h.h2 "Which ones", shown.fields(search.words(asked.filter)) }
end

local function reason_field(asked)
  if asked.name ~= "cancel" then return nil end
  return page.reason_field(bulk.BY_OPERATOR, "is kept with them")
end

local function question(context, asked, about)
  return page.form(context, { action = address_of(context, asked), class = "question",
    reason_field(asked),
    h.p { class = "buttons",
      h.button { class = asked.name == "cancel" and "danger" or "primary", type = "submit",
        asked.action.call:format(counted(about.count, about.more)) },
      h.a { href = context.url(back(asked)), "Do nothing" },
    },
  })
end

local function sample(context, about)
  if #about.list == 0 then
    return h.p { class = "hint", "None was found among the first that were looked at. There may be some beyond." }
  end
  local heading = (about.more or #about.list < about.count) and "The first of them" or "These are they"
  return { h.h2 { heading }, entries.table(context, about.list, heading) }
end

function view.get(context)
  local asked, answer = asked_of(context)
  if not asked then return nil, answer end
  local about, message = bulk.about(context.inbox, asked.name, asked.filter, MOST_SHOWN)
  if not about then return nil, context.failed(message) end
  if about.count == 0 and not about.more then
    return { h.p "Nothing is selected any more: there is nothing to do.",
      h.p { h.a { href = context.url(back(asked)), "Back" } } }, { title = "Nothing to do" }
  end
  local explains = asked.action.explains[about.count == 1 and not about.more and "one" or "many"]
  return { h.p { explains }, question(context, asked, about), selected(asked), sample(context, about) },
    { title = asked.action.call:format(counted(about.count, about.more)) .. "?" }
end

--[[ Doing it ]]

local function told(asked, outcome)
  return ("%s %s %s."):format(counted(outcome.count), outcome.count == 1 and "is" or "are", asked.action.done)
end

local REST = {
  done = " They are the oldest, and will be done again: for the rest, search for what was received later, or use " ..
    "`marketplace inbox replay`.",
  run = " They are the oldest: once they have run, do it again for the rest.",
  replay = " They are the oldest: once they have run, do it again for the rest, or use `marketplace inbox replay`.",
  cancel = " That took as long as one page may: confirm again to go on with the rest, or use `marketplace inbox " ..
    "cancel`.",
}

local function rest_of(asked)
  return asked.filter.state == "done" and REST.done or REST[asked.name]
end

local function report(context, asked, outcome, message)
  local path, query = back(asked)
  if message then
    return context.redirect(path, query, ("%s Then it failed: %s"):format(told(asked, outcome), message), "problem")
  end
  if outcome.count == 0 then
    return context.redirect(path, query, "Nothing was changed: none is in a state for that any more.", "problem")
  end
  if outcome.whole then return context.redirect(path, query, told(asked, outcome)) end
  query = search.query(asked.filter)
  query["do"] = asked.name
  return context.redirect(view.path, query, told(asked, outcome) .. rest_of(asked))
end

function view.post(context)
  local asked, answer = asked_of(context)
  if not asked then return answer end
  local outcome, message = bulk.apply(context.inbox, asked.name, asked.filter, {
    reason = page.reason_of(context.form), seconds = MOST_SECONDS,
  })
  if outcome.count > 0 then context.dashboard:note(context, told(asked, outcome)) end
  return report(context, asked, outcome, message)
end

return view
