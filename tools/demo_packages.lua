-- The demo's second part: at a simulated App Store Connect a version becomes available; it is fetched, published,
-- replaced, taken down and brought back, and what is served is verified.
local demo_packages = {}

local MARKETPLACE_APP, APP = "6740012345", "6740067890"
local SETTINGS = "cd %s && export MARKETPLACE_API_URL=%s MARKETPLACE_KEY_FILE=key.p8 MARKETPLACE_KEY_ID=SIMULATED1 " ..
  "MARKETPLACE_ISSUER_ID=57246542-96fe-1a63-e053-0824d011072a MARKETPLACE_PACKAGES=packages; "

-- Each: what happens, whether the worker has something to do, and what the list says then.
local STEPS = {
  { "a version becomes available: it is fetched, checked and published",
    "version_available --generation 2 --package chess --package-version chess-1", true, "published +yes .* chess%-1" },
  { "a new revision replaces it: only what is new of it is downloaded",
    "version_available --generation 2 --package chess --package-version chess-2 --deltas 1", true,
    "published +yes .* chess%-2" },
  { "the app must go in France: files know no territories, so that is marked",
    "app_unavailable --generation 2 --territory FRA", false, "published +yes .* unavailable in FRA" },
  { "the package must go: it is no longer served", "versions_unavailable --generation 1 --package chess", false,
    "withdrawn +no .* chess%-2 " },
  { "it may come back in Germany: it is served again, without a download",
    "versions_restored --generation 2 --package chess --territory DEU", false,
    "published +yes .* available in DEU only" },
}

local function read_line_of(pipe, pattern)
  for line in pipe:lines() do
    print("    " .. line)
    if line:find(pattern) then return line end
  end
  error "a process of the demo ended"
end

-- Its first line is the process id.
local function start(world, name, settings, command)
  local pipe = assert(io.popen(("%s exec sh -c 'echo $$; exec %s %s 2>&1'"):format(settings, world.command, command)))
  world.pids[#world.pids + 1] = assert(tonumber(pipe:read "*l"), name)
  world[name] = pipe
  return pipe
end

local function output_of(world, arguments)
  local pipe = assert(io.popen(("%s %s %s 2>&1"):format(world.settings, world.command, arguments)))
  local text = pipe:read "*a"
  pipe:close()
  for line in text:gmatch "[^\n]+" do print("    " .. line) end
  return text
end

local function open(world)
  os.execute(("umask 077 && od -An -N32 -tx1 /dev/urandom | tr -d ' \\n' > %s/secret"):format(world.folder))
  local simulator = start(world, "simulator", SETTINGS:format(world.folder, ""),
    "simulate --port 0 --key-file key.p8 --app " .. MARKETPLACE_APP)
  local url = assert(read_line_of(simulator, "url="):match "url=(%S+)")
  world.settings = SETTINGS:format(world.folder, url)
  local receiver = start(world, "receiver", world.settings,
    ("serve %s/examples/packages/handlers.lua --secret-file secret --port 0 --inbox memory"):format(world.repository))
  local webhook = assert(read_line_of(receiver, "url="):match "url=(%S+)")
  read_line_of(receiver, "^try it:")
  read_line_of(start(world, "worker", world.settings, "packages work"), "fetching packages")
  local create = "webhooks create --secret-file secret --url " .. webhook
  output_of(world, ("%s --app %s --name demo"):format(create, MARKETPLACE_APP))
  output_of(world, create .. " --generation 1")
end

local function take(world, step)
  output_of(world, ("simulate event %s --app %s"):format(step[2], APP))
  read_line_of(world.receiver, " done event=" .. step[2]:match "^%S+")
  if step[3] then read_line_of(world.worker, " package=chess version=chess%-%d$") end
  return output_of(world, "packages list --table"):find(step[4]) ~= nil
end

local function take_all(world)
  local surprises = 0
  for number, step in ipairs(STEPS) do
    print(("\n%d. %s"):format(number, step[1]))
    if not take(world, step) then
      surprises = surprises + 1
      print "    that is not what should have happened"
    end
  end
  print "\nis all that is served as Apple's manifests say?"
  local verified = output_of(world, "packages verify --all")
  return verified:find "is as its manifest says" and surprises or surprises + 1
end

local function close(world)
  for _, pid in ipairs(world.pids) do os.execute("kill -TERM " .. pid) end
  for _, name in ipairs { "worker", "receiver", "simulator" } do
    if world[name] then
      world[name]:read "*a"
      world[name]:close()
    end
  end
  os.execute("rm -rf " .. world.folder)
end

local function line_of(command)
  local pipe = assert(io.popen(command))
  local line = pipe:read "*l"
  pipe:close()
  return assert(line, command)
end

--- Runs it.
---@param lua string the program
---@return integer steps
---@return integer surprises
function demo_packages.run(lua)
  local repository = line_of "pwd"
  local world = {
    folder = line_of "mktemp -d", repository = repository, command = ("%s %s/bin/marketplace"):format(lua, repository),
    pids = {},
  }
  local ok, surprises = pcall(function()
    open(world)
    return take_all(world)
  end)
  close(world)
  if not ok then error(surprises, 0) end
  return #STEPS, surprises
end

return demo_packages
