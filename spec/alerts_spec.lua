-- What is told of alerts, and when; spec/once/alerts_spec.lua has the command.
local alerts = require "marketplace.alerts"
local core = require "marketplace.core"
local json = require "marketplace.json"
local raw = require "support.raw_http"
local shell = require "support.shell"
local state_file = require "marketplace.state_file"

describe("alerts", function()
  local folder, now, told, entries, answer

  before_each(function()
    folder, now, told, entries, answer = shell.run "mktemp -d", 1000000, {}, {}, { true }
  end)

  after_each(function() shell.run("rm -rf " .. folder) end)

  -- Tells at once, or as `answer` says.
  local function tell(alert)
    told[#told + 1] = alert
    return { result = function() return answer[1], answer[2] end, close = function() end }
  end

  local function open(more)
    local given = {
      tell = tell, path = folder .. "/alerts", log = { write = function(entry) entries[#entries + 1] = entry end },
      clock = function() return now end, monotonic = function() return now end, sleep = function(s) now = now + s end,
    }
    for name, value in pairs(more or {}) do given[name] = value or nil end
    return alerts.new(given)
  end

  local function on(name, more)
    local one = { name = name, is_on = true, level = "error", message = name .. " is wrong" }
    for field, value in pairs(more or {}) do one[field] = value end
    return one
  end

  local function off(name, more)
    local one = on(name, more)
    one.is_on, one.message = false, name .. " is right"
    return one
  end

  local function turn(book, count)
    for _ = 1, count or 5 do
      now = now + 0.125
      book:turn()
    end
  end

  local function shown()
    local list = {}
    for i, alert in ipairs(told) do
      list[i] = alert.name .. (alert.about and " " .. alert.about or "") .. " " .. alert.state
    end
    return list
  end

  local function messages(level)
    local list = {}
    for _, entry in ipairs(entries) do
      if entry.level == level then list[#list + 1] = entry.message end
    end
    return list
  end

  it("are told once when they begin and once when they end", function()
    local book = open()
    for _ = 1, 3 do
      book:observe { on "a", off "b" }
      turn(book)
    end
    assert.same({ "a begins" }, shown())
    for _ = 1, 3 do
      book:observe { off "a", off "b" }
      turn(book)
    end
    assert.same({ "a begins", "a ends" }, shown())
    assert.same({ "a is wrong", "a is right" }, { told[1].message, told[2].message })
    assert.equal(1000000, told[1].since)
    assert.equal(told[1].since, told[2].since)
    assert.is_true(told[2].at > told[1].at)
    assert.equal("error", told[2].level)
    assert.is_true(told[1].id ~= told[2].id)
    book:observe { on "a" }
    turn(book)
    assert.equal("a begins", shown()[3])
  end)

  it("of one name are told of each thing", function()
    local book = open()
    book:observe { on("a", { about = "1" }), on("a", { about = "2" }) }
    turn(book, 9)
    book:observe { off("a", { about = "1" }), on("a", { about = "2" }) }
    turn(book)
    assert.same({ "a 1 begins", "a 2 begins", "a 1 ends" }, shown())
  end)

  it("end when what they are about is no longer there", function()
    local book = open()
    local all = { name = "a", scope = "s" }
    book:observe({ on("a", { about = "1", scope = "s" }), on("a", { about = "2", scope = "s" }) }, all)
    book:observe { on("a", { about = "3", scope = "other" }), on("b", { scope = "s" }) }
    turn(book, 9)
    book:observe({ on("a", { about = "2", scope = "s" }) }, all)
    turn(book)
    assert.same({ "a 1 begins", "a 2 begins", "a 3 begins", "b begins", "a 1 ends" }, shown())
    assert.equal("over: a is wrong", told[5].message)
  end)

  it("are told once across restarts", function()
    local book = open()
    book:observe { on "a" }
    turn(book)
    for _ = 1, 3 do
      book = open()
      book:observe { on "a" }
      turn(book)
    end
    assert.same({ "a begins" }, shown())
    book = open()
    book:observe { off "a" }
    turn(book)
    assert.same({ "a begins", "a ends" }, shown())
  end)

  it("without a file are told once as long as the process lives", function()
    local book = open { path = false }
    for _ = 1, 2 do
      book:observe { on "a" }
      turn(book)
    end
    assert.same({ "a begins" }, shown())
    assert.equal("", shell.run("ls " .. folder))
  end)

  it("are told by one of two processes", function()
    local one, other = open(), open()
    for _ = 1, 3 do
      one:observe { on "a" }
      other:observe { on "a" }
      turn(one, 1)
      turn(other, 1)
    end
    turn(other)
    one:observe { off "a" }
    other:observe { off "a" }
    turn(other)
    turn(one)
    assert.same({ "a begins", "a ends" }, shown())
  end)

  it("wait until it has lasted", function()
    local book = open()
    book:observe { on("a", { patience = 10 }) }
    now = now + 9
    book:observe { on("a", { patience = 10 }) }
    book:observe { off("a", { patience = 10 }) }
    now = now + 9
    book:observe { on("a", { patience = 10 }) }
    turn(book)
    assert.same({}, shown())
    now = now + 10
    book:observe { on("a", { patience = 10 }) }
    turn(book)
    assert.same({ "a begins" }, shown())
  end)

  it("are over once it has been over for a while", function()
    local book = open()
    book:observe { on "a" }
    book:observe { off("a", { settle = 60 }) }
    now = now + 59
    book:observe { on "a" }
    now = now + 1
    book:observe { off("a", { settle = 60 }) }
    now = now + 59
    book:observe { off("a", { settle = 60 }) }
    turn(book)
    assert.same({ "a begins" }, shown())
    now = now + 1
    book:observe { off("a", { settle = 60 }) }
    turn(book)
    assert.same({ "a begins", "a ends" }, shown())
  end)

  it("are not over for one process while they are on for another", function()
    local one, other = open(), open()
    for _ = 1, 20 do
      one:observe { on("a", { is_of_observer = true }) }
      other:observe { off("a", { is_of_observer = true }) }
      turn(one)
      turn(other)
      now = now + 15
    end
    assert.same({ "a begins" }, shown())
    now = now + 60
    other:observe { off("a", { is_of_observer = true }) }
    turn(other)
    assert.same({ "a begins", "a ends" }, shown())
  end)

  it("that cannot be told are told again later, ever less often, and given up at last", function()
    local book = open()
    answer = { false, "no network" }
    book:observe { on "a" }
    local times = {}
    for _ = 1, 12 * 3600 do
      now = now + 1
      book:turn()
      if #told > #times then times[#told] = now end
    end
    assert.equal(12, #told)
    assert.equal(told[1].id, told[12].id)
    assert.is_true(math.abs(times[2] - times[1] - 60) < 3)
    assert.is_true(math.abs(times[12] - times[11] - 3600) < 3)
    assert.equal("no network", entries[1].reason)
    assert.equal(11, #messages "warning")
    assert.same({ "alert given up" }, messages "error")
  end)

  it("whose telling always ends the process are given up, too", function()
    answer = {}
    for _ = 1, 20 do
      local book = open()
      book:observe { on "a" }
      turn(book)
      now = now + 61
    end
    assert.equal(12, #told)
    assert.same({ "alert given up" }, messages "error")
  end)

  it("of one thing are told in order, though the first could not be told", function()
    local book = open()
    answer = { false, "no network" }
    book:observe { on "a", on "b" }
    turn(book)
    answer = { true }
    book:observe { off "a" }
    turn(book)
    assert.same({ "a begins", "b begins" }, shown())
    now = now + 61
    turn(book, 20)
    assert.same({ "a begins", "a ends", "b begins" }, (function()
      local list = { shown()[3], shown()[4], shown()[5] }
      table.sort(list)
      return list
    end)())
    assert.equal("a ends", shown()[5])
  end)

  it("that a process has begun to tell are told by the next one, after its time", function()
    local book = open()
    answer = {}
    book:observe { on "a" }
    turn(book)
    local other = open()
    answer = { true }
    other:observe { on "a" }
    turn(other)
    assert.equal(1, #told)
    now = now + 61
    other:observe { on "a" }
    turn(other)
    assert.equal(2, #told)
    assert.equal(told[1].id, told[2].id)
  end)

  it("that a process was telling when it was closed are told by the next one at once", function()
    local book = open()
    answer = {}
    book:observe { on "a" }
    turn(book)
    book:close(3)
    answer = { true }
    local other = open()
    other:observe { on "a" }
    turn(other)
    assert.equal(2, #told)
    turn(other)
    assert.equal(2, #told)
  end)

  it("that are told while it is closed are not told again", function()
    local book = open()
    answer = {}
    book:observe { on "a" }
    turn(book)
    book.sleep = function(s)
      now, answer = now + s, { true }
    end
    book:close(3)
    local other = open()
    other:observe { on "a" }
    turn(other)
    assert.equal(1, #told)
  end)

  it("go on however the clock is set", function()
    for _, shift in ipairs { -86400 * 365, 86400 * 365 } do
      told, answer = {}, { false, "no network" }
      local book = open { path = false, monotonic = os.clock }
      book.turn_at = -math.huge
      book.monotonic = function()
        book.ticks = (book.ticks or 0) + 1
        return book.ticks
      end
      book:observe { on "a" }
      for _ = 1, 4 do book:turn() end
      assert.equal(1, #told)
      now, answer = now + shift, { true }
      for _ = 1, 4 do book:turn() end
      assert.equal(2, #told)
      book:observe { off("a", { is_of_observer = true }) }
      for _ = 1, 4 do book:turn() end
      assert.equal("a ends", shown()[3])
    end
  end)

  it("by the hundred are all told, and a thousand is the most that is kept", function()
    local book, list = open { path = false }, {}
    for i = 1, 1100 do list[i] = on("a", { about = ("%d"):format(i) }) end
    book:observe(list)
    turn(book, 1010)
    assert.equal(1000, #told)
    for i = 1, 1100 do list[i] = off("a", { about = ("%d"):format(i) }) end
    book:observe(list)
    turn(book, 1010)
    assert.equal(2000, #told)
    assert.same({ on = json.list {}, untold = json.list {} }, book.state.document)
  end)

  it("have texts that are short, and control nothing", function()
    local book = open()
    book:observe { on("a", { message = ("m\27"):rep(5000), about = ("a\n"):rep(5000) }) }
    turn(book)
    assert.is_true(#told[1].message <= 500 and #told[1].about <= 500)
    assert.is_nil((told[1].message .. told[1].about):find "[%z\1-\31]")
    book:observe { on("a", { about = ("a\n"):rep(5000) }) }
    turn(book)
    assert.equal(1, #told)
  end)

  it("are not told while somebody else has the state, and then are", function()
    local lock = assert(core.lock_file(folder .. "/alerts.lock"))
    local book = open()
    assert.is_false(book:observe { on "a" })
    turn(book)
    assert.same({}, shown())
    lock:close()
    assert.is_true(book:observe { on "a" })
    turn(book)
    assert.same({ "a begins" }, shown())
  end)

  it("are told from memory if somebody keeps the state for long", function()
    local lock = assert(core.lock_file(folder .. "/alerts.lock"))
    local book = open()
    book:observe { on "a" }
    now = now + 6
    book:observe { on "a" }
    turn(book)
    book:observe { on "a" }
    turn(book)
    assert.same({ "a begins" }, shown())
    assert.matches("another process keeps .*/alerts.lock; they may be told twice", entries[1].reason)
    lock:close()
    now = now + 11
    turn(book)
    local other = open()
    other:observe { on "a" }
    turn(other)
    assert.same({ "a begins" }, shown())
  end)

  local function failing_files(fails)
    local files = {}
    for name, work in pairs(state_file.FILES) do files[name] = work end
    files.replace = function(...)
      if fails() then return nil, "No space left on device", "file_failed" end
      return state_file.FILES.replace(...)
    end
    return files
  end

  it("are told once though the state cannot be written, which is made up for", function()
    local is_full = true
    local book = open { files = failing_files(function() return is_full end) }
    for _ = 1, 3 do
      book:observe { on "a" }
      turn(book)
    end
    assert.same({ "a begins" }, shown())
    assert.matches("No space left on device; they may be told twice", entries[1].reason)
    is_full, now = false, now + 11
    turn(book)
    book = open()
    book:observe { on "a" }
    turn(book)
    assert.same({ "a begins" }, shown())
  end)

  it("that were told while the disk was full do not come back with the state", function()
    local is_full = false
    local book = open { files = failing_files(function() return is_full end) }
    answer = {}
    book:observe { on "a" }
    turn(book)
    is_full, answer = true, { true }
    turn(book)
    is_full, now = false, now + 100
    turn(book, 20)
    assert.same({ "a begins" }, shown())
    assert.same({}, json.decode(raw.read_file(folder .. "/alerts")).untold)
  end)

  it("are told though the state is damaged, which stays as it is", function()
    for _, damage in ipairs { "x", "[]", '{"version":1}', '{"version":1,"on":[1],"untold":[]}', '{"version":2}',
      '{"version":1,"on":[],"untold":[{"alert":{}}]}', '{"version":1,"on":{},"untold":[]}' } do
      told, entries = {}, {}
      assert(core.replace_file(folder .. "/alerts", damage))
      local book = open()
      for _ = 1, 2 do
        book:observe { on "a" }
        turn(book)
      end
      assert.same({ "a begins" }, shown())
      assert.matches("/alerts%. Remove it, and what is wrong now is told again", entries[1].reason)
      assert.equal(damage, raw.read_file(folder .. "/alerts"))
    end
  end)

  it("are told though a part of the state is of another type than it should be", function()
    local known = '"name":"a","message":"m","level":"error","since":1'
    local alert = known .. ',"id":"1","state":"begins","at":1'
    local damaged = {}
    for _, more in ipairs { '"about":{}', '"about":null', '"scope":[1]', '"seen":"now"' } do
      damaged[#damaged + 1] = ('{"version":1,"on":[{%s,%s}],"untold":[]}'):format(known, more)
    end
    for _, more in ipairs { '"by":"b","until":"then"', '"by":{}', '"alert":{' .. alert .. ',"about":5}',
      '"alert":{' .. known .. ',"id":"1"}' } do
      damaged[#damaged + 1] = ('{"version":1,"on":[],"untold":[{%s"attempts":0,"due":1,"set":1,%s}]}'):format(
        more:find "alert" and "" or '"alert":{' .. alert .. "},", more)
    end
    for _, damage in ipairs(damaged) do
      told, entries = {}, {}
      assert(core.replace_file(folder .. "/alerts", damage))
      local book = open()
      book:observe { on "a" }
      turn(book)
      assert.same({ "a begins" }, shown(), damage)
      assert.matches("is damaged", entries[1].reason)
    end
  end)

  it("are told though what tells them raises", function()
    local fails = true
    local book = open { tell = function(alert)
      if fails then error("broken", 0) end
      return tell(alert)
    end }
    book:observe { on "a" }
    turn(book)
    assert.equal("broken", entries[1].reason)
    fails, now = false, now + 61
    turn(book)
    assert.same({ "a begins" }, shown())
  end)

  it("at the end of a short run are waited for, but not for ever", function()
    local book = open()
    answer = {}
    book:observe { on "a" }
    book.sleep = function(s)
      now = now + s
      if now > 1000005 then answer = { true } end
    end
    book:finish(40)
    assert.is_true(now < 1000006)
    assert.is_false(book:is_telling())
    answer = {}
    book.sleep = function(s) now = now + s end
    book:observe { on "b" }
    local began = now
    book:finish(40)
    assert.is_true(math.abs(now - began - 40) < 1)
  end)
end)
