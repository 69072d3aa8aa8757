-- The demo's failure: a callback fails, is tried again and given up; an operator looks, mends the cause, and has it run
-- once more.
local samples = require "marketplace.samples"

local demo_failure = {
  --- How often the server tries a notification: few times, so that nobody has to wait.
  ATTEMPTS = 2,
}

local APP, ID = "6740099999", "demo-failure-1"

--- What tools/demo_handlers.lua needs to know.
---@param folder string
---@return string words of a shell
function demo_failure.environment(folder)
  return ("DEMO_APP=%s DEMO_CATALOGUE=%s/catalogue"):format(APP, folder)
end

-- Runs the command as an operator types it, and shows what it writes.
local function type_in(world, arguments)
  print("    $ marketplace " .. arguments)
  local pipe = assert(io.popen(("%s bin/marketplace %s --inbox sqlite:%s/inbox.db 2>&1"):format(world.lua, arguments,
    world.folder)))
  local text = pipe:read "*a"
  pipe:close()
  for line in text:gmatch "[^\n]+" do print("    " .. line) end
  return text
end

-- Each: what happens, and whether it did.
local STEPS = {
  { "a callback fails, as the catalogue does not answer: acknowledged nevertheless, and tried again later",
    function(world)
      local body = samples.body("version_available", { id = ID, app_id = APP })
      return world.post(body) == 200 and world.show_until " callback failed "
    end },
  { "an operator looks at what it waits for, and does not want to wait", function(world)
    local listed = type_in(world, "inbox list --table --app " .. APP)
    type_in(world, "inbox run " .. ID)
    return listed:find("the catalogue does not answer")
  end },
  { "it fails once more, for the last time: it is dead, and nothing of it is lost", function(world)
    world.show_until " gave up "
    return type_in(world, "inbox list --table --state dead --app " .. APP)
      :find("dead .* failed .*the catalogue does not answer")
  end },
  { "the catalogue is back: the operator has it run once more, and it succeeds", function(world)
    assert(io.open(world.folder .. "/catalogue", "w")):close()
    local said = type_in(world, "inbox replay --code failed --app " .. APP)
    return said:find "made ready again: 1" and world.show_until(" done ", " callback failed "):find " done "
  end },
}

--- Shows them.
---@param world {lua: string, folder: string, number: integer, post: function, show_until: function} number: of the last
--- step before; post(body) gives the status; show_until(...) waits for one of the patterns in the server's log
---@return integer steps
---@return integer surprises
function demo_failure.run(world)
  local surprises = 0
  for place, step in ipairs(STEPS) do
    print(("\n%d. %s"):format(world.number + place, step[1]))
    if not step[2](world) then
      surprises = surprises + 1
      print "    that is not what should have happened"
    end
  end
  return #STEPS, surprises
end

return demo_failure
