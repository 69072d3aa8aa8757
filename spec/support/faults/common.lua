--- Faults that come about in the same way whatever the inbox's server is: of a server with `port`, `start`, `kill`,
--- `freeze`, `thaw` and `remove`, and mostly a proxy in front of it.
local core = require "marketplace.core"
local proxy = require "support.proxy"
local shell = require "support.shell"

local common = {}

local SHORT, LONG = 5, 50 -- seconds

local function nothing() end

--- Repeats something until the time is over.
---@param work fun(place: table)
---@param pause number seconds in between
---@return fun(place: table, seconds: number)
function common.repeatedly(work, pause)
  return function(place, seconds)
    local stop = core.monotonic() + seconds
    repeat
      work(place)
      core.sleep(pause)
    until core.monotonic() >= stop
  end
end

--- A place.
---@param server table
---@param url_of fun(port: integer): string
function common.direct(server, url_of)
  return { server = server, url = url_of(server.port), remove = function() server:remove() end }
end

--- A place behind a proxy.
---@param server table
---@param url_of fun(port: integer): string
function common.behind_proxy(server, url_of)
  local between = proxy.start(server.port)
  return {
    server = server, proxy = between, url = url_of(between.port),
    remove = function()
      between:stop()
      server:remove()
    end,
  }
end

--[[ A full disk, which needs the right to mount one ]]

local function on_small_disk(start)
  local place = start(function(folder, size)
    shell.run(("mount -t tmpfs -o size=%s,mode=700 tmpfs %s"):format(size, folder))
  end)
  local remove = place.remove
  function place.remove()
    if place.server:is_running() then place.server:kill() end
    shell.run("umount -l " .. place.server.folder)
    remove()
  end
  return place
end

local function fill_disk(place) shell.capture(("cat /dev/zero >%s/filler"):format(place.server.folder)) end

-- Starts the server, too, if it has ended because of it.
local function make_room(place)
  shell.run(("rm %s/filler"):format(place.server.folder))
  if not place.server:is_running() then place.server:start() end
end

--- The fault of the place that start(mount) returns, whose server has a disk of its own; mount(folder, size) makes a
--- folder one.
---@param start fun(mount: fun(folder: string, size: string)): table
function common.full_disk(start)
  return { name = "full_disk", title = "disk full", seconds = 2 * SHORT,
    set_up = function() return on_small_disk(start) end, begin = fill_disk, finish = make_room }
end

--[[ A standby that is behind ]]

--- The fault of a place whose server has a standby that follows it over the proxy `link`.
---@param title string
---@param set_up fun(): table
---@param promote fun(place: table)
function common.standby_lost(title, set_up, promote)
  return { name = "standby_lost", title = title, seconds = 12, apps = 20, set_up = set_up,
    begin = function(place) place.link:freeze() end,
    finish = function(place)
      place.server:kill()
      place.link:stop()
      place.link = nil
      promote(place)
    end }
end

--- An engine's faults: these, and its own. All last a short time, and have a server alone and nothing done, unless they
--- say otherwise.
---@param engine string
---@param set_up fun(): table
---@param set_up_behind_proxy fun(): table
---@param committed string what the answer to a commit contains
---@param own table[]
---@return table[]
function common.faults(engine, set_up, set_up_behind_proxy, committed, own)
  local function thaw(place) place.proxy:thaw() end
  local function hold(...)
    local words = table.concat({ "hold", "AppUnavailable", ... }, " ")
    return function(place)
      place.proxy:tell(words)
      place.proxy:wait_until_frozen()
    end
  end
  local list = {
    { name = "none", title = "no fault" },
    { name = "frozen", title = "connection frozen for 50 s, idle at first", seconds = LONG,
      set_up = set_up_behind_proxy, begin = function(place) place.proxy:freeze() end, finish = thaw },
    { name = "frozen_statement", title = "connection frozen for 50 s as a notification is sent", seconds = LONG,
      set_up = set_up_behind_proxy, begin = hold(), finish = thaw },
    { name = "frozen_commit", title = "connection frozen for 50 s before the answer to a commit", seconds = LONG,
      set_up = set_up_behind_proxy, begin = hold(committed), finish = thaw },
    { name = "stopped", title = "server's processes stopped (SIGSTOP)", seconds = 4 * SHORT,
      begin = function(place) place.server:freeze() end, finish = function(place) place.server:thaw() end },
    { name = "killed", title = "server killed (SIGKILL) and started again",
      begin = function(place) place.server:kill() end, finish = function(place) place.server:start() end },
    { name = "restart", title = "server restarted", seconds = 0,
      begin = function(place) place.server:stop "fast" end, finish = function(place) place.server:start() end },
    { name = "cut", title = "connections reset, port closed", set_up = set_up_behind_proxy,
      begin = function(place) place.proxy:tell "cut" end, finish = function(place) place.proxy:tell "open" end },
  }
  for _, fault in ipairs(own) do list[#list + 1] = fault end
  for _, fault in ipairs(list) do
    fault.engine, fault.seconds, fault.set_up = engine, fault.seconds or SHORT, fault.set_up or set_up
    fault.begin, fault.finish = fault.begin or nothing, fault.finish or nothing
  end
  return list
end

return common
