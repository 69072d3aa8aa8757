-- What the log shows of refused requests, and what it sums up: minutes and hours of a clock that the spec sets.
local log = require "marketplace.log"
local refusals = require "marketplace.refusals"

-- the most bytes of a line: 200 of a request's line, each of which may be escaped, and what stands beside it
local LINE_BYTES = 200 * 4 + 400
local SUM_BYTES = 150
local LINES_OF_WINDOW, LONGEST_WINDOW = 10, 60

local ADDRESSES = {}
for i = 1, 256 do ADDRESSES[i] = "192.0.2." .. i - 1 end

local function everyone(i) return ADDRESSES[i % 256 + 1] end

describe("marketplace.refusals", function()
  local now, sums, current

  before_each(function()
    now, sums = 5000, {}
    current = refusals.new(function(code, status, count, within)
      sums[#sums + 1] = { code = code, status = status, count = count, within = within }
    end, function() return now end)
  end)

  -- how many of them are shown
  local function arrive(count, code, remote)
    local shown = 0
    for i = 1, count do
      local sender = type(remote) == "function" and remote(i) or remote
      if current:shows(code or "not_found", 404, sender) then shown = shown + 1 end
    end
    return shown
  end

  local function summed()
    local total = 0
    for _, sum in ipairs(sums) do total = total + sum.count end
    return total
  end

  -- Over so many seconds, with a turn of the loop in each step.
  local function flood(seconds, count_in_step, step, code, remote)
    local shown, stop = 0, now + seconds
    while now < stop do
      shown = shown + arrive(count_in_step, code, remote)
      now = now + step
      current:turn()
    end
    return shown
  end

  it("shows each of a few", function()
    for _ = 1, 100 do
      assert.equal(3, arrive(3, "signature_mismatch", "17.0.0.1"))
      now = now + 1
    end
    current:turn()
    current:close()
    assert.same({}, sums)
  end)

  it("shows the first of many, and how many more there were once the window is over", function()
    assert.equal(3, arrive(12348, nil, "192.0.2.7"))
    now = now + 0.9
    arrive(1, nil, "192.0.2.7")
    current:turn()
    assert.same({}, sums)
    now = now + 0.1
    current:turn()
    assert.same(1, #sums)
    assert.same({ "not_found", 404, 12346 }, { sums[1].code, sums[1].status, sums[1].count })
    assert.near(0.9, sums[1].within, 1e-6)
  end)

  it("sums up each status of a reason apart", function()
    for _, status in ipairs { 400, 431, false } do
      for _ = 1, 10 do current:shows("malformed", status or nil, "192.0.2.7") end
    end
    current:close()
    local counts = {}
    for _, sum in ipairs(sums) do counts[sum.status or "none"] = sum.count end
    assert.same({ [400] = 7, [431] = 7, none = 7 }, counts)
  end)

  it("sums up what others have counted, with what it has not shown itself", function()
    current:add("not_found", 404, 1000)
    assert.equal(3, arrive(5))
    current:add("not_found", 404, 1)
    current:close()
    assert.same({ { code = "not_found", status = 404, count = 1003, within = 0 } }, sums)
  end)

  it("tells the sum soon after the last, though the window goes on", function()
    flood(200, 20, 0.5)
    local told = #sums
    arrive(1000)
    now = now + 5.9
    current:turn()
    assert.equal(told, #sums)
    now = now + 0.2
    current:turn()
    assert.equal(told + 1, #sums)
    now = now + 300
    current:turn()
    assert.equal(told + 1, #sums)
  end)

  it("tells what is left at the end, once", function()
    arrive(20, "timeout")
    arrive(30, "not_post")
    current:close()
    current:close()
    table.sort(sums, function(a, b) return a.count < b.count end)
    assert.same({ 17, 27 }, { sums[1].count, sums[2].count })
    assert.equal(2, #sums)
  end)

  it("tells the sum even if only requests come, and no turns", function()
    arrive(100)
    now = now + 1
    arrive(1, "timeout")
    assert.equal(97, summed())
  end)

  it("hides no reason behind another one", function()
    flood(300, 500, 1, "not_found", everyone)
    for _, code in ipairs { "wrong_path", "signature_mismatch", "too_large" } do
      assert.equal(3, arrive(3, code, "192.0.2.1"), code)
    end
  end)

  it("shows another sender, once in a window, while a few make noise", function()
    for _ = 1, 300 do
      arrive(100, "signature_mismatch", function(i) return ADDRESSES[i % 7 + 1] end)
      now = now + 1
    end
    assert.equal(1, arrive(2, "signature_mismatch", "17.0.0.1"))
  end)

  it("takes for one sender whoever has 64 bits of IPv6", function()
    arrive(3, "a", "192.0.2.1")
    arrive(3, "b", "192.0.2.1")
    local function one_of(prefix) return function(i) return ("%s:%x::%x"):format(prefix, i, i) end end
    assert.equal(1, arrive(100, "a", one_of "2001:db8:1:2"))
    assert.equal(1, arrive(100, "a", function(i) return ("2001:db8:1:3:%x:%x:3:4"):format(i, i) end))
    assert.equal(1, arrive(100, "a", function(i) return ("2001:db8::%x:1"):format(i) end))
    assert.equal(1, arrive(2, "a", "2001:db8:1:4::1"))
    assert.equal(1, arrive(2, "b", "::1"))
    assert.equal(2, arrive(1, "b", "::ffff:192.0.2.1") + arrive(2, "b", "::ffff:192.0.2.2"))
  end)

  it("shows few of those whose sender is not known", function()
    assert.equal(3, arrive(100, "a", nil))
  end)

  it("writes less and less for as long as a flood lasts, and begins anew a minute after it", function()
    assert.equal(10, flood(1, 20, 0.25, nil, everyone))
    flood(119, 100, 0.5, nil, everyone)
    sums = {}
    assert.equal(LINES_OF_WINDOW * 10, flood(600, 20, 0.5, nil, everyone))
    assert.equal(10, #sums)
    now = now + 121
    assert.equal(10, arrive(1000, nil, everyone))
    now = now + 1
    assert.equal(10, arrive(1000, nil, everyone))
  end)

  describe("for hours", function()
    local CODES = {
      "signature_missing", "signature_malformed", "signature_mismatch", "not_found", "wrong_path", "not_post",
      "not_get", "timeout", "too_large", "encoded", "overloaded", "draining",
    }

    local function arrive_of_each(count)
      local lines = 0
      for _, code in ipairs(CODES) do lines = lines + arrive(count, code, everyone) end
      return lines
    end

    -- What the sums from this one on take in the log.
    local function bytes_of_sums(first)
      local bytes = 0
      for i = first, #sums do
        local sum = sums[i]
        sum.level, sum.message, sum.at = "warning", "more refused", now
        bytes = bytes + #log.line(sum) + 1
      end
      return bytes
    end

    -- lines, their bytes with the sums', and the most bytes of a second
    local function run(seconds, count, pause)
      local shown, bytes, worst = 0, 0, 0
      for second = 1, seconds do
        local first = #sums + 1
        local lines = second % pause == 0 and arrive_of_each(count) or 0
        now = now + 1
        current:turn()
        local written = lines * LINE_BYTES + bytes_of_sums(first)
        shown, bytes, worst = shown + lines, bytes + written, math.max(worst, written)
      end
      current:close()
      return shown, bytes, worst
    end

    for _, case in ipairs { { 7200, 15, 1 }, { 7200, 15, 2 }, { 7200, 15, 7 }, { 7200, 15, 61 }, { 300, 300, 1 } } do
      local seconds, count, pause = case[1], case[2], case[3]
      it(("%d of each reason every %d s: the bytes are bounded, and the sums right"):format(count, pause), function()
        local shown, bytes, worst = run(seconds, count, pause)
        assert.equal(math.floor(seconds / pause) * count * #CODES, shown + summed())
        assert.is_true(worst <= #CODES * (LINES_OF_WINDOW * LINE_BYTES + SUM_BYTES), "in one second: " .. worst)
        -- each second window is at least twice as long, until they are a minute long
        local windows = seconds / LONGEST_WINDOW + 7
        local most_lines, most_sums = #CODES * LINES_OF_WINDOW * windows, #CODES * 10 * windows
        assert.is_true(shown <= most_lines, ("%d lines, where %d may be"):format(shown, most_lines))
        assert.is_true(#sums <= most_sums, ("%d sums, where %d may be"):format(#sums, most_sums))
        assert.is_true(bytes <= most_lines * LINE_BYTES + most_sums * SUM_BYTES, "bytes: " .. bytes)
      end)
    end
  end)
end)
