-- Starts a server with the example's handlers, sends it one of everything, and shows what each caused; then has a
-- package fetched, replaced and taken down. Ends with status 0 if all went as it should: demo.lua LUA
package.path = "lua/?.lua;lua/?/init.lua;tools/?.lua;" .. package.path
package.cpath = ("build/%s/?.so;"):format(rawget(_G, "jit") and "jit" or _VERSION:match("%d%.%d")) .. package.cpath

local core = require "marketplace.core"
local demo_packages = require "demo_packages"
local http = require "marketplace.http"
local marketplace = require "marketplace"
local samples = require "marketplace.samples"

local SECRET = core.random_hex(32)
local LUA = assert(arg[1], "usage: demo.lua LUA")

-- In a file, as in a command line every user of the machine could read it.
local function write_secret()
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(SECRET)
  file:close()
  return path
end

-- The server's first line is its process id, by which it is stopped.
local function start(secret_file)
  local command = ("echo $$; exec %s bin/marketplace serve examples/marketplace.lua --inbox memory --port 0 " ..
    "--secret-file %s 2>&1"):format(LUA, secret_file)
  local output = assert(io.popen(command, "r"))
  local pid = assert(tonumber((output:read("*l"))), "the server did not start")
  return output, pid
end

-- Shows what the server writes until one of the patterns comes; returns that line.
local function show_until(output, ...)
  for line in output:lines() do
    print("    " .. line)
    for _, pattern in ipairs { ... } do
      if line:find(pattern) then return line end
    end
  end
  error("the server ended")
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

local function run(url, output)
  local surprises = 0
  for number, step in ipairs(STEPS) do
    print(("\n%d. %s"):format(number, step[1]))
    local status = post(url, step)
    print(("    answer: %d"):format(status))
    local line = show_until(output, " done ", " duplicate ", " refused ", " kept as dead ", " callback failed ")
    if status ~= step[3] or not line:find(step[4], 1, true) then
      surprises = surprises + 1
      print("    that is not what should have happened")
    end
  end
  return surprises
end

local secret_file = write_secret()
local output, pid = start(secret_file)
local url = assert(show_until(output, "^try it:"):match("%-%-url (%S+)"))
os.remove(secret_file)
local ok, surprises = pcall(run, url, output)
print("\nstopping the server")
os.execute("kill -TERM " .. pid)
if not ok then error(surprises, 0) end
show_until(output, " stopped")
output:close()
print "\npackages, with a simulated App Store Connect"
local steps, more_surprises = demo_packages.run(LUA)
surprises = surprises + more_surprises
print(("\n%d notifications, forgeries and mistakes, %d steps of a package's life, %d surprises"):format(#STEPS, steps,
  surprises))
os.exit(surprises == 0 and 0 or 1)
