--- marketplace packages fetch and sync: what a person does without a receiver.
local core = require "marketplace.core"
local output = require "marketplace.cli.support.output"
local rows = require "marketplace.cli.commands.packages.rows"
local text = require "marketplace.text"
local times = require "marketplace.cli.support.times"

local fetch = {}

local TURN_SECONDS = 1

--[[ fetch ]]

function fetch.describe(command)
  command:option("--version", "fetch this package version (without it and --package: all that is wanted)")
    :argname("ID")
  command:option("--package", "fetch the newest version of this package"):argname("ID")
end

function fetch.problem(options)
  if options.version and options.package then return "--version and --package do not go together" end
end

-- What a job comes to if it is done and the version is not published.
local NOT_PUBLISHED = {
  held = "is here, and is not published, as it is held",
  unavailable = "is here, and is not published, as it has been taken down",
  superseded = "is not published, as another version has replaced it",
}

-- Whether it is about the job that was asked for; a package's job is soon that of its newest version.
local function is_meant(seen, event)
  if seen.version then return event.version == seen.version end
  return not seen.package or event.package == seen.package
end

local function failure_of(event)
  if event.event == "job_done" then return NOT_PUBLISHED[event.result] end
  local again = event.again_in and "; it is tried again in " .. times.length(event.again_in) or ""
  return "is not fetched: " .. text.one_line(event.message) .. again
end

local IS_OF_JOB = { job_started = true, job_moved = true, job_done = true, job_failed = true }

-- Remembers what became of the jobs; of others than the one that was asked for, only that there was something to do.
local function note(seen, event)
  if not IS_OF_JOB[event.event] then return end
  seen.is_busy = true
  if event.event == "job_started" or not is_meant(seen, event) then return end
  if event.event == "job_moved" then
    if seen.version or seen.package then seen.version = event.moved_to end
    return
  end
  seen.count, seen.is_over = seen.count + 1, seen.version ~= nil
  seen.failures[event.version or event.package] = failure_of(event)
end

-- Takes turns until what was asked for has ended, one finds nothing to do, or another process has that task.
local function take_turns(packages, seen)
  while not core.stop_asked() do
    seen.is_busy = false
    local pause, why = packages:turn(TURN_SECONDS)
    seen.stands_by = why == "standby"
    if seen.stands_by or seen.is_over or pause > 0 and not seen.is_busy then return true end
  end
  return nil, "stopped; what has arrived is kept, and the next fetch goes on"
end

local function conclude(seen)
  local messages = {}
  for id, message in pairs(seen.failures) do messages[#messages + 1] = id .. " " .. message end
  if #messages == 0 then return 0 end
  table.sort(messages)
  return nil, table.concat(messages, "\n")
end

local STANDS_BY = "another process fetches for this folder, and does what is wanted; to see what becomes of it: " ..
  "marketplace packages list"

local WAITS = "nothing is due now; waiting for their next try: %d; when, and why: marketplace packages list --state " ..
  "wanted; one at once: marketplace packages fetch --version ID"

-- Why nothing was fetched: the one that was asked for may have been there before.
local function say_why(packages, options, seen)
  local row = options.version and packages:show(options.version)
  if row and row.state == "published" then return output.note(options.version .. " is published already") end
  if seen.stands_by then return output.note(STANDS_BY) end
  if options.version or options.package then return end
  local waiting = packages:jobs { state = "wanted" }
  output.note(waiting and waiting[1] and WAITS:format(#waiting) or "nothing is wanted now")
end

function fetch.run(packages, options, reporting)
  local seen = { failures = {}, count = 0, version = options.version, package = options.package }
  reporting.listener = function(event) note(seen, event) end
  core.catch_signals()
  local target = options.version or options.package
  if target then
    local known, message = packages:request { version = options.version, package = options.package, now = true }
    if not known then return nil, message end
  end
  local locked, problem, code = packages:lock()
  if not locked and code ~= "locked" then return nil, problem end
  local done, message = take_turns(packages, seen)
  if not done then return nil, message end
  if reporting.has_failed then return 1 end -- which has been said
  if seen.count == 0 then say_why(packages, options, seen) end
  return conclude(seen)
end

--[[ sync ]]

function fetch.describe_sync(command)
  command:option("--app", "ask only for packages of this app, also if it is one of your own and " ..
    "not known here; may be repeated"):count("*"):argname("ID")
end

function fetch.sync(packages, options)
  local result, message = packages:sync { apps = #options.app > 0 and options.app or nil }
  if not result then return nil, message end
  output.write(options.json, ("App Store Connect has %d versions; newly wanted: %d"):format(result.seen,
    #result.requested), rows.outcome(result))
  return 0
end

return fetch
