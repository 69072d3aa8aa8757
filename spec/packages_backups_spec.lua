-- What becomes of packages whose store, key blobs or folder are gone, or come from a backup.
local core = require "marketplace.core"
local package_work = require "support.package_work"
local shell = require "support.shell"

describe("packages of which something was lost", function()
  local work

  setup(function() work = package_work.start() end)
  teardown(function() work:stop() end)
  before_each(function() work:reset() end)

  local FILES = "GET /simulator/files/variants"

  local function lose(p, file)
    p:close()
    shell.run(("rm %s/state/%s*"):format(work.folder, file))
    work:forget_requests()
  end

  it("are served again once their key blobs are there, without a download", function()
    local p, version = work:open(), work:add_version { variants = 2 }
    work:fetch(p, version)
    lose(p, "keys.db")
    p = work:open()
    assert(p:lock())
    work:expect_whole(0)
    assert.equal("job_done", work:finish(p).event)
    work:expect_whole(1)
    assert.is_string(p:key_blob(p:show(version.id).asset_list[1].public_id))
    assert.equal(0, work:count_requests(FILES))
  end)

  it("stay served if the store is gone, and are taken down under the ids that Apple gives them", function()
    local p, version = work:open(), work:add_version { variants = 2 }
    work:fetch(p, version)
    lose(p, "store.db")
    p = work:open()
    assert(p:lock())
    work:expect_whole(1)
    assert.equal("job_done", work:finish(p).event)
    assert.equal(0, work:count_requests(FILES))
    p:withdraw { package = version.package, at = core.now() + 60 }
    work:expect_whole(0)
  end)

  -- The store's place is taken by a backup that knows nothing of the version, which was taken down meanwhile.
  local function with_backup()
    local p, version = work:open(), work:add_version()
    p:close()
    shell.run(("cp -a %s/state %s/backup"):format(work.folder, work.folder))
    p = work:open()
    work:fetch(p, version)
    p:withdraw { app = version.app, at = core.now() + 60 }
    shell.run(("cd %s && rm state/store.db* && cp -a backup/store.db state/"):format(work.folder))
    return p, version
  end

  local function wait_until_swept(p, version)
    work:turn_until(p, function()
      return p:show(version.id) and p:show(version.id).state == "withdrawn"
    end)
  end

  it("can be stopped being read, and are read by the next writer", function()
    local p, version = work:open(), work:add_version { variants = 2 }
    work:fetch(p, version)
    lose(p, "store.db")
    p = work:open()
    local stop_asked = core.stop_asked
    finally(function() core.stop_asked = stop_asked end)
    core.stop_asked = function() return true end
    assert.same({ nil, "it was stopped", "stopped" }, { p:lock() })
    local logged = #work.logged
    p:turn(0)
    assert.equal(logged, #work.logged)
    core.stop_asked = stop_asked
    assert(p:lock())
    work:expect_whole(1)
    assert.is_table(p:show(version.id))
  end)

  it("are looked at while the writer runs, if a backup takes the store's place", function()
    local p, version = with_backup()
    wait_until_swept(p, version)
    work:expect_whole(0)
    p:restore { version = version.id, at = core.now() + 120 }
    work:expect_whole(1)
  end)

  it("are looked at again if that failed", function()
    local p, version = with_backup()
    local fails, io = 2, p.io
    p.io = setmetatable({ list = function(path)
      if fails == 0 or not path:find "/withdrawn$" then return io.list(path) end
      fails = fails - 1
      return nil, path .. ": too many open files", "file_failed"
    end }, { __index = io })
    wait_until_swept(p, version)
    local told = {}
    for _, entry in ipairs(work.logged) do
      if entry.message == "not swept" then told[#told + 1] = entry.code end
    end
    assert.same({ "file_failed", "file_failed" }, told)
  end)

  it("have files that a web server can read, whatever the umask", function()
    local script = shell.file [[
      require("marketplace.packages.archive").write(arg[1], { ["manifest.json"] = "{}", signature = "s" })
    ]]
    shell.run(("umask 077; %s %s %s"):format(shell.LUA, script, work.folder))
    for name, bytes in pairs { ["manifest.json"] = "{}", signature = "s" } do
      local path = ("%s/%s"):format(work.folder, name)
      assert.same({ 420, bytes }, { core.stat(path).mode, core.read_file(path) }) -- 0644
    end
    os.remove(script)
  end)
end)
