--- The writer: one process at a time, which does the jobs, several at once, in turns of its caller's loop.
local calls = require "marketplace.packages.calls"
local collect = require "marketplace.packages.collect"
local core = require "marketplace.core"
local fetch = require "marketplace.packages.fetch"
local ids = require "marketplace.packages.ids"
local job_run = require "marketplace.packages.run"
local rate = require "marketplace.packages.rate"
local slots = require "marketplace.packages.slots"
local space = require "marketplace.packages.space"
local sweep = require "marketplace.packages.sweep"
local transfer = require "marketplace.packages.transfer"

local jobs = {}

local STANDBY_PAUSE = 1      -- seconds between two attempts to become the writer
local LOOK_EVERY = 1         -- seconds: other processes request packages too
local FOLLOW_EVERY = 0.25    -- seconds between two looks at how far the downloads are
local COLLECT_EVERY = 3600   -- seconds
local SWEEP_AGAIN = 1        -- seconds after a sweep that failed: it reads all rows and folders
local GONE_FOR_GOOD = 3600   -- seconds after a request: App Store Connect may announce what it does not yet show

local ENDS = { replaced = true, unavailable = true }

--[[ Becoming the writer ]]

local function new_writer(p, lock)
  return {
    lock = lock, tasks = p.client:tasks(), slots = slots.new(p.settings.parallel),
    rate = rate.new(p.settings.max_bytes_per_second, core.monotonic),
    calls = calls.new(p.client, p.settings.max_calls_per_hour, core.monotonic),
    space = space.new(p.folder.root, p.settings.min_free, p.io.disk_free), active = {}, packages = {}, later = {},
    is_replaced = false, sweep_at = 0, look_at = 0, followed_at = 0, collected_at = core.monotonic(),
  }
end

local function stand_by(p, message, code)
  if p.stands_by == code or code == "stopped" then return end
  p.stands_by = code
  if code == "locked" then
    p.on_event { event = "standby" }
    p.log.write {
      level = "info", message = "standing by", reason = "another process fetches packages into " .. p.folder.root,
    }
  else
    p.log.write { level = "error", message = "cannot fetch packages", code = code, reason = message }
  end
end

--- Takes the writer's lock, and makes rows and folders agree.
---@param p table
---@return true|nil
---@return string? message
---@return string? code locked, file_failed, store_unavailable, stopped
function jobs.take_lock(p)
  if p.writer then return true end
  local lock, message, code = core.lock_file(p.folder:state "lock")
  if not lock then return nil, message, code end
  local ok
  ok, message, code = sweep.run(p)
  if not ok then
    lock:close()
    return nil, message, code
  end
  p.store:take_replaced()
  p.writer, p.stands_by = new_writer(p, lock), nil
  return true
end

-- A backup may have taken the store's place: then it is as at the beginning. Nothing is begun before that is done.
local function is_swept(p, now)
  local writer = p.writer
  writer.is_replaced = p.store:take_replaced() or writer.is_replaced
  if not writer.is_replaced then return true end
  if now < writer.sweep_at then return false end
  local ok, message, code = sweep.run(p)
  writer.is_replaced, writer.sweep_at = not ok, now + SWEEP_AGAIN
  if ok then return true end
  if code == "stopped" then return false end
  p.log.write { level = "error", message = "not swept", code = code, reason = message }
  return false
end

--[[ The end of a job ]]

local function has_ended(p, run, code)
  if code == "gone" then return p.clock() - (run.job.since or 0) > GONE_FOR_GOOD end
  return ENDS[code] == true
end

local function settle_failure(p, run, message, code)
  local failure = { code = code, message = message, ended = has_ended(p, run, code) }
  local settled, problem = p.store:job_failed(run.job, failure)
  if not settled then return nil, problem end
  if settled.ended then
    run:log { level = "warning", message = "given up", code = code, reason = message }
  else
    run:log { level = "warning", message = "not fetched", code = code, reason = message, again_in = settled.again_in }
  end
  run:tell("job_failed", { code = code, message = message, again_in = settled.again_in, ended = settled.ended })
  return true
end

local function settle_move(p, run)
  if not ids.is_name(run.moved_to) then
    return settle_failure(p, run, "App Store Connect names a version whose id is no id", "answer_invalid")
  end
  run:log { level = "info", message = "goes on with another version", reason = run.moved_to }
  run:tell("job_moved", { moved_to = run.moved_to })
  return p.store:job_moved(run.job, run.moved_to)
end

local function settle_done(p, run, result)
  local ok, message = p.store:job_done(run.job)
  if not ok then return nil, message end
  run:log { level = "info", message = "fetched", reason = result ~= "published" and result or nil }
  run:tell("job_done", { result = result })
  return true
