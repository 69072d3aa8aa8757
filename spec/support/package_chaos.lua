--- Fetches packages in a writer that is killed, at named points and at random moments, while versions appear and are
--- taken down by processes that are killed too. After each death a program that is not ours looks at what is served.
local core = require "marketplace.core"
local json = require "marketplace.json"
local marketplace = require "marketplace"
local shell = require "support.shell"
local simulated_api = require "support.simulated_api"

local package_chaos = {}

local FUNCTIONS = {
  "io.sink", "io.check", "io.read_archive", "io.link", "io.rename", "io.make_folders", "io.remove_tree", "io.sync",
  "core.put_in_place", "client.download", "store.stage", "store.asset_done", "store.job_done", "store.job_moved",
  "store.job_failed", "store.next_job", "store.change", "keys.put",
}
local CHANGES = { "io.rename", "io.sync", "store.change" }
local PACKAGES = 5
local LONGEST_LIFE = 0.7 -- seconds of a writer that does not come to its point
local MOST_PAUSE = 0.02  -- seconds between two changes
local KILLED = 128 + 9     -- a shell's status of a process that was
local MOST_ATTEMPTS = 20   -- of a change
local WORKER = "spec/support/package_chaos_worker.lua"

local Run = {}
Run.__index = Run

--[[ Processes ]]

local function command(self, point, count)
  return ("%s %s %s %s %s '%s' %d"):format(shell.LUA, WORKER, self.folder, self.api.url,
    self.api.key_file, point, count)
end

local function start_writer(self, point, count)
  local pipe, pid = shell.in_background(("%s 2>>%s/errors"):format(command(self, point, count), self.scratch))
  self.writer = { pipe = pipe, pid = pid }
end

local function kill_writer(self)
  local writer = self.writer
  if not writer then return end
  self.writer = nil
  os.execute(("kill -9 %d 2>/dev/null"):format(writer.pid))
  writer.pipe:read "*a"
  writer.pipe:close()
end

--[[ Changes, as callbacks make them ]]

-- The clock of events: each is later than the one before.
local function next_time(self)
  self.time = self.time + 1
  return self.time
end

