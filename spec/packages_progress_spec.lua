-- The lines that show on a terminal how far downloads have come.
local core = require "marketplace.core"
local progress = require "marketplace.cli.commands.packages.progress"
local raw = require "support.raw_http"

describe("progress on a terminal", function()
  local now, written, shown

  before_each(function()
    now, written = 100, {}
    stub(core, "monotonic", function() return now end)
    shown = progress.new(function(bytes) written[#written + 1] = bytes end)
  end)
  after_each(function() core.monotonic:revert() end)

  local function show(lines, line, columns, wraps)
    repeat
      lines[#lines + 1] = line:sub(1, columns)
      line = line:sub(columns + 1)
    until line == "" or not wraps
  end

  -- The lines that a terminal shows after all that was written.
  local function screen(columns)
    local lines, rest, wraps = {}, table.concat(written), true
    while rest ~= "" do
      local up, after = rest:match "^\27%[(%d+)A\27%[J(.*)$"
      for _ = 1, tonumber(up) or 0 do assert(table.remove(lines), "above the first line") end
      local switch, behind = rest:match "^\27%[%?7([hl])(.*)$"
      if switch then wraps, after = switch == "h", behind end
      if not after then
        local line
        line, after = rest:match "^([^\n]*)\n(.*)$"
        show(lines, line, columns or 80, wraps)
      end
      rest = after
    end
    assert.is_true(wraps, "what is written next does not wrap")
    return lines
  end

  local function asset(id, bytes, version_bytes)
    shown:take {
      event = "asset_progress", version = "b7d0a6c2-7f43", asset = id, path = "variant/" .. id .. ".ipa",
      bytes = bytes, total = 1e9, version_bytes = version_bytes, version_total = 4e9,
    }
  end

  it("is a line for each asset and one for the whole, with rate and remaining time", function()
    asset("3f0c2f6e-1111", 0, 0)
    asset("91aa0000-2222", 0, 0)
    for second = 1, 4 do
      now = now + 1
      asset("3f0c2f6e-1111", second * 20e6, second * 50e6)
      asset("91aa0000-2222", second * 30e6, second * 50e6)
    end
    shown:draw()
    assert.is_truthy(raw.read_file "docs/packages.md":find(table.concat(screen(), "\n"), 1, true))
    assert.same({
      "variant 3f0c2f6e   80.0 MB of 1.00 GB   8%   20.0 MB/s  46 s left",
      "variant 91aa0000    120 MB of 1.00 GB  12%   30.0 MB/s  29 s left",
      "version b7d0a6c2    200 MB of 4.00 GB   5%   50.0 MB/s  1 min left",
    }, screen())
  end)

  it("says no rate before there is one, and 100 % only of what is complete", function()
    asset("a", 999999999, 3999999999)
    assert.same({
      "variant a           999 MB of 1.00 GB  99%",
      "version b7d0a6c2   3.99 GB of 4.00 GB  99%",
    }, screen())
  end)

  it("measures the rate of the last seconds", function()
    asset("a", 0, 0)
    now = now + 60
    asset("a", 1e6, 1e6)
    for _ = 1, 6 do
      now = now + 1
      asset("a", 1e6, 1e6)
    end
    shown:draw()
    assert.matches(" 0 B/s$", screen()[1])
  end)

  it("draws no more often than people see", function()
    asset("a", 0, 0)
    local before = #written
    for i = 1, 1000 do asset("a", i, i) end
    assert.equal(before, #written)
    now = now + 1
    asset("a", 1001, 1001)
    assert.is_true(#written > before)
  end)

  it("forgets assets and versions that are done, and can be erased for other lines", function()
    asset("a", 0, 0)
    asset("b", 0, 0)
    shown:take { event = "asset_done", version = "b7d0a6c2-7f43", asset = "a" }
    shown:draw()
    assert.equal(2, #screen())
    shown:erase()
    assert.same({}, screen())
    shown:erase()
    assert.same({}, screen())
    for _, ending in ipairs { "job_done", "job_failed", "job_moved" } do
      asset("b", 0, 0)
      shown:take { event = ending, version = "b7d0a6c2-7f43" }
      assert.same({}, screen())
    end
  end)

  it("never wraps, and steers no terminal but by its own", function()
    asset(("\27"):rep(300), 1, 1)
    for _, line in ipairs(screen()) do
      assert.is_true(#line <= 79)
      assert.is_nil(line:find "%c")
    end
  end)

  it("is cut by a terminal that is narrower, and leaves nothing behind on it", function()
    asset("3f0c2f6e-1111", 0, 0)
    now = now + 1
    asset("3f0c2f6e-1111", 80e6, 200e6)
    assert.same({ "variant 3f0c2f6e   80.0 MB of 1.00 GB   ", "version b7d0a6c2    200 MB of 4.00 GB   " }, screen(40))
    shown:erase()
    assert.same({}, screen(40))
  end)

  it("shows nothing of events without a size", function()
    shown:take { event = "job_started", version = "v" }
    shown:take { event = "standby" }
    assert.same({}, screen())
  end)
end)
