--- Runs all cases in this process, whose standard streams are one file: support.messages.run(URL of a simulator).
local cli = require "marketplace.cli"
local core = require "marketplace.core"
local http = require "marketplace.http"
local json = require "marketplace.json"
local marketplace = require "marketplace"
local output = require "marketplace.cli.support.output"
local record = require "marketplace.inbox.record"
local samples = require "marketplace.samples"

local CASES = {
  "usage", "notifications", "serving", "inbox_urls", "inbox", "simulating", "apple", "packages", "looking",
}

-- The words of a command line, of which some are in single quotes.
local function words(line)
  local list, at = {}, 1
  while true do
    at = line:find("%S", at)
    if not at then return list end
    local quoted, after = line:match("^'([^']*)'()", at)
    if not quoted then quoted, after = line:match("^(%S+)()", at) end
    list[#list + 1], at = quoted, after
  end
end

local function write_file(path, text, mode)
  os.remove(path)
  assert(core.replace_file(path, text))
  os.execute(("chmod %s '%s'"):format(mode or "600", path))
end

local function put(box, id, app)
  assert(box:put { assert(record.of(samples.body("app_unavailable", { id = id, app_id = app }))) })
end

-- Notifications of each kind. Those of one app wait for one another.
local function fill_inbox(path)
  os.execute(("rm -f %s %s-wal %s-shm"):format(path, path, path))
  local box = assert(marketplace.inbox("sqlite:" .. path))
  local function finish(id, app, what)
    put(box, id, app)
    local entry = assert(assert(box:claim(1, 60))[1])
    for name, value in pairs(what) do entry[name] = value end
    assert(box:finish { entry })
  end
  finish("done-1", "1", { state = "done" })
  finish("failed-1", "1", { state = "dead", code = "failed", reason = "handlers.lua:12: the catalogue is away" })
  finish("uncalled-1", "1", { state = "dead", code = "no_callback", reason = "no callback takes app_unavailable" })
  finish("waiting-1", "2", { state = "ready", wait = 600, reason = "handlers.lua:12: the catalogue is away" })
  put(box, "behind-1", "2")
  put(box, "leased-1", "3")
  assert(box:claim(1, 600))
  finish("late-1", "5", { state = "dead", code = "failed", reason = "handlers.lua:12: the catalogue is away" })
  put(box, "lost-1", "5")
  assert(box:claim(2, 0.001))
  for _, id in ipairs { "twin-1", "twin-2" } do put(box, id, "6") end
  put(box, "blocked-1", "2")
  for _, id in ipairs { "twin-1", "twin-2", "blocked-1" } do assert(box:cancel({ id = id }, "by hand")) end
  put(box, "ready-1", "4")
  local body = samples.body("app_unavailable", { id = "unsigned-1", app_id = "7" })
  assert(box:put { assert(record.of_unsigned(body)) })
  assert(box:put { assert(record.of "{") })
  box:close()
end

local function usual_environment(world)
  return {
    HOME = ".", MARKETPLACE_SECRET = "the secret", MARKETPLACE_API_URL = world.simulator,
    MARKETPLACE_KEY_FILE = "key.p8", MARKETPLACE_KEY_ID = "SIMULATED1",
    MARKETPLACE_ISSUER_ID = "57246542-96fe-1a63-e053-0824d011072a",
  }
end

-- What the simulator has; the newest of each.
local function in_simulator(kind)
  return function(world)
    local answer = assert(http.exchange { method = "GET", url = world.simulator .. "/simulator" })
    local list = json.decode(answer.body)[kind]
    return list[#list].id
  end
end

-- Words of command lines that stand for what is not known before.
local FOUND = {
  TAKEN = function(world) return world.taken_port end, WEBHOOK = in_simulator "webhooks",
  WEBHOOK_1 = in_simulator "marketplaceWebhooks", DELIVERY = in_simulator "deliveries",
}

local Exit = {}

-- As in a process of its own: its status, which os.exit gives, too.
local function run(line)
  local ok, status = pcall(cli.main, words(line))
  if ok then return status end
  if getmetatable(status) == Exit then return status.status end
  return "raised " .. tostring(status)
end

local real = {
  is_terminal = core.is_terminal, getenv = os.getenv, exit = os.exit, stdin = io.stdin, stderr = io.stderr,
  print = print,
}

local function usage_of(text)
  return (text:gsub("\nUsage: .-\nMore: [^\n]* %-%-help\n", "\n(usage)\n"))
end

local function catch(world, case)
  local noted = {}
  rawset(io, "stderr", {
    write = function(stream, ...)
      noted[#noted + 1] = table.concat { ... }
      return stream
    end, flush = function() end, setvbuf = function() end,
  })
  local environment = usual_environment(world)
  for name, value in pairs(case.environment or {}) do environment[name] = value or nil end
  rawset(os, "getenv", function(name) return environment[name] end)
  rawset(os, "exit", function(status) error(setmetatable({ status = status }, Exit)) end)
  if case.stdin then
    write_file("stdin", case.stdin)
    rawset(io, "stdin", assert(io.open "stdin"))
  end
  output.problem = nil
  if case.is_on_terminal then rawset(core, "is_terminal", function(name) return name == "stdin" end) end
  local status = run(world.filled_in(case[1]))
  rawset(core, "is_terminal", real.is_terminal)
  rawset(io, "stderr", real.stderr)
  rawset(io, "stdin", real.stdin)
  rawset(os, "getenv", real.getenv)
  rawset(os, "exit", real.exit)
  rawset(_G, "print", real.print)
  return status, table.concat(noted)
end

local function show(world, case)
  if case.before then case.before(world) end
  local environment = {}
  for name, value in pairs(case.environment or {}) do
    environment[#environment + 1] = value and name .. "=" .. value or "-u " .. name
  end
  table.sort(environment)
  if #environment > 0 then environment[1] = "env " .. environment[1] end
  environment[#environment + 1] = "marketplace " .. case[1]
  io.write(case.when and "# " .. case.when .. "\n" or "", "$ ", table.concat(environment, " "), "\n")
  io.flush()
  local status, noted = catch(world, case)
  io.flush()
  io.write(usage_of(noted), ("[%s]\n\n"):format(tostring(status)))
  io.flush()
  if case.after then case.after(world) end
end

-- Six apps with four notifications each that were given up behind one that waits.
local function fill_with_many(path)
  local box = assert(marketplace.inbox("sqlite:" .. path))
  for app = 1, 6 do
    for place = 0, 4 do
      local id = ("app%d-%d"):format(app, place)
      put(box, id, tostring(app))
      if place > 0 then assert(box:cancel({ id = id }, "by hand")) end
    end
    local entry = assert(assert(box:claim(1, 60))[1])
    entry.state, entry.wait, entry.reason = "ready", 600, "the catalogue is away"
    assert(box:finish { entry })
  end
  box:close()
end

-- What all cases have at hand; `command` runs one that is not shown.
local function new_world(simulator)
  local world = {
    simulator = simulator, taken_port = simulator:match "%d+$", process_id = core.process_id(), write = write_file,
    fill_inbox = fill_inbox, fill_with_many = fill_with_many,
  }
  function world.command(line)
    local write = io.stdout
    rawset(io, "stdout", { write = function() return true end, flush = function() return true end })
    local status, noted = catch(world, { line })
    rawset(io, "stdout", write)
    assert(status == 0, noted)
  end
  function world.filled_in(line)
    return (line:gsub("%u[%u%d_]+", function(word) return FOUND[word] and FOUND[word](world) end))
  end
  return world
end

return function(arguments)
  rawset(_G, "arg", { [0] = "marketplace" }) -- for the commands that messages suggest
  local world = new_world(arguments[1])
  for _, name in ipairs(CASES) do
    local cases = require("support.messages." .. name)
    io.write("\n", ("="):rep(4), " ", cases.title, "\n\n")
    for _, case in ipairs(cases) do show(world, case) end
  end
end
