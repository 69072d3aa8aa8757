--- marketplace inbox prune: forgets done notifications sooner than workers do by themselves.
local check = require "marketplace.cli.support.options"
local core = require "marketplace.core"
local output = require "marketplace.cli.support.output"
local retention = require "marketplace.inbox.retention"

local prune = {}

local SLICE = 200 -- notifications at a time: others store and claim in between
local DAY = 86400
local AGO = "90d, 12h, 30m or 45s ago, or a date"

function prune.describe(command)
  command:option("--bodies-before", "drop the bodies of those done before: " .. AGO ..
    "; they can no longer be replayed"):argname("AGE")
  command:option("--ids-before", ("delete those done before: %s, at least %dd ago; what happened before then is too " ..
    "old from now on"):format(AGO, retention.least_ids / DAY)):argname("AGE")
end

function prune.problem(options, now)
  local problem = check.time_problem(options, "bodies_before", now) or check.time_problem(options, "ids_before", now)
  if problem then return problem end
  if not (options.bodies_before or options.ids_before) then
    return "nothing says what to forget: give --bodies-before or --ids-before"
  end
  if options.ids_before and options.ids_before > now - retention.least_ids then
    return ("--ids-before must be at least %dd ago: reconcile looks ten days back, would find missing what the " ..
      "inbox has forgotten, and have it run again"):format(retention.least_ids / DAY)
  end
end

function prune.run(box, options)
  local before = { bodies = options.bodies_before or 0, ids = options.ids_before or 0 }
  local total = { bodies = 0, ids = 0 }
  while true do
    local started = core.monotonic()
    local forgotten, message = box:forget(before, SLICE)
    if not forgotten then
      return nil, ("%s (until then: %d deleted, %d without a body now)"):format(message, total.ids, total.bodies)
    end
    total.bodies, total.ids = total.bodies + forgotten.bodies, total.ids + forgotten.ids
    if forgotten.bodies < SLICE and forgotten.ids < SLICE then break end
    core.sleep(core.monotonic() - started)
  end
  output.write(options.json, {
    ("done notifications deleted:             %d"):format(total.ids),
    ("done notifications without a body now:  %d"):format(total.bodies),
  }, total)
  return 0
end

return prune
