-- What becomes of packages if a process is killed at any step of what it does, or if another process does something at
-- that step. A step is a change of the disk, a moment before a commit, or the moment after it.
local collect = require "marketplace.packages.collect"
local core = require "marketplace.core"
local once_available = require "support.once_available"
local package_folder = require "support.package_folder"
local packages = require "support.packages"
local publish = require "marketplace.packages.publish"
local restore = require "marketplace.packages.restore"
local shell = require "support.shell"
local sweep = require "marketplace.packages.sweep"
local withdraw = require "marketplace.packages.withdraw"

local COMPLETED = { state = "COMPLETED" }
local DAY = 86400
local GRACE = 3600 -- seconds

--[[ What always holds ]]

-- The files below a folder, by their path in it.
local function files_in(root)
  local found = {}
  for path in shell.run(("cd '%s' && find . -type f"):format(root)):gmatch "[^\n]+" do
    path = path:sub(3)
    found[path] = assert(core.read_file(root .. "/" .. path))
  end
  return found
end

-- All versions in public, by id: the path of each.
local function published(root)
  local found = {}
  for path in shell.run(("find '%s/public' -mindepth 3 -maxdepth 3 -type d"):format(root)):gmatch "[^\n]+" do
    found[path:match "[^/]*$"] = path
  end
  return found
end

local function check_served(f, versions, may_lack_row)
  for id, path in pairs(published(f.root)) do
    assert.same(versions[id].files, files_in(path), id)
    local row = f:row(id)
    assert.same({}, f.p.keys:missing(id, { versions[id].manifest.assets[1].public_id }), id)
    assert.is_false(f.p.store:refusal(row or versions[id]), id .. " is served and must not be")
    if not may_lack_row then assert.equal("published", row.state, id) end
  end
end

local function check_rows(f)
  local served = published(f.root)
  for _, row in ipairs(f.p.store:versions()) do
    if row.state == "published" then assert.is_truthy(served[row.id], row.id .. " is published and not there") end
    if row.is_current then assert.equal("published", row.state) end
  end
end

