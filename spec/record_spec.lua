local core = require "marketplace.core"
local marketplace = require "marketplace"
local record = require "marketplace.inbox.record"
local samples = require "marketplace.samples"

describe("marketplace.inbox.record", function()
  it("reads a body into a plain table", function()
    local body = samples.body("app_unavailable", { id = "a1" })
    local made, n = record.of(body), marketplace.parse(body)
    assert.is_nil(getmetatable(made))
    assert.same({
      key = "a1", digest = core.sha256(body), body = body, type = n.type, event = "app_unavailable", app_id = n.app_id,
      time = n.time,
    }, made)
    assert.is_truthy(n.type and n.app_id and n.time)
  end)

  it("leaves out what the body does not say, and takes the digest for a missing id", function()
    local body = '{"data":{"type":"webhookPingCreated"}}'
    local digest = core.sha256(body)
    assert.same({ key = digest, digest = digest, body = body, type = "webhookPingCreated", event = "ping" },
      record.of(body))
  end)

  it("has the type of what is not known", function()
    local made = record.of '{"data":{"type":"somethingNew","id":"a1"}}'
    assert.same({ "somethingNew", "other" }, { made.type, made.event })
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

  it("takes two bodies for one if they are equal or one of them is unsigned", function()
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
