--- Since when a webhook's deliveries have to be compared: what is remembered of past runs, whether that still holds,
--- and how it moves forward once a run has stored what it found.
---
--- Nothing moves past what could not be compared. Single events are set aside until they can be compared, or the
--- operator accepts them; a time that App Store Connect cannot list any more is a gap until it is acknowledged.
local deliveries = require "marketplace.reconcile.deliveries"
local log = require "marketplace.log"

local window = {}

local FURTHEST = deliveries.FURTHEST
local OVERLAP = 3600            -- seconds: a delivery may be listed later than it was made
local CLOCKS_APART = 300        -- seconds: a time further ahead is in the future
local FORGOTTEN = 10 * 86400    -- seconds: App Store Connect lists no older event
local ROUNDED = 0.001           -- seconds: the state has milliseconds

local function earliest_of(run)
  return run.now - FURTHEST
end

--[[ Opening ]]

-- A time in the future would hide everything before it. Whether the last comparison was lost.
local function drop_impossible(run, webhook, known)
  local had_checked = known.checked ~= nil
  for _, name in ipairs { "seen", "checked" } do
    local time = known[name]
    if time and time > run.now + CLOCKS_APART then
      known[name] = nil
      run:add_problem {
        webhook = webhook.id, code = "time_invalid",
        message = ("what is remembered of webhook %s is from %s, which is in the future: is a clock wrong?"):format(
          webhook.id, log.timestamp(time)),
      }
    end
  end
  return had_checked and not known.checked
end

-- Whether what was reconciled before is in this inbox. One that was made anew has another id; one that was restored
-- from a copy lacks the newest notification that was seen.
local function is_in_this_inbox(run, known)
  local witness = known.witness
  if not witness then return true end
  if known.inbox ~= run.report.inbox then return false end
  -- an older one may have been pruned
  if witness.at < earliest_of(run) then return true end
  return run:has(witness.key)
end

local function note_new_inbox(run, webhook)
  run:add_notice {
    webhook = webhook.id, code = "inbox_changed",
    message = ("what was reconciled of webhook %s before is not in this inbox, which is another one or has lost " ..
      "notifications: the last ten days are compared again"):format(webhook.id),
  }
end

local function due_since(run, known, is_new_inbox)
  local earliest = earliest_of(run)
  if is_new_inbox or not known.seen then return earliest end
  return math.max(known.seen - OVERLAP, earliest)
end

---@class marketplace.reconcile.Review one webhook in one run
---@field webhook marketplace.reconcile.Webhook
---@field known table what is remembered of it, see marketplace.reconcile.state
---@field since number from when on its deliveries are asked for
---@field covers boolean whether that is early enough for all that is due
---@field is_new_inbox boolean whether the inbox is not the one that was reconciled before
---@field is_uncertain boolean whether it is unknown when it was compared last, though it was
---@field uncompared table<string, boolean> the ids of the events that are set aside in this run
---@field undelivered table[] events whose newest delivery failed
---@field failed boolean|nil not all of its deliveries could be fetched
---@field latest number|nil when its newest delivery was created
---@field held_at number|nil from when on the next run must ask again
---@field witness table|nil its newest notification that is in the inbox
---@field oldest table|nil {at, is_there}: its oldest notification, and whether it was in the inbox
local Review = {}
Review.__index = Review

local function report_late(run, review, due)
  if review.covers then return end
  run:add_problem {
    webhook = review.webhook.id, code = "not_covered",
    message = ("webhook %s was compared only since %s, although since %s is due"):format(review.webhook.id,
      log.timestamp(review.since), log.timestamp(due)),
  }
end

