-- What an earlier attempt has left where a package is made, and what another version has.
local marketplace = require "marketplace"
local package_work = require "support.package_work"
local shell = require "support.shell"

describe("packages of which something is there already", function()
  local work

  setup(function() work = package_work.start() end)
  teardown(function() work:stop() end)
  before_each(function() work:reset() end)

  local FILES = "/simulator/files/variants"

  it("are published although earlier attempts have left files that do not belong to them", function()
    local p, version = work:open(), work:add_version { variants = 1 }
    local staging = work.folder .. "/staging/" .. version.id
    shell.run(("mkdir -p %s/variant %s/delta"):format(staging, staging))
    for _, name in ipairs { "variant/old.ipa", "variant/old.ipa.part", "delta/old.ipa", ".manifest.json.1" } do
      shell.run(("touch %s/%s"):format(staging, name))
    end
    assert.equal("job_done", work:fetch(p, version).event)
    work:expect_whole(1)
  end)

  it("are published although what an earlier attempt began can be taken over from another version by now", function()
    local p, first = work:open(), work:add_version { variants = 1 }
    work:fetch(p, first)
    local second = work:add_version { package = first.package, deltas = 1 }
    local asset = assert(p:show(first.id)).asset_list[1]
    local folder = ("%s/staging/%s/variant"):format(work.folder, second.id)
    shell.run(("mkdir -p %s && head -c 70000 %s/%s > %s/%s.ipa.part"):format(folder, work:public(first), asset.path,
      folder, asset.public_id))
    assert.equal("job_done", work:fetch(p, second).event)
    work:expect_whole(2)
  end)

  local LARGE = { variants = 1, size = 50000000, chunk_size = 1000000 }

  -- On a disk with too little room for all of it.
  local function reopen(p)
    p:close()
    p = work:open { parallel = 1 }
    p.io = setmetatable({ disk_free = function() return LARGE.size / 2 end }, { __index = p.io })
    return p
  end

  it("are not begun in a folder whose places are on several file systems, between which nothing moves", function()
    for _, name in ipairs { "staging", "withdrawn" } do
      local folder = work.folder .. "/" .. name
      shell.run(("mkdir %s && ln -s /dev/shm %s/%s"):format(folder, folder, name))
      local p, message, code = marketplace.packages { folder = folder, client = work.client }
      assert.same({ nil, "file_failed" }, { p, code })
      assert.matches(name .. " is on another file system than .*/public: .*put both on one$", message)
    end
  end)

  it("are verified although another folder is gone", function()
    local p, first, second = work:open(), work:add_version { variants = 1 }, work:add_version { variants = 1 }
    work:fetch(p, first)
    work:fetch(p, second)
    shell.run("rm -rf " .. work:public(first))
    local reports = {}
    for _, report in ipairs(assert(p:verify())) do reports[report.version] = #report.problems end
    assert.same({ [first.id] = 1, [second.id] = 0 }, reports)
  end)

  it("are collected although others cannot be", function()
    local p, place = work:open(), work.folder .. "/withdrawn"
    shell.run(("mkdir %s/a~1 %s/b~2 %s/c~3"):format(place, place, place))
    local real, count = p.io, 0
    p.io = setmetatable({
      remove_tree = function(path)
        count = count + 1
        if count == 1 then return nil, "it cannot be removed", "file_failed" end
        return real.remove_tree(path)
      end,
    }, { __index = real })
    assert.same({ nil, "it cannot be removed", "file_failed" }, { p:collect() })
    assert.equal("1", shell.run(("ls %s | wc -l"):format(place)))
  end)

  it("need no room for what an earlier attempt has allocated", function()
    local p, version = work:open { parallel = 1 }, work:add_version(LARGE)
    work:fault("file_cut", { at = 2000000, path = FILES })
    work:fault("file_cut", { at = 0, times = 5, path = FILES })
    assert.equal("http_failed", work:fetch(p, version).code)
    work:clear_faults()
    assert.equal("job_done", work:fetch(reopen(p), version).event)
    work:expect_whole(1)
  end)

  it("need no room for what is taken over from another version", function()
    local p, first = work:open { parallel = 1 }, work:add_version(LARGE)
    work:fetch(p, first)
    local second = work:add_version { package = first.package, deltas = 1 }
    assert.equal("job_done", work:fetch(reopen(p), second).event)
    work:expect_whole(2)
  end)

  it("take over nothing without digests that is no longer what it was when it was fetched", function()
    local p, first = work:open(), work:add_version { variants = { { digests = "unencrypted", checksum = "unknown" } } }
    work:fetch(p, first)
    local path = ("%s/%s"):format(work:public(first), assert(p:show(first.id)).asset_list[1].path)
    shell.run(("printf x | dd of=%s bs=1 seek=1000 conv=notrunc status=none"):format(path))
    work:forget_requests()
    local second = work:add_version { package = first.package, deltas = 1 }
    assert.equal("job_done", work:fetch(p, second).event)
    assert.equal(1, work:count_requests("GET " .. FILES))
  end)
end)