-- What may be served is served, or about to be.
local function check_nothing_lost(f, versions)
  for id in pairs(versions) do
    local row = f:row(id)
    if row and not row.replaced_at and f.p.store:refusal(row) == false and row.state ~= "published" then
      assert.equal(1, #f.p.store:jobs { version = id }, ("%s is %s"):format(id, row.state))
    end
  end
end

local function check_all(f, versions)
  check_served(f, versions)
  check_rows(f)
  check_nothing_lost(f, versions)
end

--[[ Scenarios ]]

local function make(id, given) return package_folder.version(id, given) end

local V1 = make "v1"
local V2 = make("v2", { revision = 2, variants = { 1, 2 }, deltas = { 3 } })
local V3 = make("v3", { revision = 3, variants = { 1, 2, 4 }, deltas = { 3 } })
local W1 = make("w1", { apple_version = "870000002", variants = { 5 }, package = "Q", without_digests = true })
local ALL = { v1 = V1, v2 = V2, v3 = V3, w1 = W1 }

local function stage_and_publish(f, ...)
  for _, version in ipairs { ... } do
    f.now = f.now + 1
    f:stage(version, f.now)
    assert.equal("published", publish.run(f.p, version.id, COMPLETED))
    assert(f.p.store:job_done(f.p.store:jobs { version = version.id }[1]))
  end
end

local function remove(path) shell.run(("rm -r '%s'"):format(path)) end

local function public(f, version)
  return ("%s/public/%s/%s/%s"):format(f.root, version.manifest.item_id, version.manifest.apple_version_id, version.id)
end

local function unavailable(f, about)
  assert(withdraw.run(f.p, { app = about.app, package = about.package, version = about.version, at = f.now + 1 }))
  f.now = f.now + 2
end

local function truncate(path) shell.run(("truncate -s -1 '%s'"):format(path)) end

local function with_store_of(f, work)
  f:close()
  shell.run(("cp -a '%s/state' '%s/backup'"):format(f.root, f.root))
  f:open()
  work()
  f:close()
  shell.run(("rm -r '%s/state' && mv '%s/backup' '%s/state'"):format(f.root, f.root, f.root))
  f:open()
end

local function with_folders_of(f, work)
  shell.run(("mkdir '%s/backup' && cp -a '%s'/public '%s'/staging '%s'/withdrawn '%s/backup'"):format(f.root, f.root,
    f.root, f.root, f.root))
  work()
  shell.run(("cd '%s' && rm -r public staging withdrawn && mv backup/* . && rmdir backup"):format(f.root))
end

-- Each has what comes before, what is killed, and where the versions are in the end, once it was done again.
local SCENARIOS = {
  ["a first version is published"] = {
    before = function(f) f:stage(V1, 1000) end,
    work = function(p) assert(publish.run(p, "v1", COMPLETED)) end,
    after = { v1 = "public" }, current = "v1",
  },
  ["another revision is published"] = {
    before = function(f)
      stage_and_publish(f, V1)
      f:stage(V2, f.now)
    end,
    work = function(p) assert(publish.run(p, "v2", COMPLETED)) end,
    after = { v1 = "public", v2 = "public" }, current = "v2",
  },
  ["a lower revision is published"] = {
    before = function(f)
      stage_and_publish(f, V3)
      f:stage(V2, f.now)
    end,
    work = function(p) assert(publish.run(p, "v2", COMPLETED)) end,
    after = { v3 = "public", v2 = "public" }, current = "v2",
  },
  ["what was taken down meanwhile is not published"] = {
    before = function(f)
      f:stage(V1, 1000)
      unavailable(f, { app = "A" })
    end,
    work = function(p) assert.equal("unavailable", publish.run(p, "v1", COMPLETED)) end,
    after = { v1 = "withdrawn" }, current = nil,
  },
  ["what is held is not published"] = {
    before = function(f)
      f:stage(V1, 1000)
      assert(withdraw.hold(f.p, { package = "P" }))
    end,
    work = function(p) assert.equal("held", publish.run(p, "v1", COMPLETED)) end,
    after = { v1 = "withdrawn" }, current = nil,
  },
  ["what Apple has replaced is not published"] = {
    before = function(f) f:stage(V1, 1000) end,
    work = function(p) assert.equal("superseded", publish.run(p, "v1", { state = "REPLACED" })) end,
    after = { v1 = "withdrawn" }, current = nil,
  },
  ["an app is taken down"] = {
    before = function(f)
      stage_and_publish(f, V1, V2, W1)
      f:stage(V3, f.now)
    end,
    work = function(p) assert(withdraw.run(p, { app = "A", at = 5000, event = "e" })) end,
    after = { v1 = "withdrawn", v2 = "withdrawn", w1 = "withdrawn", v3 = "staging" }, current = nil,
  },
  ["a package is taken down"] = {
    before = function(f) stage_and_publish(f, V1, V2, W1) end,
    work = function(p) assert(withdraw.run(p, { package = "P", at = 5000, event = "e" })) end,
    after = { v1 = "withdrawn", v2 = "withdrawn", w1 = "public" }, current = "w1",
  },
  ["a version is taken down, and the one before is current again"] = {
    before = function(f) stage_and_publish(f, V1, V2) end,
    work = function(p) assert(withdraw.run(p, { version = "v2", at = 5000, event = "e" })) end,
    after = { v1 = "public", v2 = "withdrawn" }, current = "v1",
  },
  ["an app is taken down in one territory"] = {
    before = function(f) stage_and_publish(f, V1) end,
    work = function(p) assert(withdraw.run(p, { app = "A", territories = { "FRA" }, at = 5000, event = "e" })) end,
    after = { v1 = "public" }, current = "v1",
  },
  ["an old takedown comes late"] = {
    before = function(f) stage_and_publish(f, V1) end,
    work = function(p) assert(withdraw.run(p, { app = "A", at = 500, event = "e" })) end,
    after = { v1 = "public" }, current = "v1",
  },
  ["a takedown names no territory"] = {
    before = function(f) stage_and_publish(f, V1) end,
    work = function(p) assert(withdraw.run(p, { app = "A", territories = {}, at = 5000, event = "e" })) end,
    after = { v1 = "public" }, current = "v1",
  },
  ["a publication was cut off, and then comes a takedown"] = {
    before = function(f)
      f:stage(V1, 1000)
      local step = 0
      repeat
        step = step + 1
        f:kill(function(p) publish.run(p, "v1", COMPLETED) end, step)
        f:open()
      until f:where(V1) == "public"
      assert.equal("staged", f:row("v1").state)
    end,
    work = function(p) assert(withdraw.run(p, { app = "A", at = 5000, event = "e" })) end,
    after = { v1 = "withdrawn" }, current = nil,
  },
  ["an app is restored"] = {
    before = function(f)
      stage_and_publish(f, V1, V2, W1)
      unavailable(f, { app = "A" })
    end,
    work = function(p) assert(restore.run(p, { app = "A", at = 6000, event = "e" })) end,
    after = { v1 = "withdrawn", v2 = "public", w1 = "public" }, current = "w1",
  },
  ["an app is restored that was replaced meanwhile"] = {
    before = function(f)
      stage_and_publish(f, V1)
      unavailable(f, { app = "A" })
      stage_and_publish(f, V2)
    end,
    work = function(p) assert(restore.run(p, { app = "A", at = 6000, event = "e" })) end,
    after = { v1 = "withdrawn", v2 = "public" }, current = "v2",
  },
  ["what is restored is damaged"] = {
    before = function(f)
      stage_and_publish(f, V1)
      unavailable(f, { app = "A" })
      truncate(f.root .. "/withdrawn/v1/variant/" .. packages.uuid(1) .. ".ipa")
    end,
    work = function(p) assert(restore.run(p, { app = "A", at = 6000, event = "e" })) end,
    after = { v1 = "" }, wanted = { "v1" }, current = nil,
  },
  ["what is restored is gone"] = {
    before = function(f)
      stage_and_publish(f, V1)
      unavailable(f, { app = "A" })
      f.now = f.now + DAY
      assert(collect.run(f.p, { older_than = GRACE }))
    end,
    work = function(p) assert(restore.run(p, { app = "A", at = 6000, event = "e" })) end,
    after = { v1 = "" }, wanted = { "v1" }, current = nil,
  },
  ["what is restored has lost its key blobs"] = {
    before = function(f)
      stage_and_publish(f, V1)
      unavailable(f, { app = "A" })
      f:close()
      shell.run(("rm '%s'/state/keys.db*"):format(f.root))
      f:open()
    end,
    work = function(p) assert(restore.run(p, { app = "A", at = 6000, event = "e" })) end,
    after = { v1 = "withdrawn" }, wanted = { "v1" }, current = nil,
  },
  ["an app is held"] = {
    before = function(f) stage_and_publish(f, V1, W1) end,
    work = function(p) assert(withdraw.hold(p, { app = packages.ITEM, reason = "why" })) end,
    after = { v1 = "withdrawn", w1 = "withdrawn" }, current = nil,
  },
  ["an app is released"] = {
    before = function(f)
      stage_and_publish(f, V1, V2)
      assert(withdraw.hold(f.p, { app = packages.ITEM, reason = "why" }))
    end,
    work = function(p) assert(restore.release(p, { app = packages.ITEM })) end,
    after = { v1 = "withdrawn", v2 = "public" }, current = "v2",
  },
  ["an app is released that was taken down"] = {
    before = function(f)
      stage_and_publish(f, V1)
      assert(withdraw.hold(f.p, { app = "A" }))
      unavailable(f, { package = "P" })
    end,
    work = function(p) assert(restore.release(p, { app = "A" })) end,
    after = { v1 = "withdrawn" }, current = nil,
  },
  ["what was replaced is collected"] = {
    before = function(f)
      stage_and_publish(f, V1, V2, V3, W1)
      f.now = f.now + DAY
    end,
    work = function(p) assert(collect.run(p, { older_than = GRACE })) end,
    after = { v1 = "", v2 = "", v3 = "public", w1 = "public" }, current = "w1",
  },
  ["what was withdrawn is collected"] = {
    before = function(f)
      stage_and_publish(f, V1, V2, W1)
      unavailable(f, { package = "P" })
      f.now = f.now + DAY
    end,
    work = function(p) assert(collect.run(p, { older_than = GRACE })) end,
    after = { v1 = "", v2 = "", w1 = "public" }, current = "w1",
  },
  ["what never became whole is collected"] = {
    before = function(f)
      stage_and_publish(f, V1)
      f:stage(V2, f.now)
      f.p.store:job_failed(f.p.store:jobs { version = "v2" }[1], { code = "x", message = "y", ended = true })
      f:stage(V3, f.now)
      f.now = f.now + DAY
    end,
    work = function(p) assert(collect.run(p, { older_than = GRACE })) end,
    after = { v1 = "public", v2 = "", v3 = "staging" }, current = "v1",
  },
  ["the store is an older backup: something was published since"] = {
    before = function(f)
      stage_and_publish(f, V1)
      with_store_of(f, function() stage_and_publish(f, V2, W1) end)
      -- key blobs are kept apart
      f:close()
      f:open()
      for _, version in ipairs { V2, W1 } do
        for _, asset in ipairs(version.manifest.assets) do
          assert(f.p.keys:put { { public_id = asset.public_id, version = version.id, blob = "QQ==" } })
        end
      end
    end,
    work = function(p) assert(sweep.run(p)) end,
    -- of which package v2 is, v1 tells
    after = { v1 = "public", v2 = "public", w1 = "public" }, wanted = { "w1" }, current = "w1",
  },
  ["the store and the key blobs are older backups"] = {
    before = function(f)
      stage_and_publish(f, V1)
      with_store_of(f, function() stage_and_publish(f, V2) end)
    end,
    work = function(p) assert(sweep.run(p)) end,
    after = { v1 = "public", v2 = "withdrawn" }, wanted = { "v2" }, current = "v1",
  },
  ["the store is an older backup: something was taken down since"] = {
    before = function(f)
      stage_and_publish(f, V1, W1)
      with_store_of(f, function() unavailable(f, { package = "P" }) end)
    end,
    work = function(p) assert(sweep.run(p)) end,
    after = { v1 = "withdrawn", w1 = "public" }, current = "w1",
  },
  ["the store is an older backup: something was published and taken down since"] = {
    before = function(f)
      stage_and_publish(f, W1)
      with_store_of(f, function()
        stage_and_publish(f, V1)
        unavailable(f, { package = "P" })
      end)
    end,
    work = function(p) assert(sweep.run(p)) end,
    after = { v1 = "withdrawn", w1 = "public" }, current = "w1",
  },
  ["the store is an older backup: something was restored since"] = {
    before = function(f)
      stage_and_publish(f, V1)
      unavailable(f, { package = "P" })
      with_store_of(f, function() assert(restore.run(f.p, { package = "P", at = 5000 })) end)
    end,
    work = function(p) assert(sweep.run(p)) end,
    after = { v1 = "withdrawn" }, current = nil,
  },
  ["the store is an older backup: something was collected since"] = {
    before = function(f)
      stage_and_publish(f, V1, V2)
      with_store_of(f, function()
        f.now = f.now + DAY
        assert(collect.run(f.p, { older_than = GRACE }))
      end)
    end,
    work = function(p) assert(sweep.run(p)) end,
    after = { v1 = "", v2 = "public" }, current = "v2",
  },
  ["the store is an older backup, and may lack a takedown of what is served"] = {
    before = function(f)
      assert(withdraw.run(f.p, { package = "X", at = 5000 }))
      with_store_of(f, function() stage_and_publish(f, V1) end)
      for _, asset in ipairs(V1.manifest.assets) do
        assert(f.p.keys:put { { public_id = asset.public_id, version = "v1", blob = "QQ==" } })
      end
    end,
    work = function(p) assert(sweep.run(p)) end,
    after = { v1 = "withdrawn" }, current = nil, wanted = { "v1" },
  },
  ["the store is empty"] = {
    before = function(f)
      stage_and_publish(f, V1, V2)
      unavailable(f, { package = "P" })
      stage_and_publish(f, W1)
      f:close()
      shell.run(("rm '%s'/state/store.db*"):format(f.root))
      f:open()
    end,
    work = function(p) assert(sweep.run(p)) end,
    after = { v1 = "withdrawn", v2 = "withdrawn", w1 = "public" }, wanted = { "w1" }, current = "w1",
  },
  ["the folders are an older backup: something was published since"] = {
    before = function(f)
      stage_and_publish(f, V1)
      with_folders_of(f, function() stage_and_publish(f, V2) end)
    end,
    work = function(p) assert(sweep.run(p)) end,
    after = { v1 = "public", v2 = "" }, wanted = { "v2" }, current = "v1",
  },
  ["the folders are an older backup: something was taken down since"] = {
    before = function(f)
      stage_and_publish(f, V1)
      with_folders_of(f, function() unavailable(f, { app = "A" }) end)
    end,
    work = function(p) assert(sweep.run(p)) end,
    after = { v1 = "withdrawn" }, current = nil,
  },
  ["the folders are an older backup: something was restored since"] = {
    before = function(f)
      stage_and_publish(f, V1)
      unavailable(f, { app = "A" })
      with_folders_of(f, function() assert(restore.run(f.p, { app = "A", at = 5000 })) end)
      f.now = 6000
    end,
    -- as if it had been taken down after a backup of the store
    work = function(p) assert(sweep.run(p)) end,
    after = { v1 = "withdrawn" }, current = nil,
  },
  ["the folders are an older backup: something was collected since"] = {
    before = function(f)
      stage_and_publish(f, V1, V2)
      with_folders_of(f, function()
        f.now = f.now + DAY
        assert(collect.run(f.p, { older_than = GRACE }))
      end)
    end,
    work = function(p) assert(sweep.run(p)) end,
    after = { v1 = "withdrawn", v2 = "public" }, current = "v2",
  },
  ["the folders are an older backup: something was taken down and collected since"] = {
    before = function(f)
      stage_and_publish(f, V1)
      with_folders_of(f, function()
        unavailable(f, { app = "A" })
        f.now = f.now + DAY
        assert(collect.run(f.p, { older_than = GRACE }))
      end)
    end,
    work = function(p) assert(sweep.run(p)) end,
    after = { v1 = "withdrawn" }, current = nil,
  },
  ["a folder in public is gone"] = {
    before = function(f)
      stage_and_publish(f, V1)
      remove(public(f, V1))
    end,
    work = function(p) assert(sweep.run(p)) end,
    after = { v1 = "" }, wanted = { "v1" }, current = nil,
  },
  ["a file in public is gone"] = {
    before = function(f)
      stage_and_publish(f, V1)
      remove(public(f, V1) .. "/signature")
    end,
    work = function(p) assert(sweep.run(p)) end,
    after = { v1 = "" }, wanted = { "v1" }, current = nil,
  },
  ["an asset in public is short"] = {
    before = function(f)
      stage_and_publish(f, V1)
      truncate(public(f, V1) .. "/variant/" .. packages.uuid(1) .. ".ipa")
    end,
    work = function(p) assert(sweep.run(p)) end,
    after = { v1 = "" }, wanted = { "v1" }, current = nil,
  },
  ["a folder in public has no row, and is not whole"] = {
    before = function(f)
      stage_and_publish(f, W1)
      package_folder.write(V1, public(f, V1))
      truncate(public(f, V1) .. "/variant/" .. packages.uuid(1) .. ".ipa")
    end,
    work = function(p) assert(sweep.run(p)) end,
    after = { v1 = "", w1 = "public" }, current = "w1", wanted = { "v1" },
  },
  ["a folder in public is no version's place"] = {
    before = function(f)
      stage_and_publish(f, V1)
      package_folder.write(V1, f.root .. "/public/1/2/v1")
    end,
    work = function(p) assert(sweep.run(p)) end,
    after = { v1 = "public" }, current = "v1",
  },
}

describe("packages, whatever ends a process", function()
  local root, f

  -- in memory: a process that is killed takes nothing with it, whatever the file system
  before_each(function() root = shell.run "mktemp -d -p /dev/shm 2>/dev/null || mktemp -d" end)
  after_each(function()
    if f then f:close() end
    shell.run(("rm -rf '%s'"):format(root))
  end)

  local function begin(scenario, number)
    if f then f:close() end
    local place = ("%s/%d"):format(root, number)
    shell.run("mkdir " .. place)
    f = package_folder.new(place)
    f:open()
    scenario.before(f)
    f:open()
  end

  local function check_end(scenario)
    check_all(f, ALL)
    for id, where in pairs(scenario.after) do assert.equal(where, f:where(ALL[id]), id) end
    for _, id in ipairs(scenario.wanted or {}) do
      assert.equal(1, #f.p.store:jobs { version = id, state = "wanted" }, id)
    end
    local current = f.p.store:current(packages.ITEM)
    assert.equal(scenario.current, current and current.id or nil)
  end

  for name, scenario in pairs(SCENARIOS) do
    it("that is killed at each step: " .. name, function()
      local number, killed = 0, true
      while killed do
        number = number + 1
        begin(scenario, number)
        killed = f:kill(scenario.work, number)
        f:open()
        assert(sweep.run(f.p))
        check_all(f, ALL)
        scenario.work(f.p)
        check_end(scenario)
        f:open()
        local counts = assert(sweep.run(f.p))
        assert.is_nil(counts.discarded)
        check_end(scenario)
      end
      assert.is_true(number > 1)
    end)
  end

  for name, scenario in pairs(SCENARIOS) do
    it("but the disk that is full at each step: " .. name, function()
      local number, was_reached = 0, true
      while was_reached do
        number = number + 1
        begin(scenario, number)
        was_reached = f:fail(scenario.work, number)
        scenario.work(f.p)
        check_end(scenario)
      end
    end)
  end

  -- Another process does something at a step of a publication, which takes place before a takedown or after it.
  local OTHERS = {
    ["takes the app down"] = { { app = "A", at = 9000 }, withdraw.run },
    ["takes the package down"] = { { package = "P", at = 9000 }, withdraw.run },
    ["takes the version down"] = { { version = "v2", at = 9000 }, withdraw.run },
    ["holds the app"] = { { app = packages.ITEM }, withdraw.hold },
  }

  for name, other in pairs(OTHERS) do
    it("while another one " .. name .. ", at each step", function()
      local number, was_reached = 0, true
      while was_reached do
        number = number + 1
        begin({ before = function(fixture)
          stage_and_publish(fixture, V1)
          fixture:stage(V2, fixture.now)
        end }, number)
        local second = package_folder.new(f.root)
        second:open()
        second.p.store.database.timeout, was_reached = 0.02, false
        local has_happened = false
        f.at_step = function(step)
          if step ~= number then return end
          was_reached, has_happened = true, other[2](second.p, other[1]) ~= nil
        end
        assert(publish.run(f.p, "v2", COMPLETED))
        -- what cannot write because the publication does, is tried again
        if not has_happened then once_available(function() return other[2](second.p, other[1]) end) end
        second:close()
        f.at_step = nil
        check_all(f, ALL)
        assert.equal("withdrawn", f:where(V2))
        f:open()
        assert(sweep.run(f.p))
        check_all(f, ALL)
        assert.equal("withdrawn", f:where(V2))
      end
    end)
  end

  it("by SIGKILL itself leaves a store that can be opened", function()
    begin({ before = function(fixture) fixture:stage(V1, 1000) end }, 1)
    f:close()
    local script = shell.file(([[
      local once_available = require "support.once_available"
local package_folder = require "support.package_folder"
      local f = package_folder.new "%s"
      f:open()
      f.at_step = function() if f.steps == tonumber(arg[1]) then os.execute("kill -9 $PPID") end end
      require("marketplace.packages.publish").run(f.p, "v1", { state = "COMPLETED" })
    ]]):format(f.root))
    for step = 1, 12 do
      shell.capture(("%s %s %d 2>&1; true"):format(shell.LUA, script, step))
      f:open()
      check_served(f, ALL, true)
      f:close()
    end
    os.remove(script)
    f:open()
    assert(sweep.run(f.p))
    check_all(f, ALL)
    assert.equal("public", f:where(V1))
    assert.is_truthy(core.stat(public(f, V1) .. "/manifest.json"))
  end)
end)
