--- Compares events with the inbox, and puts the missing ones into it.
local json = require "marketplace.json"
local record_of = require("marketplace.inbox.record").of_unsigned

local compare = {}

local BATCH = 100        -- events in one commit
local CLOCKS_APART = 300 -- seconds: a time further ahead is in the future

--[[ Comparing ]]

local function add_missing(run, review, event, record)
  run.missing[#run.missing + 1] = {
    record = record, created = event.created, turn = #run.missing,
    entry = {
      id = record.key, event = record.event, type = record.type, app_id = record.app_id, reason = record.reason,
      webhook = review.webhook.id, created_at = event.created, stored = false,
    },
  }
end

-- One notification may be written in two ways.
local function canonical(payload)
  local decoded, problem = json.decode(payload)
  return problem and payload or json.encode(decoded)
end

-- Whether the run met its key before, and whether with another content.
local function meet(run, record, payload)
  local other = run.payloads[record.key]
  run.payloads[record.key] = other or payload
  return other ~= nil, other ~= nil and other ~= payload and canonical(other) ~= canonical(payload)
end

-- The payload knows better than the event, if it can be read.
local function is_ping(event, record)
  if record.reason then return event.is_ping end
  return record.event == "ping"
end

local function judge(run, review, event, record, payload, is_there)
  local was_met, is_other = meet(run, record, payload)
  if is_other then
    review:set_aside(run, event, "id_conflict",
      ("another event with the id %s of its payload has another content"):format(record.key))
  end
  if is_there then return end
  event.was_missing = true
  if record.reason then
    review:set_aside(run, event, "payload_unreadable", ("its payload cannot be read: %s"):format(record.reason))
  end
  if not was_met then add_missing(run, review, event, record) end
end

-- Nil, message and code if the inbox does not answer.
local function compare_payload(run, review, event, payload)
  local record, message, code = record_of(payload)
  if not record then
    event.is_notification = true
    review:set_aside(run, event, code, message)
    return true
  end
  if is_ping(event, record) then return true end
  event.is_notification = true
  local is_there
  is_there, message, code = run:has(record.key)
  if is_there == nil then return nil, message, code end
  review:note(event, record.key, is_there)
  judge(run, review, event, record, payload, is_there)
  return true
end

local function check_time(run, review, event)
  if event.untimed then
    review:set_aside(run, event, "time_invalid", ("delivery %s does not say when it was created"):format(event.untimed))
  elseif event.newest.created > run.now + CLOCKS_APART then
    review:set_aside(run, event, "time_invalid", "its delivery is from the future: is a clock wrong?")
  end
end

local function count(run, review, event)
  local state = event.newest.state
  run.report.events = run.report.events + 1
  if state == "PENDING" then
    run.report.pending = run.report.pending + 1
  elseif state == "FAILED" then
    review.undelivered[#review.undelivered + 1] = event
  elseif state == "SUCCEEDED" then
    review.known.left[event.id] = nil
  end
end

--- Compares one event with the inbox. What App Store Connect is still delivering is no exception: if it comes after
--- it was stored, it is a duplicate.
---@param run table
---@param review marketplace.reconcile.Review
---@param event table
---@return true|nil
---@return string? message the inbox does not answer
---@return string? code
function compare.event(run, review, event)
  for _, payload in ipairs(event.payloads) do
    local ok, message, code = compare_payload(run, review, event, payload)
    if not ok then return nil, message, code end
  end
  local is_unknown = #event.payloads == 0 and not event.is_ping
  if is_unknown or event.is_notification then
    if is_unknown then review:set_aside(run, event, "payload_missing", event.why_none) end
    check_time(run, review, event)
    count(run, review, event)
  end
  review:settle(event)
  return true
end

--[[ Storing ]]

local function put_batch(run, first)
  local records, last = {}, math.min(first + BATCH - 1, #run.missing)
  for i = first, last do records[#records + 1] = run.missing[i].record end
  local outcomes, message, code = run:put(records)
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
