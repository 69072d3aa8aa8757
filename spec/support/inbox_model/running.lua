--- Random operations, run: running[name](walk, operation) has an inbox and the model do the same, and raises if they
-- differ.
local fields = require "marketplace.inbox.fields"
local making = require "support.inbox_model.making"

local running = {}

local function by_name(a, b) return tostring(a) < tostring(b) end

--- A value as text, the same for what is the same.
function running.show(value)
  if type(value) == "number" then return ("%.17g"):format(value) end
  if type(value) == "string" then return ("%q"):format(value) end
  if type(value) ~= "table" then return tostring(value) end
  local names, shown = {}, {}
  for name in pairs(value) do names[#names + 1] = name end
  table.sort(names, by_name)
  for i, name in ipairs(names) do
    local text = running.show(value[name])
    shown[i] = type(name) == "string" and name .. " = " .. text or text
  end
  return "{ " .. table.concat(shown, ", ") .. " }"
end

function running.compare(what, got, expected)
  local got_text, expected_text = running.show(got), running.show(expected)
  if got_text == expected_text then return end
  error(("%s differs\n  inbox: %s\n  model: %s"):format(what, got_text, expected_text), 0)
end

local compare = running.compare

--- Calls the inbox, by the operation's holder.
function running.call(walk, operation, method, ...)
  local box = walk.inboxes[operation.holder]
  local result, message = box[method](box, ...)
  if message then error(method .. ": " .. message, 0) end
  return result
end

local call = running.call

local function same(method)
  return function(walk, operation, ...)
    local got = call(walk, operation, method, ...)
    compare(method, got, walk.model[method](walk.model, ...))
    return got
  end
end

function running.put(walk, operation)
  local records = {}
  for i, record in ipairs(operation.records) do
    records[i] = fields.copy(record, fields.record)
    walk.acknowledged[record.key] = true
  end
  compare("put", call(walk, operation, "put", records), walk.model:put(operation.records))
end

-- How often to call what may do only a part in a call.
local function times(walk) return walk.in_slices and #walk.model.entries + 1 or 1 end

function running.recover(walk, operation)
  local got, expected = 0, 0
  for _ = 1, times(walk) do
    got = got + call(walk, operation, "recover", making.WAITS)
    expected = expected + walk.model:recover(making.WAITS)
  end
  compare("recover", got, expected)
end

local function keep_token(walk, item)
  local given, token = walk.tokens[item.id] or {}, tostring(item.token)
  if given[token] then error(("claim: %s had the token %s before"):format(item.id, token), 0) end
  given[token], walk.tokens[item.id] = true, given
end

local function call_claim(walk, operation)
  for _ = 1, times(walk) do
    local got = call(walk, operation, "claim", operation.limit, operation.lease)
    if #got > 0 then return got end
  end
  return {}
end

-- Which of those that are due come first is for an inbox to say that has not looked at all of them yet.
local function expect_claim(walk, operation, got)
  local chosen = walk.model:first_due(operation.limit)
  if walk.in_slices and #chosen > 0 and chosen[1].losses == 0 then
    chosen = walk.model:those_due(got, operation.limit)
    if #chosen == 0 then error("claim: nothing, though something is due", 0) end
  end
  return walk.model:lease(chosen, operation.lease, operation.holder)
end

function running.claim(walk, operation)
  if operation.recovers then running.recover(walk, operation) end
  local got = call_claim(walk, operation)
  local expected = expect_claim(walk, operation, got)
  local kept = {}
  for i, item in ipairs(got) do
    keep_token(walk, item)
    kept[i] = { id = item.id, token = item.token, model_token = (expected[i] or {}).token }
    item.token = nil
  end
  for _, item in ipairs(expected) do item.token = nil end
  compare("claim", got, expected)
  walk.claims[operation.label] = kept
  return kept
end

-- The items as the inbox knows them, and as the model does.
local function resolve(walk, operation, items)
  local claimed, for_inbox, for_model = walk.claims[operation.label] or {}, {}, {}
  for _, item in ipairs(items) do
    local held = claimed[item.place]
    if held and not held.is_gone then
      local copy = fields.copy(item, fields.item)
      copy.id, copy.token = held.id, held.token
      for_inbox[#for_inbox + 1] = copy
      copy = fields.copy(copy, fields.item)
      copy.token = held.model_token
      for_model[#for_model + 1] = copy
    end
  end
  return for_inbox, for_model
end

function running.finish(walk, operation)
  local for_inbox, for_model = resolve(walk, operation, operation.items)
  compare("finish", call(walk, operation, "finish", for_inbox), walk.model:finish(for_model))
end

function running.extend(walk, operation)
  local items = {}
  for i, place in ipairs(operation.places) do items[i] = { place = place } end
  local for_inbox, for_model = resolve(walk, operation, items)
  compare("extend", call(walk, operation, "extend", for_inbox, operation.lease),
    walk.model:extend(for_model, operation.lease))
end

-- Why an entry is dead that was too old is for the inbox to word.
local function without_wording(entries)
  for _, entry in ipairs(entries) do
    if entry.code == "too_old" then entry.reason = nil end
  end
  return entries
end

-- All pages of what a filter selects: they are as long as they may be, and end.
local function read_pages(walk, operation, filter)
  local box, all, pages = walk.inboxes[operation.holder], {}, 0
  repeat
    local page, cursor = box:list(filter)
    if not page then error("list: " .. cursor, 0) end
    if #page > (filter.limit or math.huge) then error("list: a page is too long", 0) end
    if not cursor and filter.examine == nil and filter.limit and #page < filter.limit then pages = -math.huge end
    for _, entry in ipairs(page) do all[#all + 1] = entry end
    pages, filter.from = pages + 1, cursor
    if pages > 2000 then error("list: its pages do not end", 0) end
  until not cursor
  return all
end

local function check_count(walk, operation, expected)
  local box = walk.inboxes[operation.holder]
  for _, most in ipairs { 0, #expected - 1, #expected, #expected + 1 } do
    if most >= 0 then
      local filter = fields.copy(operation.filter, fields.filter)
      local count, more = box:count(filter, most)
      compare("count", { count, more }, { math.min(#expected, most), #expected > most })
    end
  end
end

function running.list(walk, operation)
  local filter = operation.filter or {}
  local given = fields.copy(filter, fields.filter)
  given.newest, given.limit, given.examine = filter.newest, filter.limit, filter.examine
  local expected = without_wording(walk.model:list(filter))
  if given.limit == 0 then
    compare("list", call(walk, operation, "list", given), {})
  else
    compare("list", without_wording(read_pages(walk, operation, given)), expected)
  end
  check_count(walk, { holder = operation.holder, filter = filter }, expected)
end

function running.apps(walk, operation)
  local box, found, seen, cursor = walk.inboxes[operation.holder], {}, {}, nil
  repeat
    local page
    page, cursor = box:apps { limit = operation.limit, from = cursor }
    if not page then error("apps: " .. cursor, 0) end
    if #page > operation.limit then error("apps: a page is too long", 0) end
    for _, app in ipairs(page) do found[#found + 1] = app end
  until not cursor
  local newest = walk.model:newest_of_apps()
  for _, app in ipairs(found) do
    local is_one = false
    for _, entry in ipairs(newest[app.app_id] or {}) do
      is_one = is_one or running.show(fields.copy(entry, fields.app)) == running.show(app)
    end
    if not is_one or seen[app.app_id] then error("apps: not the newest of its app: " .. running.show(app), 0) end
    seen[app.app_id] = true
  end
  for app_id in pairs(newest) do
    if not seen[app_id] then error("apps: it is missing: " .. app_id, 0) end
  end
end

function running.get(walk, operation)
  compare("get", without_wording { call(walk, operation, "get", operation.id) },
    without_wording { walk.model:get(operation.id) })
end

local function by_id(list)
  table.sort(list, function(a, b) return (a.id or a) < (b.id or b) end)
  return list
end

function running.replay(walk, operation)
  compare("replay", by_id(call(walk, operation, "replay", operation.filter)),
    by_id(walk.model:replay(operation.filter)))
end

-- Beside a scope an inbox may leave the body out.
local function without_needless(entries)
  for _, entry in ipairs(entries) do entry.body = not entry.scope and entry.body or nil end
  return by_id(entries)
end

function running.later(walk, operation)
  compare("later", without_needless(call(walk, operation, "later", operation.app_id, operation.time)),
    without_needless(walk.model:later(operation.app_id, operation.time)))
end

function running.run(walk, operation) same "run"(walk, operation, operation.filter) end

function running.cancel(walk, operation) same "cancel"(walk, operation, operation.filter, "not wanted") end

local function check_next_in(walk, operation)
  local got, expected = call(walk, operation, "next_in"), walk.model:next_in()
  local has_more_to_look_at = walk.in_slices and got == 0 and expected
  if not has_more_to_look_at then compare("next_in", got, expected) end
end

function running.totals(walk, operation)
  for _, method in ipairs { "counts", "backlog", "oldest_done" } do same(method)(walk, operation) end
  check_next_in(walk, operation)
end

local function size(set)
  local count = 0
  for _ in pairs(set) do count = count + 1 end
  return count
end

-- An id that was forgotten begins anew, with the first token.
local function delete(walk, id)
  walk.model:delete(id)
  walk.acknowledged[id], walk.tokens[id] = nil, nil
  for _, items in pairs(walk.claims) do
    for _, item in ipairs(items) do item.is_gone = item.is_gone or item.id == id end
  end
end

-- Which are forgotten is for the inbox to say, among those that may be: it tells by what is gone then.
local function follow(walk, operation, may)
  local model, kept, forgotten = walk.model, {}, { bodies = 0, ids = 0 }
  for _, entry in ipairs(call(walk, operation, "list", { state = "done" })) do kept[entry.id] = true end
  for id in pairs(may.ids) do
    if not kept[id] then
      delete(walk, id)
      forgotten.ids = forgotten.ids + 1
    end
  end
  for id, entry in pairs(may.bodies) do
    if model:find(id) and not call(walk, operation, "get", id).body then
      entry.body, forgotten.bodies = nil, forgotten.bodies + 1
    end
  end
  return forgotten
end

function running.forget(walk, operation)
  local model, before, limit = walk.model, operation.before, operation.limit
  local may = model:forgettable(before)
  local most = { bodies = size(may.bodies), ids = size(may.ids) }
  model.forgotten_before = math.max(model.forgotten_before, before.ids)
  local got = call(walk, operation, "forget", before, limit)
  local seen = follow(walk, operation, may)
  compare("forget: ids", { got.ids, seen.ids }, { math.min(limit, most.ids), math.min(limit, most.ids) })
  -- a body that went with its id may be counted or not
  if got.bodies < seen.bodies or got.bodies > math.min(limit, most.bodies) then
    error(("forget: %d bodies said, %d seen, %d possible"):format(got.bodies, seen.bodies, most.bodies), 0)
  end
  if got.bodies < limit and size(model:forgettable(before).bodies) > 0 then error("forget: bodies were left", 0) end
end

function running.crash(walk, operation)
  walk.reopen(operation.holder)
  if walk.sees_death then walk.model:lose(operation.holder) end
end

function running.clock(walk, operation) walk.model.now = walk.model.now + operation.step end

return running
