-- tools/check_packages.py, on which other specs rely: whether it sees what is wrong with a folder.
local json = require "marketplace.json"
local package_work = require "support.package_work"
local shell = require "support.shell"

local BREAKS = {
  { "a wrong first byte of an asset", "printf X | dd conv=notrunc of=$ASSET", "chunk 0 is wrong" },
  { "a wrong last byte of an asset", "printf X | dd conv=notrunc bs=1 seek=199999 of=$ASSET", "chunk 3 is wrong" },
  { "an asset that is too short", "truncate -s -1 $ASSET", "has 199999 bytes" },
  { "an asset that is too long", "printf X >> $ASSET", "has 200001 bytes" },
  { "an asset that is missing", "rm $ASSET", "is missing" },
  { "an asset that is a link", "mv $ASSET $TOP/a && ln -s $TOP/a $ASSET", "is no file" },
  { "a manifest that is missing", "rm $P/manifest.json", "is missing" },
  { "a manifest with other bytes", "printf ' ' >> $P/manifest.json", "is not what the archive has" },
  { "a signature that is missing", "rm $P/signature", "is missing" },
  { "a signature with other bytes", "printf X >> $P/signature", "is not what the archive has" },
  { "a signature that is a link", "mv $P/signature $TOP/s && ln -s $TOP/s $P/signature", "is no file" },
  { "a file too many", "touch $P/.DS_Store", "is too much" },
  { "a file too many beside the assets", "touch $P/delta/x.ipa.part", "is too much" },
  { "an empty folder too many", "mkdir $P/variant/x", "is too much" },
  { "a link too many", "ln -s /etc $P/x", "is too much" },
  { "a link to a package", "ln -s $P $P/../x", "is too much" },
  { "a file beside the packages", "touch $TOP/public/index.html", "is too much" },
  { "a package at the wrong place", "mv $TOP/public/* $TOP/public/1", "the folder is in" },
  { "a key blob that is missing", "sqlite3 $TOP/state/keys.db 'DELETE FROM blobs'", "has no key blob" },
  { "what no web server can read", "chmod 700 $P/variant", "cannot be read" },
  { "no web root", "rm -r $TOP/public", "is missing" },
}

describe("tools/check_packages.py", function()
  local work, version, copy, archives

  setup(function()
    work = package_work.start()
    version = work:add_version { variants = 1, deltas = 1 }
    local p = work:open()
    work:fetch(p, version)
    p:close()
    archives = shell.run "mktemp -d"
    shell.run(("cd %s && python3 -m zipfile -c %s/%s.zip manifest.json signature"):format(work:public(version),
      archives, version.id))
  end)
  teardown(function()
    work:stop()
    shell.run("rm -rf " .. archives)
  end)
  before_each(function()
    copy = shell.run "mktemp -d"
    shell.run(("cp -a %s/. %s"):format(work.folder, copy))
  end)
  after_each(function() shell.run("rm -rf " .. copy) end)

  local function check()
    local output, status = shell.capture(("python3 tools/check_packages.py %s %s"):format(copy, archives))
    return json.decode(output), status, output
  end

  it("finds nothing wrong with a package as it was published", function()
    local found, status = check()
    assert.same({ folders = 1, assets = 2, bytes = 400000, problems = {} }, found)
    assert.equal(0, status)
  end)

  for _, break_ in ipairs(BREAKS) do
    it("sees " .. break_[1], function()
      local path = copy .. work:public(version):sub(#work.folder + 1)
      shell.run(("TOP=%s P=%s ASSET=$(echo %s/variant/*.ipa); (%s) 2>&1"):format(copy, path, path, break_[2]))
      local _, status, output = check()
      assert.equal(1, status)
      assert.is_truthy(output:find(break_[3], 1, true), output)
    end)
  end
end)