end

local function settle(p, run, result, message, code)
  if result then return settle_done(p, run, result) end
  if code == "stopped" then return true end
  if code == "later" then
    p.writer.later[run.job.id] = run.package
    return true
  end
  if code == "moved" then return settle_move(p, run) end
  return settle_failure(p, run, message, code)
end

-- After a mistake in the program, what is under way must not write beside the next attempt.
local function abort(run, message)
  run:fail(message, "internal_error")
  run:give_slot_back()
  for _, sink in pairs(run.sinks) do sink:close() end
end

local function end_run(p, run, ok, result, message, code)
  local writer = p.writer
  writer.active[run.job.id], writer.look_at = nil, 0
  for package, owner in pairs(writer.packages) do
    if owner == run then writer.packages[package] = nil end
  end
  writer.space:release(run)
  run.job.package, run.job.app = run.package, run.app
  if not ok then
    abort(run, result)
    result, message, code = nil, result, "internal_error"
  end
  local settled, problem = settle(p, run, result, message, code)
  if settled then return end
  writer.look_at = core.monotonic() + LOOK_EVERY -- the job is where it was, and is done again
  p.log.write { level = "error", message = "the end of a job is not recorded", version = run.version, reason = problem }
end

--[[ Turns ]]

-- The jobs that are not to be begun: those that run, and those that wait for another one of their package.
local function held_jobs(writer)
  local list, running = {}, 0
  for id, run in pairs(writer.active) do
    list[#list + 1], running = { id = id, package = run.package }, running + 1
  end
  for id, package in pairs(writer.later) do
    if writer.packages[package] then list[#list + 1] = { id = id } else writer.later[id] = nil end
  end
  return list, running
end

local function start(p, job)
  local run = job_run.new(p, p.writer, job)
  p.writer.active[job.id] = run
  p.writer.tasks:add(function() return fetch.run(run) end, function(...) end_run(p, run, ...) end)
end

-- Begins what is due. Looks again when a job has ended, or after a while.
local function start_due(p, now)
  local writer = p.writer
  if now < writer.look_at then return end
  writer.look_at = now + LOOK_EVERY
  local held, running = held_jobs(writer)
  while running < p.settings.parallel do
    local job, wait, code = p.store:next_job(p.clock(), held)
    if not job and code then p.log.write { level = "error", message = "no jobs", code = code, reason = wait } end
    if not job then return end
    start(p, job)
    held, running = held_jobs(writer)
  end
end

local function follow(p, now)
  local writer = p.writer
  if now - writer.followed_at < FOLLOW_EVERY then return end
  writer.followed_at = now
  writer.rate:share_out()
  for _, run in pairs(writer.active) do
    for asset, exchange in pairs(run.exchanges) do transfer.watch(run, asset, exchange) end
    for asset, sink in pairs(run.sinks) do
      run:count_bytes(asset)
      run:tell("asset_progress", {
        asset = asset.public_id, path = asset.path, bytes = sink:written(), total = asset.size,
        version_bytes = run:bytes(), version_total = run.manifest.bytes,
      })
    end
  end
end

local function collect_now_and_then(p, now)
  local writer = p.writer
  if now - writer.collected_at < COLLECT_EVERY then return end
  writer.collected_at = now
  local ok, message, code = collect.run(p, { older_than = p.settings.grace })
  if not ok then p.log.write { level = "error", message = "not collected", code = code, reason = message } end
end

local function work(p, stop)
  local tasks = p.writer.tasks
  repeat
    local now = core.monotonic()
    if is_swept(p, now) then
      collect_now_and_then(p, now)
      start_due(p, now)
    end
    if tasks:count() == 0 then return LOOK_EVERY end
    tasks:turn()
    follow(p, now)
    if tasks:count() > 0 then tasks:wait(math.max(0, stop - core.monotonic())) end
  until core.monotonic() >= stop or core.stop_asked()
  return 0
end

--- Does what is wanted, for about so long; downloads that are under way go on in the next turn.
---@param p table
---@param seconds number
---@return number pause seconds until the next turn
---@return "standby"|nil another process is the writer
function jobs.turn(p, seconds)
  local ok, message, code = jobs.take_lock(p)
  if ok then return work(p, core.monotonic() + seconds) end
  stand_by(p, message, code)
  return STANDBY_PAUSE, code == "locked" and "standby" or nil
end

--- Ends what is under way; what is there of it stays for the next writer. Gives the lock back.
---@param p table
function jobs.close(p)
  local writer = p.writer
  p.writer = nil
  writer.tasks:close()
  for _, run in pairs(writer.active) do
    for _, sink in pairs(run.sinks) do sink:close() end
  end
  writer.lock:close()
end

return jobs