-- What a callback does is done again until it was done: its notification is not forgotten before.
local function change(self, name, given)
  if self.random(4) == 1 then
    local words = {}
    for key, value in pairs(given) do words[#words + 1] = ("%s=%s"):format(key, value) end
    local point = CHANGES[self.random(#CHANGES)]
    local where = (self.random(2) == 1 and "before " or "after ") .. point
    local _, status = shell.capture(("%s %s %s"):format(command(self, where, self.random(2)), name,
      table.concat(words, " ")))
    if status == KILLED then self.changes_killed = self.changes_killed + 1 end
  end
  -- one that fails, as files were moved meanwhile, is run again, as a dispatcher runs callbacks
  local result, message
  for _ = 1, MOST_ATTEMPTS do
    result, message = self.p[name](self.p, given)
    if result then return end
    self.failed = self.failed + 1
    core.sleep(MOST_PAUSE)
  end
  error(message)
end

local function add_version(self, package)
  local is_first = #package.versions == 0
  local version = self.api:control("POST", "/versions", {
    package = package.id, size = 40000 + self.random(40000), chunk_size = 16384, variants = is_first and 2 or 0,
    deltas = is_first and 0 or 1, digests = self.random(3) == 1 and "mixed" or "both",
  })
  package.id, package.versions[#package.versions + 1] = version.package, version.id
  change(self, "request", { version = version.id, at = next_time(self) })
end

local function take_down(self, package)
  change(self, "withdraw", { package = package.id, at = next_time(self) })
  for _, id in ipairs(package.versions) do package.is_down[id] = true end
end

local function bring_back(self, package)
  package.is_down = {}
  change(self, "restore", { package = package.id, at = next_time(self) })
end

local function go_back(self, package)
  local id = package.versions[self.random(#package.versions)]
  self.api:control("POST", "/versions/state", { version = id, state = "COMPLETED" })
  package.is_down[id] = nil
  change(self, "request", { version = id, at = next_time(self) })
end

local function change_something(self)
  local package, kind = self.packages[self.random(#self.packages)], self.random(10)
  local count = #package.versions
  if count == 0 or kind <= 2 and count < self.most_versions then return add_version(self, package) end
  if kind <= 4 then return take_down(self, package) end
  if kind <= 9 then return bring_back(self, package) end
  return go_back(self, package)
end

--[[ What is looked at after each death ]]

local function served_versions(self)
  local set = {}
  local paths = shell.run(("find %s/public -mindepth 3 -maxdepth 3"):format(self.folder))
  for id in paths:gmatch "([^/\n]+)\n" do set[id] = true end
  set[paths:match "[^/]*$"] = true
  return set
end

local function check(self)
  local output, status = shell.capture("python3 tools/check_packages.py " .. self.folder)
  local found = json.decode(output)
  assert(found, output)
  assert(status == 0, "what is served is not whole: " .. output)
  local served = served_versions(self)
  for _, list in ipairs { self.packages, self.retired } do
    for _, package in ipairs(list) do
      for _, id in ipairs(package.versions) do
        assert(not (package.is_down[id] and served[id]), ("%s was taken down, and is served"):format(id))
      end
    end
  end
  self.checked = self.checked + found.folders
end

-- A package that has all its versions is taken down for good, and its files are removed: there is always something to
-- fetch, and what is looked at stays small.
local function renew(self)
  for place, package in ipairs(self.packages) do
    if #package.versions == self.most_versions then
      take_down(self, package)
      self.retired[#self.retired + 1] = package
      self.packages[place] = { versions = {}, is_down = {} }
    end
  end
  assert(self.p:collect { older_than = 0 })
end

--- Kills the writer once, at a point or at a random moment.
function Run:kill_once()
  renew(self)
  add_version(self, self.packages[self.random(#self.packages)])
  local name = FUNCTIONS[self.random(#FUNCTIONS + 4)]
  local point = name and (self.random(2) == 1 and "before " or "after ") .. name or "never"
  start_writer(self, point, self.random(3))
  local stop = core.monotonic() + (name and LONGEST_LIFE or self.random() * LONGEST_LIFE)
  while core.monotonic() < stop and shell.is_alive(self.writer.pid) do
    change_something(self)
    core.sleep(self.random() * MOST_PAUSE)
  end
  local reached = name and not shell.is_alive(self.writer.pid)
  kill_writer(self)
  local where = reached and point or "at a random moment"
  self.killed[where] = (self.killed[where] or 0) + 1
  check(self)
end

--- Brings everything back, lets a writer finish, and looks at it.
---@return table figures
function Run:finish()
  for _, package in ipairs(self.packages) do
    local newest = package.versions[#package.versions]
    if newest then
      self.api:control("POST", "/versions/state", { version = newest, state = "COMPLETED" })
      bring_back(self, package)
      assert(self.p:request { version = newest, at = next_time(self), now = true })
    end
  end
  start_writer(self, "never", 1)
  local stop = core.monotonic() + 60
  repeat
    core.sleep(0.1)
    local waiting = assert(self.p.store:jobs { state = "wanted" })
    if core.monotonic() >= stop then error(("%d do not come, first %s"):format(#waiting, json.encode(waiting[1]))) end
  until #waiting == 0
  kill_writer(self)
  check(self)
  for _, package in ipairs(self.packages) do self:check_current(package) end
  return { folders_checked = self.checked, changes_killed = self.changes_killed, versions = self:count_versions() }
end

-- What Apple says is the one to be served is the one that is.
function Run:check_current(package)
  local newest = package.versions[#package.versions]
  if not newest then return end
  local row = assert(self.p:show(newest))
  assert(row.is_current, ("%s is Apple's, and is not current: %s"):format(newest, json.encode(row)))
end

function Run:count_versions()
  local count = 0
  for _, list in ipairs { self.packages, self.retired } do
    for _, package in ipairs(list) do count = count + #package.versions end
  end
  return count
end

--- What writers and changes logged as errors, and what was a bug.
---@return string[]
function Run:errors()
  return shell.lines(self.scratch .. "/errors")
end

--- Ends its processes, and leaves the folder to be looked at.
function Run:stop()
  kill_writer(self)
  self.p:close()
  self.api:stop()
end

function Run:remove()
  self:stop()
  shell.run(("rm -rf %s %s"):format(self.folder, self.scratch))
end

--- Begins, with an empty folder.
---@param settings? {random?: fun(n?: integer): number, most_versions?: integer} most_versions: of each package
function package_chaos.begin(settings)
  settings = settings or {}
  local api, folder = simulated_api.start "--rate-limit 1000000", shell.run "mktemp -d"
  local self = setmetatable({
    api = api, folder = folder, scratch = shell.run "mktemp -d", random = settings.random or math.random, packages = {},
    retired = {},
    most_versions = settings.most_versions or 4, time = core.now(), killed = {}, checked = 0, changes_killed = 0,
    failed = 0, writer = nil,
  }, Run)
  self.p = assert(marketplace.packages { folder = folder, log = function() end })
  for i = 1, PACKAGES do self.packages[i] = { versions = {}, is_down = {} } end
  return self
end

return package_chaos
