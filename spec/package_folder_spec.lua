-- What is done with the folders that packages lie in.
local core = require "marketplace.core"
local io_of_packages = require "marketplace.package_io"
local shell = require "support.shell"

describe("marketplace.package_io", function()
  local folder

  before_each(function() folder = shell.run "mktemp -d" end)
  after_each(function() shell.run("rm -rf " .. folder) end)

  local function at(name) return folder .. "/" .. name end

  local function write(name, bytes) assert(core.replace_file(at(name), bytes or name)) end

  local function read(name) return (core.read_file(at(name))) end

  it("makes the folders that are missing, with this mode", function()
    assert(io_of_packages.make_folders(at "a", 448)) -- 0700
    assert.is_true(io_of_packages.make_folders(at "a/b//c/", 493)) -- 0755
    assert.same({ 448, 493, 493 }, { core.stat(at "a").mode, core.stat(at "a/b").mode, core.stat(at "a/b/c").mode })
    assert.is_true(io_of_packages.make_folders(at "a", 493))
    assert.equal(448, core.stat(at "a").mode)
    write "file"
    for _, name in ipairs { "file", "file/x" } do
      assert.is_nil((io_of_packages.make_folders(at(name), 493)))
    end
    assert.equal("file_exists", (select(3, io_of_packages.make_folders(at "file", 493))))
    assert.equal("file_failed", (select(3, io_of_packages.make_folders(("x"):rep(5000), 493))))
    assert.error_matches(function() io_of_packages.make_folders(folder, 512) end, "permission bits are expected")
  end)

  it("completes a folder whose maker was killed before it could set its mode, and no other", function()
    shell.run(("mkdir -m 1700 %s; mkdir -m 1750 %s; mkdir -m 700 %s"):format(at "a", at "b", at "c"))
    for _, name in ipairs { "a/x", "b/x", "c/x" } do assert(io_of_packages.make_folders(at(name), 493)) end
    assert.same({ "755", "1750", "700" }, {
      shell.run("stat -c %a " .. at "a"), shell.run("stat -c %a " .. at "b"), shell.run("stat -c %a " .. at "c"),
    })
  end)

  it("moves a file or a folder, and replaces nothing", function()
    write "one"
    write "two"
    assert(io_of_packages.make_folders(at "from/deep", 493))
    assert(io_of_packages.make_folders(at "empty", 493))
    assert.is_true(io_of_packages.rename(at "one", at "from/one"))
    assert.is_true(io_of_packages.rename(at "from", at "to"))
    assert.equal("one", read "to/one")
    for from, to in pairs { two = "to/one", to = "empty" } do
      local _, message, code = io_of_packages.rename(at(from), at(to))
      assert.equal("file_exists", code)
      assert.matches(at(to) .. ": it cannot be replaced", message, 1, true)
    end
    assert.same({ "one", "two" }, { read "to/one", read "two" })
    local _, message, code = io_of_packages.rename(at "none", at "new")
    assert.equal("file_missing", code)
    assert.matches(at "none", message, 1, true)
  end)

  it("gives a file a second name, and only a file", function()
    write "one"
    assert.is_true(io_of_packages.link(at "one", at "two"))
    assert.equal(core.file_id(at "one"), core.file_id(at "two"))
    write "three"
    assert.equal("file_exists", (select(3, io_of_packages.link(at "one", at "three"))))
    assert.equal("three", read "three")
    shell.run("ln -s one " .. at "link")
    for _, name in ipairs { "link", "." } do
      assert.equal("file_failed", (select(3, io_of_packages.link(at(name), at "four"))))
    end
    assert.equal("file_missing", (select(3, io_of_packages.link(at "none", at "four"))))
  end)

  it("lists what is in a folder, and does not follow links", function()
    write("file", "12345")
    assert(io_of_packages.make_folders(at ".folder", 493))
    shell.run(("ln -s file %s; mkfifo %s"):format(at "link", at "other"))
    local found = {}
    for _, entry in ipairs(io_of_packages.list(folder)) do
      found[entry.name] = entry.type
      if entry.type == "file" then assert.equal(5, entry.size) end
    end
    assert.same({ file = "file", [".folder"] = "folder", link = "link", other = "other" }, found)
    assert.same({}, io_of_packages.list(at ".folder"))
    assert.equal("file_missing", (select(3, io_of_packages.list(at "none"))))
    assert.equal("file_failed", (select(3, io_of_packages.list(at "file"))))
  end)

  it("removes a tree, and nothing that a link in it names", function()
    write "kept"
    assert(io_of_packages.make_folders(at "outside", 493))
    write "outside/kept"
    assert(io_of_packages.make_folders(at "tree/a/b/c", 493))
    for i = 1, 300 do write("tree/a/" .. i) end
    shell.run(("ln -s ../../kept %s; ln -s %s %s"):format(at "tree/a/link", at "outside", at "tree/folder_link"))
    shell.run("mkfifo " .. at "tree/pipe")
    assert.is_true(io_of_packages.remove_tree(at "tree"))
    assert.equal("kept\noutside", shell.run("ls -A " .. folder))
    assert.equal("outside/kept", read "outside/kept")
    shell.run(("ln -s outside %s"):format(at "link"))
    assert.is_true(io_of_packages.remove_tree(at "link"))
    assert.is_true(io_of_packages.remove_tree(at "kept"))
    assert.is_true(io_of_packages.remove_tree(at "kept"))
    assert.equal("outside", shell.run("ls -A " .. folder))
  end)

  it("removes nothing that is deeper than any package", function()
    local deep = ("tree" .. ("/d"):rep(40))
    shell.run("mkdir -p " .. at(deep))
    local _, message, code = io_of_packages.remove_tree(at "tree")
    assert.equal("file_failed", code)
    assert.matches(at "tree", message, 1, true)
    assert.equal("folder", core.stat(at(deep)).type)
  end)

  it("syncs a file and a folder", function()
    write "file"
    assert.is_true(io_of_packages.sync(at "file"))
    assert.is_true(io_of_packages.sync(folder))
    assert.equal("file_failed", (select(3, io_of_packages.sync(at "none"))))
  end)

  it("tells how much room the disk has", function()
    local told = assert(io_of_packages.disk_free(folder))
    local df = tonumber(shell.run(("df -B1 --output=avail %s | tail -1"):format(folder)))
    assert.is_true(math.abs(told - df) < 2 ^ 30)
    assert.equal("file_missing", (select(3, io_of_packages.disk_free(at "none"))))
  end)

  it("takes paths only", function()
    for _, name in ipairs { "link", "rename", "make_folders", "remove_tree", "sync", "list", "disk_free" } do
      for _, path in ipairs { "", "a\0b" } do
        assert.error_matches(function() io_of_packages[name](path, path) end, "a path is expected")
      end
    end
  end)
end)
