local core = require "marketplace.core"
local raw = require "support.raw_http"
local shell = require "support.shell"

describe("files", function()
  local folder, path

  before_each(function()
    folder = shell.run "mktemp -d"
    path = folder .. "/file"
  end)

  after_each(function() shell.run("rm -rf " .. folder) end)

  local function held()
    local file = assert(io.open(path, "rb"))
    local bytes = file:read "*a"
    file:close()
    return bytes
  end

  it("are replaced whole, and keep their mode", function()
    local bytes = "a\0b\r\n" .. ("x"):rep(100000)
    assert.is_true(core.replace_file(path, bytes))
    assert.equal(bytes, held())
    assert.equal(tonumber("600", 8), core.stat(path).mode)
    shell.run("chmod 644 " .. path)
    local before = core.stat(path)
    assert.is_true(core.replace_file(path, "other"))
    assert.equal("other", held())
    local after = core.stat(path)
    assert.equal(before.mode, after.mode)
    assert.not_equal(before.id, after.id)
    assert.equal("file", shell.run("ls -A " .. folder))
  end)

  it("are read whole, up to a limit", function()
    local bytes = "a\0b\r\n" .. ("x"):rep(100000)
    core.replace_file(path, bytes)
    assert.equal(bytes, core.read_file(path))
    assert.equal(bytes, core.read_file(path, #bytes))
    local none, message, code = core.read_file(path, #bytes - 1)
    assert.same({ path .. ": it is larger than 100004 bytes", "too_large" }, { message, code })
    assert.is_nil(none)
    core.replace_file(path, "")
    assert.equal("", core.read_file(path, 0))
    assert.equal("", core.read_file(path, 2 ^ 24))
    for _, most in ipairs { -1, 2 ^ 24 + 1, 0 / 0 } do
      assert.error_matches(function() core.read_file(path, most) end, "0 to 16 MiB")
    end
  end)

  it("have a path without links, if they are there", function()
    core.replace_file(path, "")
    shell.run(("ln -s %s %s.link"):format(path, path))
    assert.equal(core.real_path(path), core.real_path(path .. ".link"))
    assert.matches("/file$", core.real_path(path .. ".link"))
    assert.same({ n = 0 }, { n = select("#", core.real_path(folder .. "/none")) })
  end)

  it("are read up to 16 MiB if nothing else is said", function()
    core.replace_file(path, ("x"):rep(2 ^ 24))
    assert.equal(2 ^ 24, #core.read_file(path))
    core.replace_file(path, ("x"):rep(2 ^ 24 + 1))
    assert.equal("too_large", (select(3, core.read_file(path))))
  end)

  it("that cannot be read are told with the reason", function()
    assert.same({ n = 3, nil, path .. ": No such file or directory", "file_missing" },
      { n = select("#", core.read_file(path)), core.read_file(path) })
    assert.same({ n = 3, nil, folder .. ": Is a directory", "file_failed" }, { n = 3, core.read_file(folder) })
  end)

  it("leave no memory behind if they are larger than the limit", function()
    core.replace_file(path, ("x"):rep(2 ^ 20 + 1))
    local before = raw.resident()
    for _ = 1, 200 do
      assert.equal("too_large", (select(3, core.read_file(path, 2 ^ 20))))
      collectgarbage()
    end
    assert.is_true(raw.resident() - before < 100 * 2 ^ 20)
  end)

  it("are read within limits that the core has", function()
    local most = 16 * 1024 * 1024
    core.replace_file(path, "x")
    assert.equal("x", core.read_file(path, most))
    for _, limit in ipairs { -1, most + 1, 0 / 0 } do
      assert.has_error(function() core.read_file(path, limit) end)
    end
    assert.has_error(function() core.read_file(path .. "\0x") end)
  end)

  it("are not looked for in a folder that is none", function()
    for _, look in ipairs { core.remove_leftovers, core.is_locked } do
      local done, message, code = look "/dev/null/x"
      assert.is_nil(done)
      assert.matches("^/dev/null/x: .*Not a directory", message)
      assert.equal("file_failed", code)
    end
  end)

  it("are made only if there are none, if so wanted", function()
    assert.is_true(core.replace_file(path, "first", "new"))
    local done, message, code = core.replace_file(path, "second", "new")
    assert.is_nil(done)
    assert.equal("file_exists", code)
    assert.is_truthy(message:find(path, 1, true))
    assert.equal("first", held())
  end)

  it("that cannot be written are told with the reason and without what they should hold", function()
    for _, where in ipairs { "/nowhere/at/all", "/dev/full", folder, "/proc/1" } do
      local done, message, code = core.replace_file(where, "hunter2")
      assert.is_nil(done, where)
      assert.equal("file_failed", code)
      assert.is_truthy(message:find(where .. ": ", 1, true), message)
      assert.is_nil(message:find("hunter2", 1, true))
    end
    for _, wrong in ipairs { "", "a\0b" } do assert.is_false((pcall(core.replace_file, wrong, "x"))) end
    assert.is_false((pcall(core.replace_file, path, "x", "sometimes")))
    assert.is_false((pcall(core.replace_file, path)))
  end)

  it("say what is wrong even if their path is long", function()
    local long = folder
    for _ = 1, 2 do long = long .. "/" .. ("x"):rep(200) end
    shell.run("mkdir -p " .. long)
    local long_path = long .. "/file"
    local lock = assert(core.lock_file(long_path))
    for _, wanted in ipairs {
      { "another process holds this lock", core.lock_file, long_path },
      { "it exists already", core.replace_file, long_path, "x", "new" },
      { "it is not a regular file", core.replace_file, long, "x" },
      { "No such file", core.stat, long_path .. ".none" },
    } do
      local done, message = wanted[2](wanted[3], wanted[4], wanted[5])
      assert.is_nil(done)
      assert.is_truthy(message:find(wanted[1], 1, true), message)
    end
    lock:close()
  end)

  it("tell what they are", function()
    shell.run(("printf abc > %s && chmod 640 %s"):format(path, path))
    local found = core.stat(path)
    assert.same({ "file", tonumber("640", 8), 3, core.user_id(), core.file_id(path) },
      { found.type, found.mode, found.size, found.uid, found.id })
    assert.equal(tonumber(shell.run "id -u"), core.user_id())
    assert.equal("folder", core.stat(folder).type)
    assert.equal("folder", core.stat("/").type)
    assert.equal("other", core.stat("/dev/null").type)
    local none, message, code = core.stat("/nowhere/at/all")
    assert.is_nil(none)
    assert.equal("file_failed", code)
    assert.matches("/nowhere/at/all: No such file", message)
  end)

  it("are locked by one at a time, also by another process", function()
    local lock = assert(core.lock_file(path))
    local second, message, code = core.lock_file(path)
    assert.is_nil(second)
    assert.equal("locked", code)
    assert.matches("another process holds", message)
    local environment = ('LUA_PATH="%s" LUA_CPATH="%s"'):format(package.path, package.cpath)
    local other = ([[%s %s -e "print(select(3, require('marketplace.core').lock_file('%s')))"]]):format(environment,
      shell.LUA, path)
    assert.equal("locked", shell.run(other))
    lock:close()
    lock:close()
    assert.equal("", shell.run(other))
    local dropped = assert(core.lock_file(path))
    assert.is_not_nil(dropped)
    dropped = nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()
    assert(core.lock_file(path)):close()
    assert.equal("file_failed", (select(3, core.lock_file("/nowhere/at/all"))))
  end)

  it("are not locked by what a holder starts", function()
    local lock = assert(core.lock_file(path))
    local pipe = assert(io.popen("exec sleep 60 & echo $!"))
    local pid = pipe:read "*l"
    lock:close()
    assert(core.lock_file(path)):close()
    os.execute("kill " .. pid)
    pipe:close()
  end)
end)

describe("standard streams that are closed", function()
  it("are no file that the command opens", function()
    local path = os.tmpname()
    local environment = ('LUA_PATH="%s" LUA_CPATH="%s"'):format(package.path, package.cpath)
    local code = "io.stdout:write('x') require('marketplace.cli').main { 'sign' } " ..
      "local f = io.open('" .. path .. "', 'w') io.stderr:write('said') io.stdout:write('said') " ..
      "io.stdout:flush() f:write('held') f:close()"
    for _, closed in ipairs { "<&-", ">&-", "2>&-", "<&- >&- 2>&-" } do
      os.execute(('%s %s -e "%s" 2>/dev/null >/dev/null %s'):format(environment, shell.LUA, code, closed))
      assert.equal("held", shell.run("cat " .. path), closed)
    end
    os.remove(path)
  end)

  it("stay failing ones", function()
    local _, status = shell.capture(shell.marketplace("send --list >&-"))
    assert.equal(1, status)
  end)
end)

describe("a terminal", function()
  it("is none where a file or a pipe is", function()
    local environment = ('LUA_PATH="%s" LUA_CPATH="%s"'):format(package.path, package.cpath)
    local code = "local c = require('marketplace.core') " ..
      "print(c.is_terminal('stdin'), c.is_terminal('stdout'), c.is_terminal('stderr'))"
    local command = ('%s %s -e "%s"'):format(environment, shell.LUA, code)
    assert.equal("false\tfalse\tfalse", (shell.run(command .. " < /dev/null"):gsub("%s+$", "")))
    assert.is_false((pcall(core.is_terminal, "elsewhere")))
  end)
end)
