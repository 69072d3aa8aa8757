local certificate = require "marketplace.server.certificate"

local DAY = 86400

describe("the watch of a certificate", function()
  local entries, now, monotonic

  before_each(function() entries, now, monotonic = {}, 1000 * DAY, 5 end)

  local function watch(expires_at, alerts)
    return certificate.watch(expires_at, function(entry) entries[#entries + 1] = entry end, {
      clock = function() return now end, monotonic = function() return monotonic end, alerts = alerts,
      about = "https://m.example",
    })
  end

  it("says nothing of one that is fine for 14 days", function()
    watch(now + 14 * DAY):turn()
    assert.same({}, entries)
  end)

  it("warns of one that expires within 14 days, when, and what to do", function()
    watch(now + 3.5 * DAY):turn()
    assert.same({ "warning", "the certificate expires soon" }, { entries[1].level, entries[1].message })
    assert.equal("at 1972-09-30T12:00:00.000Z, in 3.5 days: renew it, and send SIGHUP", entries[1].reason)
    assert.equal(now, entries[1].at)
  end)

  it("raises an error for one that has expired", function()
    for ended = 0, 1 do
      watch(now - ended):turn()
      assert.same({ "error", "the certificate has expired" },
        { entries[#entries].level, entries[#entries].message })
    end
  end)

  it("has alerts told, and tries again while somebody else has their state", function()
    local seen, is_done = {}, false
    local watched = watch(now + 3 * DAY, { observe = function(_, list)
      seen[#seen + 1] = list[1]
      return is_done
    end })
    watched:turn()
    is_done = true
    for _ = 1, 2 do watched:turn() end
    assert.equal(2, #seen)
    assert.same({ "certificate_expiring", "https://m.example", true, "warning" },
      { seen[2].name, seen[2].about, seen[2].is_on, seen[2].level })
    watched:begin(now + 90 * DAY)
    watched:turn()
    assert.is_false(seen[3].is_on)
  end)

  it("warns once a day, and at once of another one", function()
    local watched = watch(now + DAY)
    for _ = 1, 3 do watched:turn() end
    assert.equal(1, #entries)
    monotonic, now = monotonic + DAY - 1, now + DAY - 1
    watched:turn()
    assert.equal(1, #entries)
    monotonic, now = monotonic + 1, now + 1
    watched:turn()
    assert.equal("the certificate has expired", entries[2].message)
    watched:begin(now + 2 * DAY)
    watched:turn()
    assert.equal("the certificate expires soon", entries[3].message)
    watched:begin(now + 90 * DAY)
    watched:turn()
    assert.equal(3, #entries)
  end)
end)
