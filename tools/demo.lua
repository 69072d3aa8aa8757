-- Starts a server with the example's handlers, sends it one of everything, and shows what each caused; has a callback
-- fail until it is given up, and an operator mend that; then has a package fetched, replaced and taken down. Ends with
-- status 0 if all went as it should: demo.lua LUA
package.path = "lua/?.lua;lua/?/init.lua;tools/?.lua;" .. package.path
package.cpath = ("build/%s/?.so;"):format(rawget(_G, "jit") and "jit" or _VERSION:match("%d%.%d")) .. package.cpath

local core = require "marketplace.core"
local demo_failure = require "demo_failure"
local demo_packages = require "demo_packages"
local http = require "marketplace.http"
local marketplace = require "marketplace"
local samples = require "marketplace.samples"

local SECRET = core.random_hex(32)
local MOST_SECONDS = 60 -- without a line
local LUA = assert(arg[1], "usage: demo.lua LUA")

local function new_folder()
  local pipe = assert(io.popen "mktemp -d")
  local path = pipe:read "*l"
  pipe:close()
  return path
end

-- In a file, as in a command line every user of the machine could read it.
local function write_secret(path)
  assert(core.replace_file(path, SECRET))
end

-- Its first line is its process id, by which it is stopped. Its log is a file: of a pipe nobody knows whether a line
-- goes on in the next one.
local function start(folder)
  local command = ("echo $$; %s exec %s bin/marketplace serve tools/demo_handlers.lua --inbox sqlite:%s/inbox.db " ..
    "--port 0 --attempts %d --secret-file %s/secret > %s/log 2>&1"):format(demo_failure.environment(folder), LUA,
    folder, demo_failure.ATTEMPTS, folder, folder)
  assert(io.open(folder .. "/log", "w")):close() -- the shell makes it only after it has written its process id
  local process = assert(io.popen(command, "r"))
  local pid = assert(tonumber((process:read("*l"))), "the server did not start")
  return process, pid, assert(io.open(folder .. "/log"))
end

local function next_line(log)
  local ends = core.monotonic() + MOST_SECONDS
  while core.monotonic() < ends do
    local line = log:read("*l")
    if line then return line end
    core.sleep(0.01)
  end
  error("the server has written nothing for a while, or has ended")
end

-- What a line goes on with.
local function show_rest(log)
  local place = log:seek()
  local line = log:read("*l")
  while line and line:find("^    ") do
    print("    " .. line)
    place = log:seek()
    line = log:read("*l")
  end
  log:seek("set", place)
end

-- Shows what the server writes until one of the patterns comes; returns that line.
local function show_until(log, ...)
  while true do
    local line = next_line(log)
    print("    " .. line)
    for _, pattern in ipairs { ... } do
      if line:find(pattern) then
        show_rest(log)
        return line
      end
    end
  end
end

local body_of_duplicate = samples.body("app_unavailable")

local STEPS = {
  { "a version is ready (generation 1)", samples.body("version_available"), 200, " done event=version_available" },
  { "versions must go (generation 1)", samples.body("versions_unavailable"), 200, " done event=versions_unavailable" },
  { "an app must go (generation 1)", body_of_duplicate, 200, " done event=app_unavailable" },
  { "a version is ready (generation 2)", samples.body("version_available", { generation = 2 }), 200,
    " done event=version_available" },
  { "a package must go (generation 2)", samples.body("versions_unavailable", { generation = 2 }), 200,
    " done event=versions_unavailable" },
  { "an app must go in some territories (generation 2)", samples.body("app_unavailable", { generation = 2 }), 200,
    " done event=app_unavailable" },
  { "the same once more: acknowledged, and not run again", body_of_duplicate, 200, " duplicate " },
  { "a forged one: refused, and not looked at", samples.body("app_unavailable"), 401, " refused ", forged = true },
  { "a signed one that is no JSON: kept as dead, for somebody to look at", '{"data":', 200, " kept as dead " },
}

local function post(url, step)
  local signature = marketplace.sign(step.forged and "not the secret" or SECRET, step[2])
  local headers = { "x-apple-signature: " .. signature }
  return assert(http.exchange { method = "POST", url = url, headers = headers, body = step[2] }).status
end

local function run(url, log)
  local surprises = 0
  for number, step in ipairs(STEPS) do
    print(("\n%d. %s"):format(number, step[1]))
    local status = post(url, step)
    print(("    answer: %d"):format(status))
    local line = show_until(log, " done ", " duplicate ", " refused ", " kept as dead ", " callback failed ")
    if status ~= step[3] or not line:find(step[4], 1, true) then
      surprises = surprises + 1
      print("    that is not what should have happened")
    end
  end
  return surprises
end

local folder = new_folder()
write_secret(folder .. "/secret")
local process, pid, log = start(folder)
local url = assert(show_until(log, "^try it:"):match("%-%-url (%S+)"))
local ok, surprises = pcall(run, url, log)
local failure_steps = 0
if ok then
  print "\na callback that fails, and what an operator does"
  local more
  ok, failure_steps, more = pcall(demo_failure.run, {
    lua = LUA, folder = folder, number = #STEPS,
    post = function(body) return post(url, { "", body }) end,
    show_until = function(...) return show_until(log, ...) end,
  })
  surprises = ok and surprises + more or failure_steps
end
print("\nstopping the server")
os.execute("kill -TERM " .. pid)
if ok then show_until(log, " stopped") end
process:close()
log:close()
os.execute("rm -rf " .. folder)
if not ok then error(surprises, 0) end
print "\npackages, with a simulated App Store Connect"
local steps, more_surprises = demo_packages.run(LUA)
surprises = surprises + more_surprises
print(("\n%d notifications, forgeries and mistakes, %d steps of a failure, %d steps of a package's life, %d surprises")
  :format(#STEPS, failure_steps, steps, surprises))
os.exit(surprises == 0 and 0 or 1)
