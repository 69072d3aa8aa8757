-- Who has leases in an inbox in a SQLite file. What becomes of the leases: spec/dead_holders_spec.lua.
local core = require "marketplace.core"
local holders = require "marketplace.inbox.sqlite.holders"
local shell = require "support.shell"
local sqlite = require "marketplace.sqlite"

describe("a holder", function()
  local folder, path, opened, warnings

  before_each(function()
    folder, opened, warnings = shell.run "mktemp -d", {}, {}
    path = folder .. "/inbox.db"
  end)

  after_each(function()
    for _, one in ipairs(opened) do one:close() end
    shell.run("rm -rf " .. folder)
  end)

  local function keep(one)
    opened[#opened + 1] = one
    return one
  end

  local function of(database)
    return keep(holders.new(database or path, function(message) warnings[#warnings + 1] = message end))
  end

  -- Runs a script in a process of its own, with `preload` of build/test if given; its output.
  local function run(text, preload)
    local script = shell.file(('local path, holders = %q, require "marketplace.inbox.sqlite.holders"\n%s'):format(
      path, text))
    local output = shell.capture(("%s timeout 60 %s %s"):format(
      preload and "LD_PRELOAD=build/test/" .. preload or "", shell.LUA, script))
    os.remove(script)
    return output
  end

  describe("of marketplace.sqlite", function()
    it("is held until it is closed or collected", function()
      local file = path .. "-holders"
      local holder = keep(assert(sqlite.holder(file)))
      local number = holder:number()
      assert.is_true(number >= 1 and number < 2 ^ 53 and number == math.floor(number))
      assert.is_true(sqlite.is_held(file, number))
      holder:close()
      holder:close()
      assert.is_nil(holder:number())
      assert.is_false(sqlite.is_held(file, number))
      number = assert(sqlite.holder(file)):number()
      collectgarbage()
      collectgarbage()
      assert.is_false(sqlite.is_held(file, number))
    end)

    it("says what cannot be opened", function()
      assert.same({ n = 3, nil, folder .. "/none: No such file or directory", "file_missing" },
        (function(...) return { n = select("#", ...), ... } end)(sqlite.is_held(folder .. "/none", 1)))
      for _, name in ipairs { "holder", "make_holders" } do
        local made, message, code = sqlite[name](folder)
        assert.same({ nil, folder .. ": it cannot be opened: Is a directory", "file_failed" }, { made, message, code })
      end
    end)

    it("takes paths and numbers of holders only", function()
      for _, bad in ipairs { "", "a\0b" } do
        for _, name in ipairs { "holder", "is_held", "make_holders" } do
          assert.has_error(function() sqlite[name](bad, 1) end)
        end
      end
      for _, bad in ipairs { 0, -1, 1.5, 2 ^ 53, math.huge, 0 / 0, "x" } do
        assert.has_error(function() sqlite.is_held(path, bad) end)
      end
    end)
  end)

  it("is the same at each call, and another one after renew", function()
    local ours = of()
    local number = ours:own()
    assert.equal(number, ours:own())
    ours:renew()
    assert.is_true(ours:is_dead(number))
    assert.not_equal(number, ours:own())
    assert.same({}, warnings)
  end)

  it("is not dead for itself or for others, until it is closed", function()
    local ours, theirs = of(), of()
    local number, other = ours:own(), theirs:own()
    assert.same({ false, false, false, false },
      { ours:is_dead(number), ours:is_dead(other), theirs:is_dead(number), theirs:is_dead(other) })
    ours:close()
    ours:close()
    assert.is_true(theirs:is_dead(number))
    assert.is_false(theirs:is_dead(other))
  end)

  it("is dead once its process was killed", function()
    assert(of():make())
    local pipe = assert(io.popen(("exec %s -e '%s'"):format(shell.LUA, ([[
      local core = require "marketplace.core"
      local ours = require("marketplace.inbox.sqlite.holders").new("<path>")
      print(core.process_id(), ("%.0f"):format(ours:own()))
      io.stdout:flush()
      core.sleep(60)
    ]]):gsub("<path>", path))))
    local pid, number = pipe:read "*l":match "(%d+)%s(%d+)"
    number = tonumber(number)
    assert.is_false(of():is_dead(number))
    os.execute("kill -KILL " .. pid)
    pipe:read "*a"
    pipe:close()
    assert.is_true(of():is_dead(number))
  end)

  it("is not a forked child's, which gets one of its own", function()
    local output = run([[
      local ours = holders.new(path)
      local number = ours:own()
      if os.getenv "FORK" == "child" then
        io.write(tostring(ours:own() ~= number and not ours:is_dead(number)), " ")
        ours:close()
        os.exit(0)
      end
      io.write(tostring(ours:own() == number and not ours:is_dead(number)))
    ]], "forks.so")
    assert.equal("true true", output)
  end)

  it("is made anew if its file was removed, where others see it", function()
    local ours = of()
    local number = ours:own()
    os.remove(path .. "-holders")
    local other = ours:own()
    assert.not_equal(number, other)
    assert.is_true(sqlite.is_held(path .. "-holders", other))
  end)

  it("has its file beside the database, not beside a link to it", function()
    shell.run(("mkdir %s/elsewhere && touch %s && ln -s %s %s/elsewhere/link.db"):format(folder, path, path, folder))
    local through_link = of(folder .. "/elsewhere/link.db")
    local number = through_link:own()
    assert.is_true(sqlite.is_held(path .. "-holders", number))
    assert.is_false(of():is_dead(number))
    assert.is_nil(core.file_id(folder .. "/elsewhere/link.db-holders"))
  end)

  it("has a file that is its owner's alone, which can be made before", function()
    local ours = of()
    assert.is_true(ours:make())
    assert.is_true(ours:make())
    assert.equal(tonumber("600", 8), core.stat(path .. "-holders").mode)
    assert(ours:own())
    assert.equal(0, core.stat(path .. "-holders").size)
  end)

  it("is not known to be dead if there is no file", function()
    assert.is_false(of():is_dead(1))
  end)

  it("cannot be, and is told of once, if the file system has no such locks", function()
    local output = run([[
      local ours = holders.new(path, print)
      print(ours:own(), ours:own(), ours:is_dead(1))
    ]], "no_open_file_locks.so")
    assert.equal(path .. "-holders: its file system has no locks of open files (F_OFD_SETLK), as ext4 and XFS have: " ..
      "Invalid argument: what a process that died had leased runs again only once its lease has ended\n" ..
      "nil\tnil\tfalse\n", output)
  end)

  it("cannot be, and is told of once, if its file cannot be made", function()
    local nowhere = of(folder .. "/none/inbox.db")
    assert.is_nil(nowhere:own())
    assert.is_nil(nowhere:own())
    assert.equal(1, #warnings)
    assert.matches("inbox.db-holders: it cannot be opened: No such file or directory: what a process", warnings[1], 1,
      true)
    assert.is_nil(holders.new(folder .. "/none/inbox.db"):own())
  end)
end)
