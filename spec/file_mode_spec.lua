local core = require "marketplace.core"
local file_mode = require "marketplace.file_mode"
local shell = require "support.shell"

local unpack = rawget(table, "unpack") or rawget(_G, "unpack")

describe("marketplace.file_mode", function()
  local folder

  before_each(function() folder = shell.run "mktemp -d" end)
  after_each(function() shell.run("rm -rf " .. folder) end)

  -- What it warns of, with paths in the folder, whose name is left out.
  local function told(...)
    local paths, messages = {}, {}
    for i, name in ipairs { ... } do paths[i] = folder .. "/" .. name end
    file_mode.check(function(message) messages[#messages + 1] = message:gsub(folder:gsub("%p", "%%%0") .. "/", "") end,
      unpack(paths))
    assert.is_true(#messages <= 1)
    return messages[1]
  end

  local function make(name, mode)
    shell.run(("cd %s && touch \"%s\" && chmod %s \"%s\""):format(folder, name, mode, name))
  end

  it("says what others can do with a file, whether as its group or as anybody", function()
    for mode, doing in pairs {
      ["0640"] = "read", ["0604"] = "read", ["0620"] = "change", ["0602"] = "change", ["0660"] = "read and change",
      ["0624"] = "read and change", ["0777"] = "read and change",
    } do
      make("a", mode)
      assert.equal(("others can %s a (mode %s): chmod 600 a"):format(doing, mode), told "a")
    end
  end)

  it("says nothing of what is its owner's alone, or is not there", function()
    for _, mode in ipairs { "0600", "0400", "0700", "0711" } do
      make("a", mode)
      assert.is_nil(told("a", "none"))
    end
  end)

  it("names each file that it is about, as a shell takes it, and what a link names", function()
    make("a", "0640")
    make("b", "0600")
    make("it's", "0602")
    shell.run(("ln -s a %s/link"):format(folder))
    assert.equal("others can read and change a (mode 0640), it's (mode 0602), link (mode 0640): chmod 600 a " ..
      "'it'\\''s' link", (told("a", "b", "it's", "link"):gsub("'" .. folder:gsub("%p", "%%%0") .. "/", "'")))
  end)

  -- A file of a user and of a group, as another user sees it.
  local function seen_by(user, owner, group, mode)
    local stubs = {
      stub(core, "stat", function() return { uid = owner, gid = group, mode = tonumber(mode, 8) } end),
      stub(core, "user_id", function() return user end),
    }
    local message = told "a"
    for _, one in ipairs(stubs) do one:revert() end
    return message
  end

  -- The group is one that this process is in.
  local function of_another(mode) return seen_by(2, 1, 7, mode) end

  it("takes it that another user's file is meant for its group, and keeps it within this one's reach", function()
    assert.is_nil(of_another "0640")
    assert.is_nil(of_another "0660")
    assert.equal("others can read a (mode 0644): as root, chown 2 a && chmod 600 a", of_another "0644")
  end)

  it("takes it that a group which root gave a file is meant to read it, but not to change it", function()
    local function of_root(mode, group) return seen_by(0, 0, group, mode) end
    assert.is_nil(of_root("0640", 7))
    assert.equal("others can read a (mode 0640): chmod 600 a", of_root("0640", 0))
    assert.equal("others can change a (mode 0660): chmod 600 a", of_root("0660", 7))
    assert.equal("others can read a (mode 0644): chmod 600 a", of_root("0644", 7))
  end)
end)
