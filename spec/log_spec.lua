local cjson = require "cjson"
local core = require "marketplace.core"
local log = require "marketplace.log"

local function sink()
  local lines = {}
  return { write = function(_, ...) lines[#lines + 1] = table.concat { ... } end, flush = function() end }, lines
end

describe("marketplace.log", function()
  it("writes times to the millisecond", function()
    assert.equal("2026-03-14T09:26:53.250Z", log.timestamp(1773480413.25))
    assert.equal("1970-01-01T00:00:00.000Z", log.timestamp(0))
    assert.equal("2026-03-14T09:26:53.999Z", log.timestamp(1773480413.9996))
  end)

  it("writes a time that was read as it was", function()
    for millisecond = 0, 999 do
      local written = ("2026-03-14T09:26:53.%03dZ"):format(millisecond)
      assert.equal(written, log.timestamp(core.parse_time(written)))
    end
  end)

  it("writes one line with what is known, in a fixed order", function()
    assert.equal('2026-03-14T09:26:53.000Z warning refused event=ping app=1 id="a b" status=401 attempt=2 ' ..
      'took=1.5ms again_in=2.5s reason="no \\"way\\""', log.line {
      level = "warning", message = "refused", at = 1773480413, reason = 'no "way"', status = 401, id = "a b",
      app_id = "1", event = "ping", took = 0.0015, again_in = 2.5, attempt = 2,
    })
  end)

  it("keeps what comes from outside on its line and away from the terminal", function()
    local line = log.line { level = "info", message = "m", at = 0, id = "a\nb\27[2J\0\127", reason = "one\n\ttwo" }
    assert.is_nil(line:find "[%z\1-\31\127]")
    assert.matches("\\x0a", line)
    assert.matches('reason="one | two"', line, 1, true)
  end)

  it("writes JSON lines for machines", function()
    local stream, lines = sink()
    local entry = { level = "info", message = "done", at = 1773480413, id = "x\ny" }
    log.json(stream)(entry)
    assert.same({ level = "info", message = "done", at = "2026-03-14T09:26:53.000Z", id = "x\ny" },
      cjson.decode(lines[1]))
    assert.matches("^[^\n]+\n$", lines[1])
    assert.equal(1773480413, entry.at)
  end)

  it("writes text lines for people", function()
    local stream, lines = sink()
    log.text(stream) { level = "info", message = "done", at = 0 }
    assert.same({ "1970-01-01T00:00:00.000Z info    done\n" }, lines)
  end)
end)
