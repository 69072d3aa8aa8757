--- Compares events with the inbox, and puts the missing ones into it.
local record_of = require("marketplace.inbox.record").of_unsigned

local compare = {}

local PENDING_AT_MOST = 86400 -- seconds: what is delivered after that is a duplicate
local BATCH = 100             -- events in one commit

--[[ Comparing ]]

local function is_pending(run, event)
  return event.newest.state == "PENDING" and run.now - event.newest.created < PENDING_AT_MOST
end

local function add_missing(run, review, event, record)
  run.keys[record.key] = true
  run.missing[#run.missing + 1] = {
    record = record, created = event.created, turn = #run.missing,
    entry = {
      id = record.key, event = record.event, type = record.type, app_id = record.app_id, reason = record.reason,
      webhook = review.webhook.id, created_at = event.created, stored = false,
    },
  }
end

local function note_witness(review, event, record)
  local at = event.newest.created
  if not review.witness or at > review.witness.at then review.witness = { key = record.key, at = at } end
end

-- Nil, message and code if the inbox does not answer.
local function compare_payload(run, review, event)
  local record, message, code = record_of(event.payload)
  if not record then
    review:hold(event.newest.created)
    run:add_problem { webhook = review.webhook.id, event = event.id, message = message, code = code }
    return true
  end
  if record.event == "ping" then
    event.is_ping = true
    return true
  end
  local entry
  entry, message, code = run.inbox:get(record.key)
  if message then return nil, message, code end
  event.was_missing = not entry
  note_witness(review, event, record)
  if not entry and not run.keys[record.key] then add_missing(run, review, event, record) end
  return true
end

--- Compares one event with the inbox.
---@param run table
---@param review marketplace.reconcile.Review
---@param event table
---@return true|nil
---@return string? message the inbox does not answer
---@return string? code
function compare.event(run, review, event)
  if event.is_ping then return true end
  if is_pending(run, event) then
    run.report.pending = run.report.pending + 1
    review:hold(event.newest.created)
  elseif event.payload then
    local ok, message, code = compare_payload(run, review, event)
    if not ok or event.is_ping then return ok, message, code end
  end
  run.report.events = run.report.events + 1
  if event.newest.state == "FAILED" then
    review.undelivered[#review.undelivered + 1] = event
  elseif event.newest.state == "SUCCEEDED" then
    review.known.left[event.id] = nil
  end
  return true
end

--[[ Storing ]]

local function put_batch(run, first)
  local records, last = {}, math.min(first + BATCH - 1, #run.missing)
  for i = first, last do records[#records + 1] = run.missing[i].record end
  local outcomes, message, code = run.inbox:put(records, run.clock())
  if not outcomes then return nil, message, code end
  for i, outcome in ipairs(outcomes) do
    local one = run.missing[first + i - 1]
    one.entry.stored = outcome == "stored"
    one.came_meanwhile = outcome ~= "stored"
    if one.entry.stored then run:log_stored(one.entry) end
  end
  return true
end

--- Puts what is missing into the inbox, oldest first.
---@param run table
---@return boolean stored false if the inbox failed, which is in the report
function compare.store(run)
  for first = 1, #run.missing, BATCH do
    local ok, message, code = put_batch(run, first)
    if not ok then
      run:add_problem { message = message, code = code }
      return false
    end
  end
  return true
end

return compare
