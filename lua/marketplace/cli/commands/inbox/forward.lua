--- marketplace inbox forward: sends what an inbox holds to another system, such as a laptop, and says what became of
--- each. The inbox stays as it is.
local check = require "marketplace.cli.support.options"
local chosen = require "marketplace.cli.support.inbox"
local codes = require "marketplace.inbox.codes"
local core = require "marketplace.core"
local fields = require "marketplace.inbox.fields"
local filters = require "marketplace.cli.commands.inbox.filters"
local forward = require "marketplace.forward"
local FORWARD = require("marketplace.inbox.record").FORWARD
local inputs = require "marketplace.cli.support.inputs"
local output = require "marketplace.cli.support.output"
local states = require "marketplace.cli.commands.inbox.states"

local command_forward = {}

local PAGE, EXAMINED = 100, 20000 -- entries in one call of the inbox
local OVERLAP = 60               -- seconds for which what is committed may be older than what was seen
local POLL_SECONDS = 1
local TARGET = "it"              -- in "it answered 503"

--[[ The command line ]]

function command_forward.describe(command)
  command:argument("id", "the notification's id"):args("?"):argname("ID")
  command:option("--to", "send each to this URL, with a POST"):argname("URL"):count(1)
  command:flag("--follow", "go on with what arrives, until this is stopped; alone, only that")
  command:option("--state", "forward only those in this state"):choices(states.ALL):argname("STATE")
  filters.describe(command, "forward", codes.ALL)
  command:option("--limit", "forward at most this many"):argname("N")
  inputs.describe_secrets(command)
  command:option("--headers", "sign as Apple does, or with the headers of Standard Webhooks (without a secret: not " ..
    "signed)"):choices({ "apple", "standard" }):default("apple"):argname("STYLE")
  command:option("--timeout", "how long an answer may take"):default("15"):argname("SECONDS")
  command:option("--ca-file", "certificates to trust in place of the system's, PEM"):argname("PATH")
  command:flag("--plain", "allow http:// to another host, in the clear")
end

function command_forward.problem(options, now)
  local problem = filters.problem(options, now) or check.number_problem(options, "timeout", 1, 3600)
  if problem then return problem end
  local url_problem = forward.url_problem(options.to, options.plain, "--plain")
  if url_problem then return "--to " .. url_problem end
  if options.follow and options.before then return "--before is of the past, and --follow of what arrives" end
  if not (options.id or options.follow or options.state or options.limit or filters.is_given(options)) then
    return "nothing says what to forward: give an ID, --follow, or an option that says which, such as --since or --app"
  end
end

--[[ The other system ]]

local function secrets_of(options)
  if not options.secret_file and not inputs.has_variable() then return nil end
  return inputs.secrets(options.secret_file)
end

local function target_of(options)
  local secrets, problem = secrets_of(options)
  if problem then return nil, problem end
  local target, message = forward.new {
    name = TARGET, url = options.to, secret = secrets, headers = secrets and options.headers,
    timeout = options.timeout, ca_file = options.ca_file, plain = options.plain,
  }
  return target, message and message:gsub("^marketplace%.forward '[^']*': ", "")
end

--[[ One ]]

local function line_of(entry, outcome)
  return ("%s: %s"):format(entry.id, outcome.reason or ("%s answered %d"):format(TARGET, outcome.status))
end

local function object_of(entry, outcome)
  return {
    id = entry.id, type = entry.type, event = entry.event, app_id = entry.app_id, state = outcome.state,
    status = outcome.status, reason = outcome.reason,
  }
end

local function outcome_of(target, entry)
  if not entry.body then return { state = "failed", reason = "its body is no longer kept" } end
  return target:send({ body = entry.body }, { id = entry.key or entry.id, traceparent = entry.traceparent })
end

-- Sends one of a list; false and why if the inbox cannot be asked.
local function send(run, listed)
  local entry, message = run.box:get(listed.id)
  if message then return false, message end
  if not entry then return true end
  local outcome = outcome_of(run.target, entry)
  run.count = run.count + 1
  if outcome.state ~= "done" then run.failed = run.failed + 1 end
  output.write(run.options.json, line_of(entry, outcome), object_of(entry, outcome))
  return true
