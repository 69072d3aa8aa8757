--- Since when a webhook's deliveries have to be compared: what is remembered of past runs, whether that still holds,
--- and how it moves forward once a run has stored what it found.
local deliveries = require "marketplace.reconcile.deliveries"
local log = require "marketplace.log"

local window = {}

local FURTHEST = deliveries.FURTHEST
local OVERLAP = 3600            -- seconds: a delivery may be listed later than it was made
local CLOCKS_APART = 300        -- seconds: a time further ahead is in the future
local FORGOTTEN = 10 * 86400    -- seconds: App Store Connect lists no older event

-- A time in the future would hide everything before it.
local function drop_impossible(run, webhook, known)
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
end

-- Whether what was reconciled before is in this inbox. One that was made anew has another id; one that was restored
-- from a copy lacks the newest notification that was seen.
local function is_in_this_inbox(run, known)
  if known.inbox ~= run.report.inbox then return false end
  local witness = known.witness
  -- an older one may have been pruned
  if not witness or witness.at < run.now - FURTHEST then return true end
  local entry, message, code = run.inbox:get(witness.key)
  if message then return nil, message, code end
  return entry ~= nil
end

local function check_inbox(run, webhook, known)
  if not known.seen then return true end
  local is_there, message, code = is_in_this_inbox(run, known)
  if is_there == nil then return nil, message, code end
  if is_there then return true end
  known.seen, known.witness = nil, nil
  run:add_notice {
    webhook = webhook.id, code = "inbox_changed",
    message = ("what was reconciled of webhook %s before is not in this inbox, which is another one or has lost " ..
      "notifications: the last ten days are compared again"):format(webhook.id),
  }
  return true
end

local function due_since(run, known)
  local earliest = run.now - FURTHEST
  return math.max(known.seen and known.seen - OVERLAP or earliest, earliest)
end

---@class marketplace.reconcile.Review one webhook in one run
---@field webhook table
---@field known table what is remembered of it, see marketplace.reconcile.state
---@field since number from when on its deliveries are asked for
---@field covers boolean whether that is early enough for all that is due
---@field undelivered table[] events whose newest delivery failed
---@field failed boolean|nil not all of its deliveries could be fetched
---@field is_gone boolean|nil it no longer exists at App Store Connect
---@field latest number|nil when its newest delivery was created
---@field held_at number|nil from when on the next run must ask again
---@field witness table|nil its newest notification that is in the inbox
local Review = {}
Review.__index = Review

--- Begins the review of a webhook.
---@param run table
---@param webhook table
---@return marketplace.reconcile.Review|nil
---@return string? message the inbox does not answer
---@return string? code
function window.open(run, webhook)
  local known = run.state:of(webhook.id)
  known.app = webhook.app or known.app
  drop_impossible(run, webhook, known)
  local ok, message, code = check_inbox(run, webhook, known)
  if not ok then return nil, message, code end
  local due = due_since(run, known)
  local since = run.since and math.max(run.since, run.now - FURTHEST) or due
  local covers = since <= due
  local made = run.report
  made.since, made.covers = math.min(made.since or since, since), made.covers and covers
  made.webhooks[#made.webhooks + 1] = {
    id = webhook.id, url = webhook.url, since = since, due = due, covers = covers,
  }
  return setmetatable({ webhook = webhook, known = known, since = since, covers = covers, undelivered = {} }, Review)
end

--- Has the next run compare again from what was created then.
---@param created number
function Review:hold(created)
  self.held_at = math.min(self.held_at or created, created)
end

--- What was not compared in time stays a problem until the operator acknowledges it.
---@param run table
---@param webhook table
---@param known table
function window.report_unseen(run, webhook, known)
  local earliest = run.now - FURTHEST
  if run.accept_gap then
    known.unseen = nil
    return
  end
  if known.checked and known.checked < earliest then
    known.unseen = { from = known.unseen and known.unseen.from or known.checked, to = earliest }
  end
  if not known.unseen then return end
  run:add_problem {
    webhook = webhook.id, code = "history_expired",
    message = ("webhook %s was not compared from %s to %s, and App Store Connect lists only the last ten days")
      :format(webhook.id, log.timestamp(known.unseen.from), log.timestamp(known.unseen.to)),
  }
end

local function forget_times(run, times)
  for event, time in pairs(times) do
    if time < run.now - FORGOTTEN or time > run.now + CLOCKS_APART then times[event] = nil end
  end
end

-- What was not listed completely, or only from later than was due, stays due.
local function advance(run, review)
  local known = review.known
  forget_times(run, known.asked)
  forget_times(run, known.left)
  known.gone = review.is_gone and (known.gone or run.now) or nil
  if review.failed or not review.covers then return end
  known.checked, known.inbox = run.now, run.report.inbox
  known.witness = review.witness or known.witness
  if review.latest then known.seen = math.max(known.seen or 0, review.latest) end
  if review.held_at then known.seen = math.min(known.seen, review.held_at) end
end

--- Moves what is remembered forward, and writes it.
---@param run table
function window.close(run)
  for _, review in ipairs(run.reviews) do advance(run, review) end
  run.state:forget_gone(run.now - FORGOTTEN)
  local ok, message, code = run.state:save()
  if not ok then run:add_problem { message = message, code = code } end
end

return window
