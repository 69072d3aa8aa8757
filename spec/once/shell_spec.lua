-- What the specs start processes with.
local shell = require "support.shell"
local socket = require "socket"

describe("spec/support/shell.lua", function()
  it("takes for ended a process that ends while it is looked at", function()
    local ended = { read = function() return nil, "No such process", 3 end, close = function() return true end }
    local open = stub(io, "open").returns(ended)
    finally(function() open:revert() end)
    assert.is_false(shell.is_alive(1))
  end)

  it("tells what runs from what has ended", function()
    assert.is_true(shell.is_alive(shell.run "echo $PPID"))
    assert.is_false(shell.is_alive(shell.run "echo $$"))
  end)

  it("gives ports that are free, and another each time", function()
    local first, second = shell.free_port(), shell.free_port()
    assert.not_equal(first, second)
    local taken = assert(socket.bind("127.0.0.1", second + 1))
    finally(function() taken:close() end)
    assert.not_equal(second + 1, shell.free_port())
  end)
end)
