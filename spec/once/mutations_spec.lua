-- The faults of `make mutate` must be able to be made: a source that moved on must take them along.
local mutations = dofile "tools/mutations.lua"

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

describe("the faults of make mutate", function()
  it("are at least 40, each for text that stands once in the source", function()
    assert.is_true(#mutations >= 40)
    for _, mutation in ipairs(mutations) do
      local what, path, from, to = mutation[1], mutation[2], mutation[3], mutation[4]
      local text = read(path)
      local first, last = text:find(from, 1, true)
      assert.is_truthy(first, what)
      assert.is_nil(text:find(from, last + 1, true), what)
      assert.not_equal(from, to, what)
    end
  end)

  it("are each to be seen by tests that there are", function()
    for _, mutation in ipairs(mutations) do
      assert.is_true(#mutation >= 5, mutation[1])
      for i = 5, #mutation do
        local folder, ending = "spec/", ".lua"
        if mutation[i]:find "_test$" then folder, ending = "csrc/test/", ".c" end
        if mutation[i]:find "_fuzzer$" then folder, ending = "csrc/fuzz/", ".c" end
        assert.is_true(#read(folder .. mutation[i]:gsub("_fuzzer$", "_fuzz") .. ending) > 0)
      end
    end
  end)
end)