--- Begins the review of a webhook.
---@param run table
---@param webhook marketplace.reconcile.Webhook
---@return marketplace.reconcile.Review|nil
---@return string? message the inbox does not answer
---@return string? code
function window.open(run, webhook)
  local known = run.state:of(webhook.id)
  known.app, known.url = webhook.app or known.app, webhook.url or known.url
  local is_uncertain = drop_impossible(run, webhook, known)
  local is_there, message, code = is_in_this_inbox(run, known)
  if is_there == nil then return nil, message, code end
  if not is_there then note_new_inbox(run, webhook) end
  local due = due_since(run, known, not is_there)
  local since = run.since and math.max(run.since, earliest_of(run)) or due
  local review = setmetatable({
    webhook = webhook, known = known, since = since, covers = since <= due, is_new_inbox = not is_there,
    is_uncertain = is_uncertain, uncompared = {}, undelivered = {},
  }, Review)
  local made = run.report
  made.since, made.covers = math.min(made.since or since, since), made.covers and review.covers
  made.webhooks[#made.webhooks + 1] = {
    id = webhook.id, url = webhook.url, since = since, due = due, covers = review.covers,
  }
  report_late(run, review, due)
  return review
end

--[[ While its events are compared ]]

--- Has the next run compare again from what was created then.
---@param created number
function Review:hold(created)
  self.held_at = math.min(self.held_at or created, created)
end

--- Notes where an event's notification was found, or not.
---@param event table
---@param key string
---@param is_there boolean
function Review:note(event, key, is_there)
  local newest, oldest = event.newest.created, event.created
  if not self.witness or newest > self.witness.at then self.witness = { key = key, at = newest } end
  if not self.oldest or oldest < self.oldest.at then self.oldest = { at = oldest, is_there = is_there } end
end

local function is_accepted(run, review, id)
  local known = review.known
  local is_named = run.accept[id] ~= nil
  if not is_named and not known.accepted[id] then return false end
  if is_named and not run.accept[id] then
    run.accept[id] = true
    run:add_notice {
      webhook = review.webhook.id, event = id, code = "accepted",
      message = ("event %s of webhook %s is accepted, although it could not be compared"):format(id, review.webhook.id),
    }
  end
  known.accepted[id], known.uncompared[id] = run.now, nil
  return true
end

--- Sets aside an event that cannot be compared, unless the operator has accepted it.
---@param run table
---@param event table
---@param code string
---@param why string
function Review:set_aside(run, event, code, why)
  local id, created = event.id, event.newest.created
  if is_accepted(run, self, id) then
    event.is_accepted = true
    return
  end
  self:hold(created)
  self.uncompared[id], self.known.uncompared[id] = true, self.known.uncompared[id] or created
  run:add_problem {
    webhook = self.webhook.id, event = id, delivery = event.newest.id, code = code,
    message = ("event %s of webhook %s, delivered at %s, could not be compared: %s"):format(id, self.webhook.id,
      log.timestamp(created), why),
  }
end

--- Notes that an event was compared, unless it was set aside. Its deliveries may not have named it before.
---@param event table
function Review:settle(event)
  if self.uncompared[event.id] then return end
  self.known.uncompared[event.id] = nil
  for _, id in ipairs(event.deliveries) do self.known.uncompared[deliveries.unnamed(id)] = nil end
end

--[[ After its events were compared ]]

-- What was delivered last must be listed again, or the list is not whole.
local function check_list(run, review)
  local known, latest = review.known, review.latest
  if review.failed or not known.seen or known.seen < review.since then return end
  if latest and latest >= known.seen - ROUNDED then return end
  if run.accept_gap then
    known.seen = nil
    return
  end
  review.failed = true
  run:add_problem {
    webhook = review.webhook.id, code = "list_changed",
    message = ("App Store Connect no longer lists the delivery to webhook %s of %s, which it listed before, nor any " ..
      "later one: may the API key still see them?"):format(review.webhook.id, log.timestamp(known.seen)),
  }
end

-- `from` is nil if nobody knows since when.
local function add_gap(known, from, to)
  local gap = known.unseen
  if gap then
    from, to = gap.from and from and math.min(gap.from, from), math.max(gap.to, to)
  end
  known.unseen = { from = from, to = to }
end

local function find_gaps(run, review)
  local known, earliest = review.known, earliest_of(run)
  if known.checked and known.checked - OVERLAP < earliest then add_gap(known, known.checked, earliest) end
  if review.is_uncertain and due_since(run, known) == earliest then add_gap(known, known.seen, earliest) end
  local is_whole = review.covers and not review.failed
  -- the oldest was there: what is missing is not older than what is listed
  if review.is_new_inbox and is_whole and not (review.oldest and review.oldest.is_there) then
    add_gap(known, nil, earliest)
  end
  if known.deaf and not review.webhook.is_deaf then
    add_gap(known, known.deaf, run.now)
    known.deaf = nil
  end
