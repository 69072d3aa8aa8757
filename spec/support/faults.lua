--- Brings about one fault of an inbox's server while `marketplace serve` runs on it and notifications arrive, and
--- tells what became of them.
---
--- A fault is a table: `name`; `title`, for people; `engine`; `seconds` that it lasts; `apps`, how many there are
--- notifications of, default so many that one is sent again only after longer than an answer may take; `set_up()`,
--- which returns its place: a table with `url` of the inbox, `environment` for the process (optional), and `remove()`,
--- to which `process`, the process's id, is added; `begin(place)`, `go_on(place, seconds)` (default: nothing happens
--- meanwhile) and `finish(place)`.
local core = require "marketplace.core"
local count_runs = require "support.count_runs"
local json = require "marketplace.json"
local shell = require "support.shell"

local faults = {}

local SECRET = "a secret for faults"
local RATE = 20             -- notifications a second
local APPS = 150
local LEASE = 5             -- seconds
local CALM_SECONDS = 1      -- before a fault, and after it
local MOST_SECONDS = 120    -- until what was refused is acknowledged, and what was acknowledged ran
local DEADLINE = 3          -- the inbox's, seconds: no answer may take longer
local ALLOWANCE = 0.5       -- beside how late the sender was itself: other processes have the processors, too

faults.DEADLINE, faults.ALLOWANCE = DEADLINE, ALLOWANCE

local function wait_for(what, condition)
  local stop = core.monotonic() + MOST_SECONDS
  repeat
    local result = condition()
    if result then return result end
    core.sleep(0.02)
  until core.monotonic() > stop
  error(("in vain for %d s: %s"):format(MOST_SECONDS, what))
end

--[[ What the processes wrote ]]

