--- What can be wrong, and how it is said: observations for marketplace.alerts. docs/alerts.md lists them.
local timestamp = require("marketplace.log").timestamp

local conditions = {}

local DAY = 86400 -- seconds

--- Seconds that a notification may wait before that is an alert, if nothing else is said.
conditions.AGE = 900

--- Seconds that it may at most be set to.
conditions.MOST_AGE = 366 * DAY

--- Seconds before its end from which on a certificate is a warning, and an error.
conditions.EXPIRES_SOON, conditions.EXPIRES_URGENTLY = 14 * DAY, 2 * DAY

-- What is seen again and again counts as over once it has been so for a minute.
local SETTLE_SECONDS = 60
local UNAVAILABLE_SECONDS = 10 -- a restart of the database is none

local function many(count)
  return count == 1 and "1 notification is" or ("%d notifications are"):format(count)
end

local function dead_letters(codes)
  local failed, invalid = codes.failed or 0, codes.invalid or 0
  if failed + invalid == 0 then
    return { name = "dead_letters", is_on = false, message = "no notification is dead because its callbacks failed" }
  end
  local message = many(failed + invalid) .. " dead: read why with marketplace inbox list --state dead"
  if failed > 0 then message = message .. ", mend the callbacks, then marketplace inbox replay --code failed" end
  if invalid > 0 then message = message .. "; act on those that are invalid by hand, today" end
  return { name = "dead_letters", message = message, is_on = true, level = "error" }
end

local function no_callback(count)
  return {
    name = "no_callback", is_on = count > 0, level = "error",
    message = count > 0 and many(count) .. " dead, because no callback takes it: add the callback, restart what " ..
      "runs callbacks, then marketplace inbox replay --code no_callback" or "no notification lacks a callback",
  }
end

local function too_old(count)
  return {
    name = "too_old", is_on = count > 0, level = "warning",
    message = count > 0 and many(count) .. " kept as dead, too_old: a recorded one that was sent again, or a wrong " ..
      "clock; look at it with marketplace inbox list --state dead, and replay it if it has not been acted on"
      or "no notification is too old",
  }
end

local function in_words(seconds)
  if seconds < 7200 then return ("%.0f minutes"):format(seconds / 60) end
  return seconds < 2 * DAY and ("%.0f hours"):format(seconds / 3600) or ("%.0f days"):format(seconds / DAY)
end

local function oldest_age(age, most)
  return {
    name = "oldest_age", is_on = age > most, level = "error", is_of_observer = true, -- who may allow another age
    message = age > most and ("a notification has waited for %s: see what holds it up with marketplace inbox list " ..
      "--state ready --oldest"):format(in_words(age)) or "no notification has waited for longer than it may",
  }
end

local function settling(list)
  for _, one in ipairs(list) do one.settle = SETTLE_SECONDS end
  return list
end

--- Of an inbox that answered.
---@param backlog marketplace.InboxBacklog
---@param age number seconds that a notification may wait
---@return marketplace.alerts.Observation[]
function conditions.of_backlog(backlog, age)
  local codes = backlog.codes
  return settling {
    dead_letters(codes), no_callback(codes.no_callback or 0), too_old(codes.too_old or 0),
    oldest_age(backlog.oldest_age or 0, age),
  }
end

--- Whether the inbox can be used.
---@param problem string|nil why it cannot
---@return marketplace.alerts.Observation
function conditions.inbox_unavailable(problem)
  return {
    name = "inbox_unavailable", is_on = problem ~= nil, level = "error", patience = UNAVAILABLE_SECONDS,
    settle = SETTLE_SECONDS, is_of_observer = true,
    message = problem and ("the inbox cannot be used, and what arrives is answered with 503: %s; see the incident " ..
      "'the inbox is down' in docs/operating.md"):format(problem) or "the inbox can be used again: now reconcile",
  }
end

--- Whether a certificate expires soon.
---@param about string what names it
---@param expires_at number seconds since the epoch
---@param now number
---@param action string what to do, without a period
---@return marketplace.alerts.Observation
function conditions.certificate_expiring(about, expires_at, now, action)
  local left = expires_at - now
  local is_on = left < conditions.EXPIRES_SOON
  local message = ("the certificate of %s %s at %s"):format(about, left > 0 and "expires" or "expired",
    timestamp(expires_at))
  return {
    name = "certificate_expiring", about = about, is_on = is_on,
    level = left < conditions.EXPIRES_URGENTLY and "error" or "warning",
    message = is_on and ("%s: %s"):format(message, action) or message,
  }
end

--- Whether a webhook is disabled.
---@param id string
---@param is_enabled boolean
---@param scope? string of those that are looked at together
---@return marketplace.alerts.Observation
function conditions.webhook_disabled(id, is_enabled, scope)
  return {
    name = "webhook_disabled", about = id, is_on = not is_enabled, level = "error", scope = scope,
    message = is_enabled and ("the webhook %s is enabled"):format(id) or ("the webhook %s is disabled, so App " ..
      "Store Connect sends nothing to it: marketplace webhooks update %s --enabled"):format(id, id),
  }
end

--- Whether a reconciliation could not compare everything, or could not bring back all that was missing.
---@param scope string which one
---@param problem string|nil the first thing that went wrong
---@return marketplace.alerts.Observation
function conditions.reconcile_incomplete(scope, problem)
  return {
    name = "reconcile_incomplete", about = scope, is_on = problem ~= nil, level = "error",
    message = problem and ("a reconciliation was not complete: %s"):format(problem) or
      "the reconciliation was complete",
  }
end

--- Whether `marketplace check` found errors.
---@param scope string what was looked at
---@param count integer
---@param first string|nil the first of them
---@return marketplace.alerts.Observation
function conditions.check_failed(scope, count, first)
  return {
    name = "check_failed", about = scope, is_on = count > 0, level = "error",
    message = count > 0 and ("%s; %s found by marketplace check: run it to see all"):format(first,
      count == 1 and "1 error was" or ("%d errors were"):format(count)) or "marketplace check finds no errors",
  }
end

local NOT_A_FAULT = { replaced = true, unavailable = true } -- Apple's decisions

local function given_up(jobs)
  local count, first = 0, nil
  for _, job in ipairs(jobs) do
    if job.state == "ended" and not NOT_A_FAULT[job.code] then count, first = count + 1, first or job end
  end
  return {
    name = "packages_given_up", is_on = count > 0, level = "error",
    message = count > 0 and ("%s given up, the first of them %s: %s; look at them with marketplace packages list " ..
      "--state ended, mend the cause, then marketplace packages fetch --version ID"):format(
      count == 1 and "1 package version was" or ("%d package versions were"):format(count),
      first.version or first.package, first.message or first.code) or "no package version is given up",
  }
end

local function disk_full(jobs)
  for _, job in ipairs(jobs) do
    if job.state == "wanted" and job.code == "disk_full" then
      return {
        name = "packages_disk_full", is_on = true, level = "error",
        message = ("packages cannot be fetched: %s; make room with marketplace packages collect --older-than 1h, or " ..
          "use a larger disk"):format(job.message or "the disk is full"),
      }
    end
  end
  return { name = "packages_disk_full", is_on = false, message = "no package waits for room on the disk" }
end

--- Of the jobs of a folder of packages.
---@param jobs {state: "wanted"|"ended", code?: string, message?: string, version?: string, package?: string}[]
---@return marketplace.alerts.Observation[]
function conditions.of_jobs(jobs)
  return settling { given_up(jobs), disk_full(jobs) }
end

return conditions
