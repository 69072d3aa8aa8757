local core = require "marketplace.core"
local json = require "marketplace.json"
local shell = require "support.shell"
local state_file = require "marketplace.state_file"

describe("marketplace.state_file", function()
  local folder, path

  before_each(function()
    folder = shell.run "mktemp -d"
    path = folder .. "/state"
  end)
  after_each(function() shell.run("rm -rf " .. folder) end)

  local function parse(document)
    return type(document.step) == "number" and document or nil
  end

  local function open(more)
    local given = { path = path, task = "errand", version = 3, parse = parse, advice = "Move it away" }
    for name, value in pairs(more or {}) do given[name] = value end
    return state_file.open(given)
  end

  local function write(bytes)
    assert(core.replace_file(path, bytes))
  end

  it("keeps a state from one process to the next, for its owner alone", function()
    local file = assert(open())
    assert.is_nil(file.state)
    assert.is_true(file:save { step = 1 })
    assert.is_true(file:save { step = 2 })
    file:close()
    assert.same({ "600", "state" }, { shell.run("stat -c %a " .. path), shell.run("ls -A " .. folder) })
    file = assert(open())
    assert.same({ step = 2, version = 3 }, file.state)
    assert.is_true(file:save { step = 3 })
    assert.is_true(file:remove())
    file:close()
    assert.equal("", shell.run("ls -A " .. folder))
    assert.is_nil(assert(open { read_only = true }).state)
  end)

  it("is open for writing once, and can be read meanwhile", function()
    local file = assert(open())
    assert.is_true(file:save { step = 1 })
    local other, message, code = open()
    assert.is_nil(other)
    assert.equal("another errand is running with this state: " .. path, message)
    assert.equal("locked", code)
    local reader = assert(open { read_only = true })
    assert.same({ 1, true }, { reader.state.step, reader:is_locked() })
    reader:close()
    assert.is_nil((open()))
    file:close()
    file:close()
    assert.is_false(reader:is_locked())
    local next_one = assert(open())
    file:close()
    assert.is_nil((open()))
    next_one:close()
  end)

  it("refuses what is damaged, and leaves it alone", function()
    for _, bytes in ipairs {
      "", "x", "3", "[]", '{"step":1}', '{"step":1,"version":"3"}', '{"version":3}', '{"version":3,"step":"1"}',
    } do
      write(bytes)
      local file, message, code = open()
      assert.is_nil(file)
      assert.equal("the state of the errand is damaged: " .. path .. ". Move it away", message)
      assert.equal("state_invalid", code)
      assert.equal(bytes, core.read_file(path))
      -- and lets the next one have it
      assert.equal("state", shell.run("ls -A " .. folder))
    end
  end)

  it("refuses another version's", function()
    for _, version in ipairs { 2, 4 } do
      write(json.encode { version = version, step = 1 })
      local file, message, code = open()
      assert.is_nil(file)
      assert.equal(("the state of the errand has version %d, and this program reads version 3: %s. Move it away")
        :format(version, path), message)
      assert.equal("state_invalid", code)
    end
  end)

  it("does not wait for what is not a regular file", function()
    for _, make in ipairs { "mkfifo ", "mkdir " } do
      shell.run(make .. path)
      local file, message, code = open()
      assert.is_nil(file)
      assert.equal(("the state of the errand cannot be read: %s: it is not a regular file"):format(path), message)
      assert.equal("file_failed", code)
      shell.run("rm -r " .. path)
    end
  end)

  it("does not overwrite a file that came meanwhile", function()
    local file = assert(open())
    write "theirs"
    local ok, message, code = file:save { step = 1 }
    assert.is_nil(ok)
    assert.matches("the state of the errand cannot be written: " .. path, message, 1, true)
    assert.equal("file_exists", code)
    assert.equal("theirs", core.read_file(path))
    file:close()
  end)

  it("says what it cannot do", function()
    local file, message, code = open { path = folder .. "/none/state" }
    assert.is_nil(file)
    assert.matches("there is no folder " .. folder .. "/none: make it", message, 1, true)
    assert.equal("file_failed", code)
    file = assert(open())
    local ok
    ok, message, code = file:remove()
    assert.is_nil(ok)
    assert.matches("the state of the errand cannot be removed: " .. path, message, 1, true)
    assert.equal("file_failed", code)
    file:close()
  end)

  it("removes what a killed process left", function()
    local leftover = folder .. "/.state.0123456789abcdef.tmp"
    assert(core.replace_file(leftover, "a secret"))
    assert(open { read_only = true }):close()
    assert.is_truthy(core.file_id(leftover))
    assert(open()):close()
    assert.is_nil(core.file_id(leftover))
  end)
end)
