--- A folder of packages and a simulated App Store Connect, for specs of what is fetched.
local assert = require "luassert"
local core = require "marketplace.core"
local http = require "marketplace.http"
local json = require "marketplace.json"
local marketplace = require "marketplace"
local shell = require "support.shell"
local simulated_api = require "support.simulated_api"

local package_work = {}

local LONGEST = 30     -- seconds for what is expected to happen
local TURN = 0.2       -- seconds
local CHUNK = 65536    -- bytes: small chunks, so that small files have several

local Work = {}
Work.__index = Work

--- Adds a package version to App Store Connect, of assets of 200,000 bytes in chunks of 64 KiB.
---@param given? table options of marketplace.simulator's add_package_version
---@return table version {id=, package=, app=, item_id=, apple_version_id=, revision=, bytes=, ...}
function Work:add_version(given)
  local settings = { size = 200000, chunk_size = CHUNK }
  for name, value in pairs(given or {}) do settings[name] = value end
  return self.api:control("POST", "/versions", settings)
end

function Work:set_state(version, state)
  self.api:control("POST", "/versions/state", { version = version.id, state = state })
end

--- Makes requests for files fail, or others; see marketplace.simulator's fault.
function Work:fault(kind, given)
  local settings = { kind = kind }
  for name, value in pairs(given or {}) do settings[name] = value end
  self.api:control("POST", "/faults", settings)
end

function Work:clear_faults()
  self.api:control("DELETE", "/faults")
end

--- Makes the file of a variant another one.
function Work:change_file(public_id)
  local path = "/simulator/files/variants/" .. public_id
  self:fault("file_change", { path = path })
  assert(http.exchange { method = "GET", url = self.api.url .. path })
end

local NONE = { arrived = 0, bytes = 0 }

--- How many requests with paths that begin like this have arrived since `forget_requests`.
---@return integer count
---@return integer bytes of the answers
function Work:count_requests(beginning)
  local count, bytes = 0, 0
  for name, row in pairs(self.api:requests()) do
    local earlier = self.earlier[name] or NONE
    if name:sub(1, #beginning) == beginning then
      count, bytes = count + row.arrived - earlier.arrived, bytes + row.bytes - earlier.bytes
    end
  end
  return count, bytes
end

function Work:forget_requests()
  self.earlier = self.api:requests()
end

--- Packages in the folder, which note their events and what they log.
---@param given? table options of marketplace.packages
function Work:open(given)
  local settings = {
    folder = self.folder, client = self.client, min_free = 0, clock = function() return core.now() + self.later end,
    log = function(entry) self.logged[#self.logged + 1] = entry end,
    on_event = function(event) self:take(event) end,
  }
  for name, value in pairs(given or {}) do settings[name] = value end
  local p = assert(marketplace.packages(settings))
  self.opened[#self.opened + 1] = p
  return p
end

function Work:take(event)
  self.events[#self.events + 1] = event
  if self.on_event then self.on_event(event) end
end

--- The events of a kind.
function Work:told(kind)
  local list = {}
  for _, event in ipairs(self.events) do
    if event.event == kind then list[#list + 1] = event end
  end
  return list
end

--- Takes turns until something is so.
---@param p table
---@param is_so fun(): any
---@return any what it gave
function Work:turn_until(p, is_so)
  local stop = core.monotonic() + LONGEST
  repeat
    local found = is_so()
    if found then return found end
    assert(core.monotonic() < stop, "it did not happen: " .. json.encode(self.logged))
    core.sleep(math.min(p:turn(TURN), 0.02))
  until false
end

local ENDS = { job_done = true, job_moved = true, job_failed = true }

--- Takes turns until a job has ended, each the first one that was not given before: its last event.
function Work:finish(p)
  return self:turn_until(p, function()
    while self.seen < #self.events do
      self.seen = self.seen + 1
      if ENDS[self.events[self.seen].event] then return self.events[self.seen] end
    end
  end)
end

--- Requests a version, and takes turns until its job has ended.
---@param p table
---@param version table of add_version
---@return table event
function Work:fetch(p, version)
  assert(p:request { version = version.id, app = version.app, now = true })
  return self:finish(p)
end

--- Where a version is served from.
function Work:public(version)
  return ("%s/public/%s/%s/%s"):format(self.folder, version.item_id, version.apple_version_id, version.id)
end

--- What a program that is not ours finds in the folder: {folders=, assets=, bytes=, problems=}.
---@param archives? string folder of the archives with which manifest.json and signature are compared
function Work:check(archives)
  local output = shell.capture(("python3 tools/check_packages.py %s %s"):format(self.folder, archives or ""))
  return json.decode(output)
end

--- Expects that program to find so many folders, and nothing wrong with them; gives what it found.
---@param folders integer
---@return table found
function Work:expect_whole(folders)
  local found = self:check()
  assert.same({ folders, {} }, { found.folders, found.problems })
  return found
end

--- Starts a process that fetches, and gives its pid and its output.
---@param before? string commands of the shell's
function Work:start_writer(before)
  local command = ("%s spec/support/package_chaos_worker.lua %s %s %s never 1"):format(shell.LUA, self.folder,
    self.api.url, self.api.key_file)
  local pipe, pid = shell.in_background(before and ('sh -c "%s exec %s"'):format(before, command) or command)
  assert(pipe:read "*l" == "working", "the writer did not start")
  return pid, pipe
end

--- Ends what is open, and begins with an empty folder.
function Work:reset()
  for _, p in ipairs(self.opened) do p:close() end
  if self.folder then shell.run("rm -rf " .. self.folder) end
  self.folder, self.opened, self.events, self.logged, self.later = shell.run "mktemp -d", {}, {}, {}, 0
  self.seen = 0
  self.on_event = nil
  self:clear_faults()
  self:forget_requests()
end

function Work:stop()
  for _, p in ipairs(self.opened) do p:close() end
  shell.run("rm -rf " .. self.folder)
  self.api:stop()
end

--- Starts it.
---@param arguments? string of the simulator
function package_work.start(arguments)
  local api = simulated_api.start(arguments)
  local self = setmetatable({ api = api, client = api:client { timeout = 20 }, opened = {} }, Work)
  self:reset()
  return self
end

return package_work
