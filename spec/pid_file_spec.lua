local core = require "marketplace.core"
local pid_file = require "marketplace.cli.support.pid_file"
local shell = require "support.shell"

describe("a pid file", function()
  local path, pid

  before_each(function()
    path = os.tmpname()
    pid = tonumber(shell.run "sleep 100 > /dev/null 2>&1 & echo $!")
  end)

  after_each(function()
    os.execute(("kill %d 2> /dev/null"):format(pid))
    os.remove(path)
  end)

  local function write(text, age)
    shell.run(("printf '%%s' '%s' > %s && touch -d '%d seconds ago' %s"):format(text, path, age or 0, path))
  end

  it("is found as long as its writer lives, by whoever may not write it", function()
    local lock = assert(pid_file.write(path))
    assert.equal(tonumber("644", 8), core.stat(path).mode)
    assert.is_true(core.is_locked(path))
    shell.run(("touch -d '1 year ago' %s"):format(path)) -- a clock that was set forward since
    assert.equal(core.process_id(), pid_file.find(path))
    pid_file.remove(path, lock)
    assert.is_nil(core.stat(path))
  end)

  it("of another is left alone", function()
    local lock = assert(pid_file.write(path))
    write("123\n")
    pid_file.remove(path, lock)
    assert.is_not_nil(core.stat(path))
    local none, message = pid_file.write("/nowhere/at/all")
    assert.is_nil(none)
    assert.matches("^cannot make /nowhere/at/all: there is no folder /nowhere/at: make it", message)
  end)

  it("is never written through a symbolic link, whatever that names", function()
    local other = shell.file "precious"
    for _, target in ipairs { other, "/nowhere/at/all" } do
      shell.run(("ln -sfn %s %s"):format(target, path))
      local none, message = pid_file.write(path)
      assert.is_nil(none)
      assert.equal(("the pid file cannot be written: %s: it is a symbolic link, which is not followed: remove it, " ..
        "or name another file"):format(path), message)
      assert.equal(target, shell.run("readlink " .. path))
    end
    assert.equal("precious", core.read_file(other))
    os.remove(other)
  end)

  it("of a server that does not lock it is found if the process is older", function()
    write(pid .. "\n")
    assert.equal(pid, pid_file.find(path))
  end)

  it("that a dead server left leads to no stranger", function()
    write(pid .. "\n", 3600)
    local found, message = pid_file.find(path)
    assert.is_nil(found)
    assert.equal(("the pid file %s names process %d, which started after the file was written: it is another process")
      :format(path, pid), message)
    write(shell.run "cat /proc/sys/kernel/pid_max") -- the first that none can have
    assert.matches("names process %d+, which has ended", (select(2, pid_file.find(path))))
  end)

  it("that is none is told", function()
    for _, text in ipairs { "", "x", "0", "1", "-5", "12 34", "99999999999999" } do
      write(text)
      local found, message = pid_file.find(path)
      assert.is_nil(found, text)
      assert.matches("^the pid file holds no process id: ", message)
    end
    shell.run(("rm %s && mkfifo %s"):format(path, path))
    assert.matches("not a regular file", (select(2, pid_file.find(path))))
    assert.matches("cannot be read", (select(2, pid_file.find "/nowhere/at/all")))
  end)
end)
