local times = require "marketplace.cli.support.times"

describe("marketplace.cli.support.times", function()
  it("reads how long ago, and when", function()
    local now = 1000000
    for text, expected in pairs {
      ["45s"] = now - 45, ["30m"] = now - 1800, ["12h"] = now - 43200, ["2d"] = now - 172800, ["0s"] = now,
      ["1970-01-01"] = 0, ["2000-03-01"] = 951868800, ["2000-02-29"] = 951782400, ["2026-01-31"] = 1769817600,
      ["2026-01-31T12:00:10Z"] = 1769860810, ["2100-03-01"] = 4107542400, ["1999-12-31T23:59:59Z"] = 946684799,
      ["1999-12-31"] = 946598400, [("9"):rep(12) .. "d"] = 0, [("9"):rep(400) .. "s"] = 0, ["1969-12-31"] = 0,
    } do
      assert.equal(expected, times.parse(text, now), text)
    end
    for _, text in ipairs { "", "x", "12", "-1d", "1.5d", "2026-13-01", "2026-00-10", "2026-01-32",
      "2026-02-29", "2026-04-31", "2100-02-29",
      "2026-01-31T12:00:10", "2026-01-31T24:00:00Z", "2026-01-31 " } do
      assert.is_nil(times.parse(text, now), text)
    end
  end)

  it("reads a length of time", function()
    for text, seconds in pairs { ["45s"] = 45, ["30m"] = 1800, ["12h"] = 43200, ["7d"] = 604800, ["0s"] = 0 } do
      assert.equal(seconds, times.seconds(text), text)
    end
    for _, text in ipairs { "", "7", "d", "-1d", "1.5h", "7 d", "7dd", "2026-01-31" } do
      assert.is_nil(times.seconds(text), text)
    end
  end)

  it("writes a length of time in its largest unit", function()
    for seconds, text in pairs {
      [0] = "0 s", [-5] = "0 s", [59.9] = "59 s", [60] = "1 min", [3599] = "59 min", [7200] = "2 h",
      [86400 * 9.5] = "9 d",
    } do
      assert.equal(text, times.length(seconds))
    end
  end)
end)
