local space = require "marketplace.packages.space"

describe("marketplace.packages.space", function()
  local free, all

  before_each(function()
    free = 1000
    all = space.new("/srv/packages", 100, function(path)
      assert.equal("/srv/packages", path)
      if not free then return nil, "no such disk", "file_failed" end
      return free
    end)
  end)

  it("reserves for several, and leaves min_free", function()
    assert.is_true(all:reserve("a", 500))
    assert.is_true(all:reserve("b", 400))
    local ok, message, code = all:reserve("c", 1)
    assert.same({ nil, "disk_full" }, { ok, code })
    assert.matches("^/srv/packages has no room for 1 B: 1.00 kB are free, of which 900 B are reserved for " ..
      "other packages and 100 B are to stay free; make room", message)
    all:release "a"
    assert.is_true(all:reserve("c", 500))
  end)

  it("reserves anew in place of what was reserved", function()
    assert.is_true(all:reserve("a", 900))
    assert.is_true(all:reserve("a", 900))
    assert.is_nil((all:reserve("a", 901)))
  end)

  it("no longer reserves what is allocated, as that is not free any more", function()
    assert.is_true(all:reserve("a", 900))
    assert.is_true(all:allocate("a", 600))
    free = 400
    assert.is_nil((all:reserve("b", 1)))
    assert.is_true(all:allocate("a", 300))
    free = 400
    assert.is_true(all:reserve("b", 300))
  end)

  it("notices that others have filled the disk", function()
    assert.is_true(all:reserve("a", 900))
    free = 150
    local ok, message, code = all:allocate("a", 51)
    assert.same({ nil, "disk_full" }, { ok, code })
    assert.matches("has no room for 51 B: 150 B are free", message)
    assert.is_true(all:allocate("a", 50))
  end)

  it("tells if the disk cannot be asked", function()
    free = nil
    assert.same({ nil, "no such disk", "file_failed" }, { all:reserve("a", 1) })
    assert.same({ nil, "no such disk", "file_failed" }, { all:allocate("a", 1) })
  end)
end)
