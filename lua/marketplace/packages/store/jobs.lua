--- What is wanted: a job for each package version that is to be fetched, or for a package whose version is not known
--- yet. A job is "wanted" until it is done, and then it is gone, or until it is "ended" without success.
local availability = require "marketplace.packages.store.availability"
local core = require "marketplace.core"
local ids = require "marketplace.packages.ids"

local jobs = {}

local FIRST_WAIT = 60        -- seconds
local LONGEST_WAIT = 3600
local MOST_AGE = 30 * 86400  -- since it was wanted: an agreement that is not signed refuses for long
local LEAST_ATTEMPTS = 20    -- about half a day: a clock that jumps ends nothing, nor does a worker that was off

local JOB = "SELECT id, version, package, app, at, since, state, due, set_at, attempts, code, message, ended_at " ..
  "FROM jobs "
local OF_VERSION = JOB .. "WHERE version = :version"
local OF_PACKAGE = JOB .. "WHERE package = :package AND version IS NULL"

local INSERT = "INSERT INTO jobs (version, package, app, at, since, state, due, set_at) VALUES " ..
  "(:version, :package, :app, :at, :now, 'wanted', :now, :now)"
local ADD = "UPDATE jobs SET app = coalesce(:app, app), at = max(coalesce(at, :at), coalesce(:at, at)) " ..
  "WHERE id = :id"
local AGAIN = "UPDATE jobs SET state = 'wanted', since = :now, due = :now, set_at = :now, attempts = 0, " ..
  "code = NULL, message = NULL, ended_at = NULL WHERE id = :id"
local DUE = "UPDATE jobs SET due = :now, set_at = :now WHERE id = :id"
-- One that was replaced may be Apple's choice again: App Store Connect has to be asked.
local IS_SERVED = "SELECT 1 AS found FROM versions WHERE id = :version AND state = 'published' AND replaced_at IS NULL"

local function find(link, given)
  return link:run(given.version and OF_VERSION or OF_PACKAGE, given)[1]
end

--- The job for a version, or nil.
---@param link table
---@param version string
---@return table|nil
function jobs.of_version(link, version)
  return link:run(OF_VERSION, { version = version })[1]
end

local function note_time(link, version, given, now)
  if not given.at then return end
  availability.record(link, {
    scope = "version", id = version, available = true, at = given.at, event = given.event,
  }, now)
end

--- Makes a job, unless there is one that is wanted, or what it would fetch is published and current.
---@param link table see marketplace.sqlite.link
---@param given {version?: string, package?: string, app?: string, at?: number, event?: string, now?: boolean}
---@param now number
---@return "new"|"known"
function jobs.request(link, given, now)
  if given.version then note_time(link, given.version, given, now) end
  local job = find(link, given)
  local values = {
    id = job and job.id, version = given.version, package = not given.version and given.package or nil,
    app = given.app, at = given.at, now = now,
  }
  if job then link:run(ADD, values) end
  if job and job.state == "wanted" then
    if given.now then link:run(DUE, values) end
    return "known"
  end
  if given.version and link:run(IS_SERVED, given)[1] then return "known" end
  link:run(job and AGAIN or INSERT, values)
  return "new"
end

local methods = {}
jobs.methods = methods

--- Wants a package version, or the newest one of a package: durable and idempotent.
---@param given {version?: string, package?: string, app?: string, at?: number, event?: string, now?: boolean} one of
--- version and package; app: Apple's id; at: when Apple said that it is available, which overrules older takedowns;
--- now: a job that waits for another attempt is due at once
---@return "new"|"known"|nil
---@return string? message
---@return string? code id_invalid, store_unavailable
function methods:request(given)
  local id = given.version or given.package
  if not ids.is_name(id) then return nil, "a package's or a version's id is expected", "id_invalid" end
  return self:transact(function(link, now) return jobs.request(link, given, now) end)
end

--[[ Working on them ]]

-- What waits since a time that is yet to come was set by a clock that was wrong.
local WANTED = JOB .. "WHERE state = 'wanted' ORDER BY CASE WHEN set_at > :now THEN 0 ELSE due END, id"

local function is_running(job, running)
  for _, other in ipairs(running or {}) do
    if other.id == job.id or (job.package and other.package == job.package) then return true end
  end
  return false
end

--- The next job whose time has come. Taking it lets the others go first the next time, whatever becomes of it.
---@param now? number seconds since the epoch, default the clock's
---@param running? table[] jobs that are under way; of one package, one is at a time
---@return table|nil job
---@return number|string|nil pause seconds until the next, math.huge if there is none; or the message of a failure
---@return string? code store_unavailable
function methods:next_job(now, running)
  local found, message, code = self:transact(function(link, clock)
    now = now or clock
    local pause = math.huge
    for _, job in ipairs(link:run(WANTED, { now = now })) do
      if not is_running(job, running) then
        if job.due <= now or job.set_at > now then
          link:run(DUE, { id = job.id, now = now })
          return { job = job }
        end
        pause = math.min(pause, job.due - now)
      end
    end
    return { pause = pause }
  end)
  if not found then return nil, message, code end
  return found.job, found.pause