end

--[[ Many ]]

local function is_over(run)
  return core.stop_asked() or run.count >= (run.options.limit or math.huge)
end

-- A copy of what was forwarded is only sent if it is asked for.
local function is_wanted(run, entry)
  return not run.seen[entry.id] and (entry.event ~= FORWARD or run.options.event == FORWARD or run.options.id ~= nil)
end

local function send_all(run, list)
  for _, entry in ipairs(list) do
    if is_over(run) then break end
    if is_wanted(run, entry) then
      if run.options.follow then run.seen[entry.id] = entry.received_at end
      local sent, message = send(run, entry)
      if not sent then return false, message end
    end
  end
  return true
end

-- What the inbox holds already, the oldest first.
local function send_past(run)
  local filter = filters.of(run.options)
  filter.limit, filter.examine = PAGE, EXAMINED
  repeat
    local list, cursor = run.box:list(filter)
    if not list then return false, cursor end
    local sent, message = send_all(run, list)
    if not sent then return false, message end
    filter.from = cursor
  until not cursor or is_over(run)
  return true
end

--[[ What arrives ]]

-- What is committed out of order is seen, too: those of the last minute, by the inbox's clock, are compared by id. The
-- filter is applied here: in the inbox it would go on looking behind what is new.
local function look_back(run, horizon, each)
  local page, newest = { newest = true, limit = PAGE }, nil
  repeat
    local list, cursor = run.box:list(page)
    if not list then return false, cursor end
    for _, entry in ipairs(list) do
      newest = newest or entry.received_at
      if entry.received_at < (horizon or newest - OVERLAP) then return true, newest end
      if fields.matches(entry, run.filter) then each(entry) end
    end
    page.from = cursor
  until not cursor
  return true, newest
end

local function forget_seen(run, newest)
  run.horizon = math.max(run.horizon, (newest or run.horizon) - OVERLAP)
  for id, received_at in pairs(run.seen) do
    if received_at < run.horizon then run.seen[id] = nil end
  end
end

-- What is there already is not new.
local function begin_following(run)
  local ok, newest = look_back(run, nil, function(entry) run.before[entry.id] = entry.received_at end)
  if not ok then return false, newest end
  run.horizon = newest and newest - OVERLAP or -math.huge
  return true
end

local function follow(run)
  for id, received_at in pairs(run.before) do run.seen[id] = received_at end
  while not is_over(run) do
    local list = {}
    local ok, newest = look_back(run, run.horizon, function(entry) table.insert(list, 1, entry) end)
    if not ok then return false, newest end
    local sent, message = send_all(run, list)
    if not sent then return false, message end
    forget_seen(run, newest)
    if not is_over(run) then core.sleep(POLL_SECONDS) end
  end
  return true
end

--[[ The action ]]

local function is_of_past(options)
  return not options.follow or options.since ~= nil or options.id ~= nil
end

local function go(run)
  local options = run.options
  local ok, message = true, nil
  if options.follow then ok, message = begin_following(run) end
  if ok and is_of_past(options) then ok, message = send_past(run) end
  if ok and options.follow then ok, message = follow(run) end
  return ok, message
end

local function report(run)
  if run.options.json then return end
  output.note(("forwarded: %d, failed: %d"):format(run.count - run.failed, run.failed))
end

function command_forward.run(box, options)
  local target, problem = target_of(options)
  if not target then return nil, problem end
  core.catch_signals()
  io.stdout:setvbuf "line"
  local run = {
    box = box, target = target, options = options, filter = filters.of(options), count = 0, failed = 0, seen = {},
    before = {},
  }
  local ok, message = go(run)
  if ok and options.id and run.count == 0 then return nil, chosen.not_there(options, options.id) end
  report(run)
  if not ok then return nil, message end
  return run.failed > 0 and 1 or 0
end

return command_forward