-- The answers in the order in which they came, how late the sender was, nil while it runs.
local function read_answers(folder)
  local list, late = {}, nil
  for _, line in ipairs(shell.lines(folder .. "/answers")) do
    local at, kind, id, status, seconds = line:match "^(%S+) (%a+) (%S+) (%S+) (%S+)$"
    if at then
      list[#list + 1] = { at = tonumber(at), kind = kind, id = id, status = status, seconds = tonumber(seconds) }
    else
      late = tonumber(line:match "^late (%S+)$" or late)
    end
  end
  return list, late
end

-- What ran, in that order.
local function read_record(folder)
  local list = {}
  for _, line in ipairs(shell.lines(folder .. "/record")) do
    local id, app, number = line:match "^((app%d+)%-(%d+)) %S+$"
    if id then list[#list + 1] = { id = id, app = app, number = tonumber(number) } end
  end
  return list
end

local function acknowledged_of(answers)
  local list = {}
  for _, one in ipairs(answers) do
    if one.kind == "notification" and one.status == "200" then list[#list + 1] = one.id end
  end
  return list
end

local function missing_of(acknowledged, record)
  local ran, count = {}, 0
  for _, run in ipairs(record) do ran[run.id] = true end
  for _, id in ipairs(acknowledged) do
    if not ran[id] then count = count + 1 end
  end
  return count
end

local function count_more_than_once(times)
  local count = 0
  for _, runs in pairs(times) do
    if runs > 1 then count = count + 1 end
  end
  return count
end

local function slowest_of(answers, kind)
  local most = 0
  for _, one in ipairs(answers) do
    if one.kind == kind then most = math.max(most, one.seconds) end
  end
  return most
end

-- The longest time between two answers.
local function silence_of(answers)
  local most, before = 0, nil
  for _, one in ipairs(answers) do
    if one.kind == "notification" then
      most, before = math.max(most, one.at - (before or one.at)), one.at
    end
  end
  return most
end

local function statuses_of(answers, from, to)
  local counts = {}
  for _, one in ipairs(answers) do
    if one.kind == "notification" and one.at >= from and one.at <= to then
      counts[one.status] = (counts[one.status] or 0) + 1
    end
  end
  return counts
end

-- How many had no answer, or one that a notification must not have, whenever it was.
local function count_others(answers)
  local count = 0
  for _, one in ipairs(answers) do
    local is_expected = one.status == "200" or one.kind == "notification" and one.status == "503"
    if not is_expected then count = count + 1 end
  end
  return count
end

local function first_stored_after(answers, time)
  for _, one in ipairs(answers) do
    if one.kind == "notification" and one.status == "200" and one.at >= time then return one.at - time end
  end
end

-- Why notifications were not stored, and callbacks not run, as the log has it; each reason once.
local function reasons_of(folder)
  local list, is_there = {}, {}
  for _, line in ipairs(shell.lines(folder .. "/log")) do
    local entry = json.decode(line)
    local is_failure = entry and (entry.message == "not stored" or entry.message == "callbacks cannot run")
    if is_failure and not is_there[entry.reason] then
      is_there[entry.reason] = true
      list[#list + 1] = entry.reason
    end
  end
  return list
end

--[[ One run ]]

local Run = {}
Run.__index = Run

local function start(command)
  local pipe, pid = shell.in_background(command)
  return { pipe = pipe, pid = pid }
end

local function start_server(self)
  self.port = shell.free_port()
  self.server = start(("env %s FAULT_RECORD=%s/record MARKETPLACE_SECRET='%s' %s %s >%s/log 2>&1"):format(
    self.place.environment or "", self.folder, SECRET, shell.marketplace "serve spec/support/faults/handlers.lua",
    ("--port %d --lease %d --json --inbox '%s'"):format(self.port, LEASE, self.place.url), self.folder))
  wait_for("the server listens", function()
    assert(shell.is_alive(self.server.pid), table.concat(shell.lines(self.folder .. "/log"), "\n"))
    return table.concat(shell.lines(self.folder .. "/log")):find '"listening"'
  end)
end

local function start_sender(self)
  self.sender = start(("env MARKETPLACE_SECRET='%s' %s spec/support/faults/sender.lua %s %s %d %d"):format(
    SECRET, shell.LUA, "http://127.0.0.1:" .. self.port, self.folder, RATE, self.fault.apps or APPS))
end

local function wait_until_stored(self, time)
  wait_for("a notification is stored", function() return first_stored_after(read_answers(self.folder), time) end)
end

-- Whether it ended by itself.
local function ends(process, seconds)
  local stop = core.monotonic() + seconds
  while shell.is_alive(process.pid) do
    if core.monotonic() > stop then return false end
    core.sleep(0.05)
  end
  return true
end

local function finish(process)
  if not process then return end
  os.execute("kill -KILL " .. process.pid .. " 2>/dev/null")
  process.pipe:close()
end

local function bring_about(self)
  local fault = self.fault
  wait_until_stored(self, 0)
  core.sleep(CALM_SECONDS)
  self.began_at = core.monotonic()
  fault.begin(self.place)
  local go_on = fault.go_on or function(_, seconds) core.sleep(seconds) end
  go_on(self.place, self.seconds)
  fault.finish(self.place)
  self.ended_at = core.monotonic()
  wait_until_stored(self, self.ended_at)
  core.sleep(CALM_SECONDS)
end

-- Until all is acknowledged and ran, or cannot be expected to any more; whether the sender ended.
local function drain(self)
  assert(io.open(self.folder .. "/stop", "w")):close()
  local has_ended = ends(self.sender, MOST_SECONDS)
  local acknowledged = acknowledged_of(read_answers(self.folder))
  local stop = core.monotonic() + MOST_SECONDS
  while missing_of(acknowledged, read_record(self.folder)) > 0 and core.monotonic() < stop do core.sleep(0.1) end
  return has_ended
end

local STOP_SECONDS = 10 -- the server's, after SIGTERM

local function figures_of(self, has_drained, has_stopped)
  local answers, late = read_answers(self.folder)
  local record, acknowledged = read_record(self.folder), acknowledged_of(answers)
  local times, disorder = count_runs(record)
  return {
    fault = self.fault.name, title = self.fault.title, engine = self.fault.engine,
    seconds = self.ended_at - self.began_at, answered = statuses_of(answers, self.began_at, self.ended_at),
    slowest = slowest_of(answers, "notification"), slowest_health = slowest_of(answers, "health"),
    silence = silence_of(answers), unexpected = count_others(answers), acknowledged = #acknowledged,
    lost = missing_of(acknowledged, record), again = count_more_than_once(times), disorder = disorder,
    back = first_stored_after(answers, self.ended_at), late = late or math.huge, reasons = reasons_of(self.folder),
    has_drained = has_drained, has_stopped = has_stopped,
  }
end

local function run_fault(self)
  start_server(self)
  self.place.process = self.server.pid
  start_sender(self)
  bring_about(self)
  local has_drained = drain(self)
  os.execute("kill -TERM " .. self.server.pid)
  local has_stopped = ends(self.server, STOP_SECONDS + DEADLINE)
  return figures_of(self, has_drained, has_stopped)
end

--- Brings a fault about, and returns the figures; raises if that is not possible. `keep`: the folder with what the
--- processes wrote is not removed.
---@param fault table
---@param options? {seconds?: number, keep?: boolean} seconds: in place of the fault's own
---@return table figures
function faults.run(fault, options)
  options = options or {}
  local self = setmetatable({
    fault = fault, folder = shell.run "mktemp -d", seconds = options.seconds or fault.seconds, place = fault.set_up(),
  }, Run)
  local ok, result = xpcall(function() return run_fault(self) end, debug.traceback)
  finish(self.sender)
  finish(self.server)
  self.place.remove()
  if options.keep or not ok then
    io.stderr:write(("%s on %s: see %s\n"):format(fault.name, fault.engine, self.folder))
  else
    shell.run("rm -rf " .. self.folder)
  end
  return assert(ok and result, result)
end

--- What must not be, in words; empty if all is well.
---@param figures table
---@return string[]
function faults.problems(figures)
  local list = {}
  local function check(is_wrong, form, ...)
    if is_wrong then list[#list + 1] = form:format(...) end
  end
  local most = DEADLINE + ALLOWANCE + figures.late
  check(figures.lost > 0, "%d were lost", figures.lost)
  check(figures.disorder > 0, "%d ran out of order", figures.disorder)
  check(figures.unexpected > 0, "%d had no answer, or one that is neither 200 nor 503", figures.unexpected)
  check(figures.slowest > most, "an answer took %.2f s", figures.slowest)
  check(figures.slowest_health > ALLOWANCE + figures.late, "an answer of /healthz took %.2f s", figures.slowest_health)
  check(figures.acknowledged == 0, "nothing was acknowledged")
  check(not figures.has_drained, "not all was acknowledged in the end")
  check(not figures.has_stopped, "the server did not end")
  return list
end

return faults