end

local function wait_after(attempts)
  local most = math.min(LONGEST_WAIT, FIRST_WAIT * 2 ^ (attempts - 1))
  return most / 2 + most / 2 * tonumber(core.random_hex(4), 16) / 2 ^ 32
end

local FAILED = "UPDATE jobs SET state = :state, attempts = :attempts, due = :due, set_at = :now, code = :code, " ..
  "message = :message, ended_at = :ended_at, package = coalesce(package, :package), app = coalesce(app, :app) " ..
  "WHERE id = :id"

local function is_too_old(job, attempts, now)
  return attempts >= LEAST_ATTEMPTS and now - job.since >= MOST_AGE
end

--- Notes that a job failed: it is tried again after a minute, later after up to an hour, for thirty days and at least
--- twenty times.
---@param job table with its package and app, if they are known by now: what brings them back wants it again
---@param failure {code: string, message: string, ended?: boolean} ended: it is not worth another attempt
---@return {again_in?: number, ended: boolean}|nil
---@return string? message
---@return string? code store_unavailable
function methods:job_failed(job, failure)
  return self:transact(function(link, now)
    local attempts = job.attempts + 1
    local wait, has_ended = wait_after(attempts), failure.ended or is_too_old(job, attempts, now)
    link:run(FAILED, {
      id = job.id, state = has_ended and "ended" or "wanted", attempts = attempts, due = now + wait, now = now,
      code = failure.code, message = failure.message, ended_at = has_ended and now or nil, package = job.package,
      app = job.app,
    })
    return { ended = has_ended, again_in = not has_ended and wait or nil }
  end)
end

local DELETE = "DELETE FROM jobs WHERE id = :id"

--- A job is done.
---@param job table
---@return true|nil
---@return string? message
---@return string? code store_unavailable
function methods:job_done(job)
  return self:transact(function(link)
    link:run(DELETE, job)
    return true
  end)
end

local MOVE = "UPDATE jobs SET version = :version, package = coalesce(:package, package), app = coalesce(:app, app) " ..
  "WHERE id = :id"

local function move(link, job, version, now)
  note_time(link, version, job, now)
  local given = { id = job.id, version = version, package = job.package, app = job.app, at = job.at, now = now }
  local other = find(link, given)
  if not other or other.id == job.id then
    link:run(MOVE, given)
    return find(link, given)
  end
  link:run(DELETE, job)
  link:run(ADD, { id = other.id, app = other.app or job.app, at = job.at })
  if other.state ~= "wanted" then link:run(AGAIN, { id = other.id, now = now }) end
  return find(link, given)
end

--- A job stands for another version from now on: of a package that was wanted, or Apple's newer one. If that one is
--- wanted already, the two become one. It can also be the same version, whose package has become known.
---@param job table with its package and app, if they are known by now
---@param version string
---@return table|nil job in place of the given one
---@return string? message
---@return string? code store_unavailable
function methods:job_moved(job, version)
  return self:transact(function(link, now)
    return move(link, job, version, now)
  end)
end

local LIST = JOB .. "WHERE (:state IS NULL OR state = :state) AND (:version IS NULL OR version = :version) AND " ..
  "(:package IS NULL OR package = :package) ORDER BY since, id"

--- The jobs, the oldest first.
---@param filter? {state?: "wanted"|"ended", version?: string, package?: string}
---@return table[]|nil
---@return string? message
---@return string? code store_unavailable
function methods:jobs(filter)
  return self:read(function(link) return link:run(LIST, filter) end)
end

local PRUNE = "DELETE FROM jobs WHERE state = 'ended' AND ended_at < :before"

--- Forgets jobs that ended without success.
---@param before number seconds since the epoch
---@return true|nil
---@return string? message
---@return string? code store_unavailable
function methods:prune_jobs(before)
  return self:transact(function(link)
    link:run(PRUNE, { before = before })
    return true
  end)
end

local REARM = "SELECT id FROM jobs WHERE state = 'ended' AND code IN ('unavailable', 'gone') AND " ..
  "version IS NOT NULL AND (" ..
  "(:scope = 'app' AND (app = :id OR version IN (SELECT id FROM versions WHERE item_id = :id OR app = :id))) OR " ..
  "(:scope = 'package' AND package = :id) OR (:scope = 'version' AND version = :id))"

--- Wants again what ended because Apple had made it unavailable, after which App Store Connect may not know it either.
---@param link table
---@param scope string
---@param id string
---@param now number
function jobs.rearm(link, scope, id, now)
  for _, job in ipairs(link:run(REARM, { scope = scope, id = id })) do
    link:run(AGAIN, { id = job.id, now = now })
  end
end

return jobs