end

local function note_deaf(run, review)
  local known = review.known
  if not review.webhook.is_deaf then return end
  known.deaf = not run.accept_gap and (known.deaf or known.checked) or run.now
end

local function report_gap(run, review)
  local known, id = review.known, review.webhook.id
  if run.accept_gap then known.unseen = nil end
  local gap = known.unseen
  if not gap then return end
  local to = log.timestamp(gap.to)
  local time = gap.from and ("from %s to %s"):format(log.timestamp(gap.from), to) or "before " .. to
  run:add_problem {
    webhook = id, code = "history_expired",
    message = ("webhook %s was not compared %s, and App Store Connect lists only what it sent in the last ten days")
      :format(id, time),
  }
end

-- What could not be compared before, and is not listed now.
local function report_unlisted(run, review)
  local known, ids = review.known, {}
  for id in pairs(known.uncompared) do
    if not review.uncompared[id] then ids[#ids + 1] = id end
  end
  table.sort(ids)
  for _, id in ipairs(ids) do
    if run.accept_gap then known.uncompared[id] = nil end
    if not run.accept_gap and not is_accepted(run, review, id) then
      run:add_problem {
        webhook = review.webhook.id, event = id, code = "event_unlisted",
        message = ("event %s of webhook %s, delivered at %s, could not be compared, and is not listed now"):format(
          id, review.webhook.id, log.timestamp(known.uncompared[id])),
      }
    end
  end
end

--- Reports what, besides single events, was not compared. It stays a problem until the operator acknowledges it.
---@param run table
---@param review marketplace.reconcile.Review
function window.conclude(run, review)
  check_list(run, review)
  find_gaps(run, review)
  note_deaf(run, review)
  report_gap(run, review)
  report_unlisted(run, review)
end

--[[ What was compared before, and is not compared any more ]]

local function why_left(found, id, known, url)
  local listed = known.app and found.of_app[known.app]
  if not listed or found.is_chosen[id] then return nil end
  if not listed[id] then return "webhook_gone", "no longer exists" end
  if url and known.url == url and listed[id].url ~= url then return "webhook_moved", "has another URL now" end
end

local function report_left(run, id, known, code, what)
  local last = known.checked and "compared last at " .. log.timestamp(known.checked) or "never compared"
  run:add_problem {
    webhook = id, app = known.app, code = code,
    message = ("webhook %s of app %s %s: it was %s"):format(id, known.app, what, last),
  }
end

--- Reports the webhooks that were compared before and are not any more: nobody knows what was sent to them since.
---@param run table
---@param found table of marketplace.reconcile.webhooks.find
---@param url string|nil that the apps' webhooks must have
function window.report_left(run, found, url)
  for _, id in ipairs(run.state:ids()) do
    local known = run.state:of(id)
    local code, what = why_left(found, id, known, url)
    if code and run.accept_gap then
      run.state:forget(id)
    elseif code then
      report_left(run, id, known, code, what)
    end
  end
end

--[[ Moving forward ]]

local function forget_times(run, times)
  for event, time in pairs(times) do
    if time < run.now - FORGOTTEN or time > run.now + CLOCKS_APART then times[event] = nil end
  end
end

-- What was not listed completely, or only from later than was due, or not sent, stays due.
local function advance(run, review)
  local known = review.known
  for _, name in ipairs { "asked", "left", "accepted" } do forget_times(run, known[name]) end
  if review.failed or not review.covers or review.webhook.is_deaf then return end
  known.checked, known.inbox = run.now, run.report.inbox
  known.witness = review.witness or not review.is_new_inbox and known.witness or nil
  -- a delivery from the future must not hide what comes until then
  if review.latest then known.seen = math.max(known.seen or 0, math.min(review.latest, run.now)) end
  if review.held_at then known.seen = math.min(known.seen, review.held_at) end
end

--- Moves what is remembered forward, and writes it.
---@param run table
function window.close(run)
  for _, review in ipairs(run.reviews) do advance(run, review) end
  local ok, message, code = run.state:save()
  if not ok then run:add_problem { message = message, code = code } end
end

return window
