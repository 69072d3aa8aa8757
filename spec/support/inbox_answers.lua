--- What an inbox answers to each call that a receiver, a dispatcher, retention and an operator make: a list of
-- {call, answer}. Two inboxes that hold the same give the same. Bodies are given as their digests, and of entries that
-- were shown already, mostly only what may have changed. Tokens, which each inbox makes as it likes, are left out, and
-- so are histories, which begin with the release that keeps them.
local core = require "marketplace.core"
local record = require "marketplace.inbox.record"

local WAITS = { 5, 300, 7200 }
local DAY = 86400

local Asking = {}
Asking.__index = Asking

local function readable(value)
  if type(value) ~= "table" then return value end
  local copy = {}
  for name, inner in pairs(value) do
    if name == "body" and type(inner) == "string" then
      copy.body = assert(core.sha256(inner))
    elseif name ~= "token" and name ~= "history" then
      copy[name] = readable(inner)
    end
  end
  return copy
end

local function brief(entries)
  local list = {}
  for i, entry in ipairs(entries) do
    list[i] = ("%s %s %s %.2f"):format(entry.id:sub(1, 8), entry.state or "", entry.attempt, entry.at or 0)
  end
  return list
end

local function ask(self, show, method, ...)
  local answer, message = self.box[method](self.box, ...)
  assert(answer ~= nil or message == nil, message)
  table.insert(self.answers, { method, show(answer) })
  return answer
end

function Asking:ask(...)
  return ask(self, readable, ...)
end

function Asking:ask_briefly(...)
  return ask(self, brief, ...)
end

local function is_some(ids) return #ids > 0 end

-- Whether an operator changed one.
function Asking:ask_whether(...)
  return ask(self, is_some, ...)
end

function Asking:ask_for_all()
  for _, entry in ipairs(self:ask_briefly "list") do self:ask("get", entry.id) end
  for _, method in ipairs { "counts", "backlog", "next_in", "oldest_done" } do self:ask(method) end
end

-- Those of an app have no order.
function Asking:ask_later(app_id, time)
  local later = assert(self.box:later(app_id, time))
  table.sort(later, function(a, b) return a.id < b.id end)
  table.insert(self.answers, { "later", readable(later) })
end

function Asking:claim_and_finish(ask_so, limit, outcome)
  local claimed = ask_so(self, "claim", limit, 60)
  for i, entry in ipairs(claimed) do
    for name, value in pairs(outcome(i)) do entry[name] = value end
  end
  self:ask("finish", claimed)
  return #claimed
end

--[[ Parts ]]

local function filter(self, entries, at)
  for _, state in ipairs { "ready", "leased", "done", "dead" } do
    self:ask_briefly("list", { state = state })
    self:ask("list", { state = state, newest = true, limit = 3 })
  end
  for _, code in ipairs { "failed", "cancelled", "invalid", "too_old", "no_callback" } do
    self:ask_briefly("list", { code = code })
  end
  self:ask_briefly("list", { event = "version_available", limit = 5 })
  self:ask_briefly("list", { received_since = at - DAY, received_before = at - 300 })
  local seen = {}
  for _, entry in ipairs(entries) do
    self:ask_briefly("list", { id = entry.key })
    if entry.app_id and not seen[entry.app_id] then
      seen[entry.app_id] = true
      self:ask_briefly("list", { app_id = entry.app_id })
      self:ask_later(entry.app_id, at - 40 * DAY)
      self:ask_later(entry.app_id, at - 3 * DAY)
    end
  end
end

local function again(entry, more)
  local made = { verified_by = "1fc36d0d9c1e" }
  for _, name in ipairs { "key", "digest", "type", "event", "app_id", "time", "reason", "body" } do
    made[name] = entry[name]
  end
  if entry.code ~= "invalid" then made.reason = nil end
  for name, value in pairs(more or {}) do made[name] = value end
  made.body = made.body or "{}"
  return made
end

-- One is delivered that may have been forgotten. Each is delivered again: as it is, without a signature, signed if it
-- was not, and with other bytes.
local function put_again(self, box, entries, at)
  self:ask("put", { { key = "forgotten", digest = "d", time = at - 80 * DAY, body = "{}" } })
  for i, entry in ipairs(entries) do
    entry = assert(box:get(entry.id))
    self:ask("put", { again(entry), again(entry, { digest = "unsigned:" .. entry.digest }) })
    local signed = record.is_unsigned(entry.digest) and entry.digest:match ":(.*)" or entry.digest
    self:ask("put", { again(entry, { digest = signed, body = '{"signed":true}' }) })
    if i % 3 == 0 then
      self:ask("put", { again(entry, { digest = "other", body = '{"other":1}' }), again(entry, { key = "new" .. i }) })
    end
  end
end

local OUTCOMES = {
  { state = "done", scope = "version 7" }, { state = "ready", wait = 30, reason = "catalogue answered 503" },
  { state = "dead", code = "failed", reason = "it failed" }, { state = "unbegun" }, { state = "done" },
  { state = "ready", wait = 0, reason = "again", uncounted = true }, { state = "dead", code = "no_callback" },
}

local function work(self, set_clock, at)
  for turn = 1, 12 do
    set_clock(at + turn * 7)
    self:ask("recover", WAITS)
    self:claim_and_finish(self.ask, turn % 4 + 1, function(i) return OUTCOMES[(turn + i) % #OUTCOMES + 1] end)
    self:ask("next_in")
    self:ask("claim", 2, 20)
  end
end

local function operate(self, entries)
  for i, entry in ipairs(entries) do
    if i % 4 == 0 then self:ask_whether("run", { id = entry.id }) end
    if i % 7 == 0 then self:ask_whether("cancel", { id = entry.id }, "not wanted") end
    if i % 5 == 0 then self:ask("replay", { id = entry.id }) end
    if i % 6 == 0 then self:ask("replay", { id = entry.id, state = "done" }) end
  end
  self:ask("replay", { newest = true, limit = 3 })
  self:ask("replay")
end

local function forget(self, at)
  for days = 40, 0, -10 do
    self:ask("forget", { bodies = at - days * DAY, ids = at - 2 * days * DAY - 11 * DAY }, 2)
    self:ask("oldest_done")
  end
end

-- Runs all that is left, in order.
local function drain(self, set_clock, at)
  for turn = 1, 200 do
    set_clock(at + turn * 400)
    self:ask("recover", WAITS)
    local count = self:claim_and_finish(self.ask_briefly, 3, function() return { state = "done" } end)
    if count == 0 and not self:ask "next_in" then return end
  end
  error "something never ran"
end

--- Asks an inbox, which changes much of what it holds.
---@param box marketplace.Inbox
---@param set_clock fun(time: number) sets the inbox's clock
---@param at number the time at which it begins
---@return table[] answers
return function(box, set_clock, at)
  local self = setmetatable({ box = box, answers = {} }, Asking)
  set_clock(at)
  self:ask "id"
  self:ask_for_all()
  local entries = assert(box:list())
  self:ask_briefly("list", { verified_by = entries[1].verified_by })
  filter(self, entries, at)
  work(self, set_clock, at)
  put_again(self, box, entries, at)
  self:ask_briefly "list"
  operate(self, entries)
  self:ask_briefly "list"
  drain(self, set_clock, at + 100)
  forget(self, at)
  self:ask_for_all()
  return self.answers
end
