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

  it("leaves out the type of an event that says it", function()
    local entry = { level = "info", message = "done", at = 0, event = "ping", type = "PingCreated" }
    assert.equal("1970-01-01T00:00:00.000Z info    done event=ping", log.line(entry))
    entry.event = "other"
    assert.equal("1970-01-01T00:00:00.000Z info    done event=other type=PingCreated", log.line(entry))
  end)

  local function columns(line) return select(2, line:gsub("[^\128-\191]", "")) end

  local function lines_of(entry)
    local lines = {}
    for line in (log.line(entry) .. "\n"):gmatch "([^\n]*)\n" do lines[#lines + 1] = line end
    return lines
  end

  it("puts below the first line what does not fit into 159 columns, indented", function()
    local entry = { level = "error", message = "gave up", at = 0, id = ("i"):rep(36) }
    local first = "1970-01-01T00:00:00.000Z error   gave up id=" .. entry.id
    entry.reason = ("r"):rep(159 - #first - #" reason=")
    assert.same({ first .. " reason=" .. entry.reason }, lines_of(entry))
    entry.reason = entry.reason .. "r"
    assert.same({ first, "    reason=" .. entry.reason }, lines_of(entry))
  end)

  it("breaks a reason between words, and keeps the beginning of one that is too long", function()
    local entry = { level = "error", message = "gave up", at = 0, reason = ("word "):rep(400) }
    local lines = lines_of(entry)
    assert.equal(5, #lines)
    for i, line in ipairs(lines) do
      assert.is_true(columns(line) <= 159, line)
      if i > 1 then assert.matches("^    %S", line) end
    end
    assert.matches("^    .*word wo?r?d?….*$", lines[5])
    entry.reason = ("ü"):rep(2000)
    for _, line in ipairs(lines_of(entry)) do
      assert.is_true(core.is_utf8(line))
      assert.is_true(columns(line) <= 159 and #line > columns(line) or line:find "gave up" ~= nil, line)
    end
  end)

  it("keeps each value within bounds, for people and for machines", function()
    for _, name in ipairs { "message", "id", "url", "reason", "more" } do
      local entry = { level = "info", message = "m", at = 0 }
      entry[name] = ("v"):rep(100000)
      assert.is_true(#log.line(entry) < 5 * 170, name)
      assert.is_true(#log.json_line(entry) < 8400, name)
    end
  end)

  it("keeps a callback's whole reason for machines", function()
    local reason = ("r"):rep(4000)
    assert.equal(reason, cjson.decode(log.json_line { level = "error", message = "gave up", reason = reason }).reason)
  end)

  it("colours the level, on a terminal that shows colours and is to", function()
    assert.equal("1970-01-01T00:00:00.000Z \27[31merror\27[0m   m", log.coloured_line {
      level = "error", message = "m", at = 0,
    })
    assert.equal("1970-01-01T00:00:00.000Z \27[33mwarning\27[0m m", log.coloured_line {
      level = "warning", message = "m", at = 0,
    })
    assert.equal("1970-01-01T00:00:00.000Z info    m", log.coloured_line { level = "info", message = "m", at = 0 })
  end)

  it("asks the terminal, NO_COLOR and TERM whether to colour", function()
    local getenv, is_terminal = os.getenv, core.is_terminal
    finally(function()
      rawset(os, "getenv", getenv)
      core.is_terminal = is_terminal
    end)
    local variables, on_terminal = {}, true
    rawset(os, "getenv", function(name) return variables[name] end)
    core.is_terminal = function() return on_terminal end
    assert.is_true(log.has_colours "stdout")
    for name, value in pairs { NO_COLOR = "1", TERM = "dumb" } do
      variables = { [name] = value }
      assert.is_false(log.has_colours "stdout")
    end
    variables = { NO_COLOR = "", TERM = "xterm" }
    assert.is_true(log.has_colours "stdout")
    on_terminal = false
    assert.is_false(log.has_colours "stdout")
  end)

  it("writes JSON in one order, without escaped slashes", function()
    assert.equal('{"at":"1970-01-01T00:00:00.000Z","level":"info","message":"done","event":"ping","app_id":"1",' ..
      '"id":"a","attempt":2,"took":0.001523,"url":"https://m.example/x","reason":"é","more":true}', log.json_line {
      more = true, reason = "é", url = "https://m.example/x", took = 0.00152342, attempt = 2, id = "a", app_id = "1",
      event = "ping", message = "done", level = "info", at = 0,
    })
  end)

  it("writes JSON whatever a program puts into an entry", function()
    local line = log.json_line { level = "info", message = "m", at = 0, a = 0 / 0, b = {}, c = math.huge, d = "\255" }
    assert.matches('"a":"%-?nan","b":"table: [^"]*","c":"inf","d":"\\\\xff"}$', line)
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
