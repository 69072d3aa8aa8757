-- What an earlier attempt, or another version, has left where a package is made.
local package_work = require "support.package_work"
local shell = require "support.shell"

describe("packages whose staging is not empty", function()
  local work

  setup(function() work = package_work.start() end)
  teardown(function() work:stop() end)
  before_each(function() work:reset() end)

  local function is_fine(folders)
    local found = work:check()
    assert.same({ folders, {} }, { found.folders, found.problems })
  end

  it("are published although earlier attempts have left files that do not belong to them", function()
    local p, version = work:open(), work:add_version { variants = 1 }
    local staging = work.folder .. "/staging/" .. version.id
    shell.run(("mkdir -p %s/variant %s/delta"):format(staging, staging))
    for _, name in ipairs { "variant/old.ipa", "variant/old.ipa.part", "delta/old.ipa", ".manifest.json.1" } do
      shell.run(("touch %s/%s"):format(staging, name))
    end
    assert.equal("job_done", work:fetch(p, version).event)
    is_fine(1)
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
    is_fine(2)
  end)
end)
