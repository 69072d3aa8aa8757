local core = require "marketplace.core"
local finalizer = require "support.finalizer"

describe("a hash of marketplace.core", function()
  it("is of the bytes that were added, in whatever pieces", function()
    local bytes = "The quick brown fox\0 jumps"
    local whole, parts = core.hash "sha256", core.hash "sha256"
    assert.is_true(whole:add(bytes))
    for i = 1, #bytes do parts:add(bytes:sub(i, i)) end
    assert.same({ core.sha256(bytes), core.sha256(bytes) }, { whole:hex(), parts:hex() })
    assert.equal("900150983cd24fb0d6963f7d28e17f72", (function()
      local hash = core.hash "md5"
      hash:add "abc"
      return hash:hex()
    end)())
    assert.equal(core.sha256 "", core.hash("sha256"):hex())
  end)

  it("goes on after it was read", function()
    local hash = core.hash "sha256"
    hash:add "a"
    assert.equal(core.sha256 "a", hash:hex())
    hash:add "b"
    assert.equal(core.sha256 "ab", hash:hex())
  end)

  it("has copies that go their own way", function()
    local hash = core.hash "sha256"
    hash:add "a"
    local copy = hash:copy()
    hash:add "b"
    copy:add "c"
    hash:close()
    assert.equal(core.sha256 "ac", copy:hex())
  end)

  it("raises once it is closed, and for a kind that there is not", function()
    local hash = core.hash "md5"
    hash:close()
    hash:close()
    for _, use in ipairs { "hex", "copy", "add" } do
      assert.error_matches(function() hash[use](hash, "a") end, "the hash is closed")
    end
    assert.has_error(function() core.hash "sha1" end)
    assert.has_error(function() core.hash() end)
  end)

  it("may be closed by a finalizer while a number is made into bytes for it", function()
    local hash, number, problem = core.hash "sha256", 0, nil
    finalizer.during(function()
      local ok
      repeat
        number = number + 1
        ok, problem = pcall(hash.add, hash, number)
      until not ok or number == 100000
    end, function()
      if not finalizer.is_within(hash.add) then return nil end
      hash:close()
      return true
    end)
    assert.matches("the hash is closed", problem)
  end)
end)
