--- Checks that a statement uses the values that it is given as they were, or as absent, if a finalizer empties their
--- table. The statement gives back two values, a and b, as columns of those names.
local assert = require "luassert"
local core = require "marketplace.core"
local finalizer = require "support.finalizer"

---@param run fun(values: table): table[]?, string? the statement, once
---@param each fun(items: table[]): table[]?, string? the same for each item
return function(run, each)
  local digests
  local function make()
    local values = { a = core.random_hex(32), b = core.random_hex(32) }
    digests = { a = core.sha256(values.a), b = core.sha256(values.b) }
    return values
  end
  local function check(row)
    for name, expected in pairs(digests) do
      assert(not row[name] or core.sha256(row[name]) == expected, row[name])
    end
  end
  finalizer.empties(make, run, function(_, ran, rows, problem)
    assert(ran, rows)
    check(assert(rows, problem)[1])
  end)
  finalizer.empties(function() return { make() } end, each, function(_, ran, rows, problem)
    if not ran then return assert.matches("item 1 must be a table", rows) end
    for _, row in ipairs(assert(rows, problem)) do check(row) end
  end)
end
