local core = require "marketplace.core"
local marketplace = require "marketplace"
local record = require "marketplace.inbox.record"
local samples = require "marketplace.samples"

describe("marketplace.inbox.record", function()
  it("reads a body", function()
    local body = samples.body("app_unavailable", { id = "a1" })
    local made = record.of(body)
    assert.same({ "a1", core.sha256(body), body, "app_unavailable" }, { made.key, made.digest, made.body, made.event })
    assert.is_nil(made.reason)
  end)

  it("fills the rest in when it is read first, once and for good", function()
    local body = samples.body("app_unavailable", { id = "a1" })
    local made = record.of(body)
    assert.same({ key = "a1", body = body }, setmetatable(made, nil))
    made = record.of(body)
    assert.is_nil(made.nothing)
    assert.is_nil(getmetatable(made))
    assert.same({ "app_unavailable", marketplace.parse(body).app_id, core.sha256(body) },
      { made.event, made.app_id, made.digest })
  end)

  it("raises where its body was changed before it was read", function()
    local made = record.of(samples.body("app_unavailable", { id = "a1" }))
    made.body = "not JSON"
    assert.has_error(function() return made.digest end, "the body of a record was changed")
    made.body = nil
    assert.has_error(function() return made.digest end, "the body of a record was changed")
  end)

  it("keeps what cannot be read, with the reason", function()
    local made = record.of "not JSON"
    assert.same({ core.sha256 "not JSON", core.sha256 "not JSON", "not JSON" }, { made.key, made.digest, made.body })
    assert.is_string(made.reason)
  end)

  it("marks the digest of what came without a signature, and only that", function()
    local body = samples.body("app_unavailable", { id = "a1" })
    local made = record.of_unsigned(body)
    assert.same({ "a1", "unsigned:" .. core.sha256(body) }, { made.key, made.digest })
    assert.is_true(record.is_unsigned(made.digest))
    assert.is_false(record.is_unsigned(core.sha256(body)))
    local dead = record.of_unsigned "not JSON"
    assert.same({ core.sha256 "not JSON", "unsigned:" .. core.sha256 "not JSON" }, { dead.key, dead.digest })
  end)

  it("takes two bodies for one where they are equal or one of them is unsigned", function()
    assert.is_true(record.is_same("a", "a"))
    assert.is_false(record.is_same("a", "b"))
    assert.is_true(record.is_same("unsigned:a", "b"))
    assert.is_true(record.is_same("a", "unsigned:b"))
  end)
end)

describe("core.sha256", function()
  it("is that of FIPS 180-4's examples", function()
    assert.equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", core.sha256 "abc")
    assert.equal("cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1",
      core.sha256("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrs" ..
        "mnopqrstnopqrstu"))
    assert.equal("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", core.sha256 "")
  end)
end)

describe("core.timestamp", function()
  it("gives seconds since the epoch, with the fraction, whatever the offset", function()
    assert.equal(0, core.timestamp "1970-01-01T00:00:00Z")
    assert.equal(1769860800.25, core.timestamp "2026-01-31T12:00:00.250Z")
    assert.equal(1769860800, core.timestamp "2026-01-31T04:00:00-08:00")
    assert.is_nil(core.timestamp "yesterday")
  end)
end)
