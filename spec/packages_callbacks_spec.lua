local callbacks = require "marketplace.packages.callbacks"
local marketplace = require "marketplace"
local samples = require "marketplace.samples"

describe("marketplace.packages.callbacks", function()
  local called, answer, registered, cancelled

  local function packages()
    local p = {}
    for _, name in ipairs { "request", "withdraw", "restore" } do
      p[name] = function(_, given)
        called[#called + 1] = { name, given }
        if answer then return answer[1], answer[2] end
        return "known"
      end
    end
    return p
  end

  before_each(function()
    called, answer, registered, cancelled = {}, nil, {}, nil
    callbacks.add(packages(), { on = function(_, event, callback) registered[event] = callback end })
  end)

  local ctx = { id = "event-1", cancel = function(_, reason) cancelled = reason end }

  local function notification(name, generation, settings)
    settings = settings or {}
    settings.generation, settings.time = generation, 1780000000
    return assert(marketplace.parse(assert(samples.body(name, settings))))
  end

  local function run(n) return registered[n.event](n, ctx) end

  local PACKAGE, VERSION = "5c2e8f4b-0d8e-4f5e-9a41-3c1f2b7d9e60", "b7d0a6c2-7f43-4d0b-8a35-91e6f4c8d217"
  local APP, AT, TERRITORIES = "6740067890", 1780000000, { "FRA", "DEU", "ITA" }

  it("requests a version that is available, in both generations", function()
    run(notification("version_available", 1))
    run(notification("version_available", 2))
    assert.same({
      { "request", { version = VERSION, package = PACKAGE, app = APP, at = AT, event = "event-1" } },
      { "request", { version = VERSION, app = APP, at = AT, event = "event-1" } },
    }, called)
  end)

  it("withdraws each package that is unavailable, where it is", function()
    local n = notification("versions_unavailable", 1)
    n.package_ids = { PACKAGE, "another" }
    run(n)
    run(notification("versions_unavailable", 2))
    local first = { package = PACKAGE, at = AT, event = "event-1" }
    local second = { package = "another", at = AT, event = "event-1" }
    local in_territories = { package = PACKAGE, territories = TERRITORIES, at = AT, event = "event-1" }
    assert.same({ { "withdraw", first }, { "withdraw", second }, { "withdraw", in_territories } }, called)
  end)

  it("withdraws each package although one of them fails, and fails for it", function()
    local n = notification("versions_unavailable", 1)
    n.package_ids = { PACKAGE, "another" }
    answer = { nil, "no space" }
    assert.same({ nil, "no space" }, { run(n) })
    assert.equal(2, #called)
  end)

  it("withdraws an app, and restores apps and packages", function()
    run(notification("app_unavailable", 1))
    run(notification("app_unavailable", 2))
    run(notification("app_restored", 2))
    run(notification("versions_restored", 2))
    local everywhere = { app = APP, at = AT, event = "event-1" }
    local somewhere = { app = APP, territories = TERRITORIES, at = AT, event = "event-1" }
    local package = { package = PACKAGE, territories = TERRITORIES, at = AT, event = "event-1" }
    assert.same({
      { "withdraw", everywhere }, { "withdraw", somewhere }, { "restore", somewhere }, { "restore", package },
    }, called)
  end)

  it("fails, and so is run again, if it cannot be recorded", function()
    answer = { nil, "the store is locked" }
    for _, name in ipairs { "version_available", "versions_unavailable", "app_unavailable", "app_restored" } do
      assert.same({ nil, "the store is locked" }, { run(notification(name)) })
    end
    assert.is_nil(cancelled)
  end)

  it("leaves what says nothing to a person", function()
    for event, n in pairs {
      version_available = { app_id = APP }, versions_unavailable = { app_id = APP, package_ids = {} },
      app_unavailable = {}, app_restored = { app_id = APP }, versions_restored = { package_id = PACKAGE },
    } do
      cancelled, n.event = nil, event
      run(n)
      assert.is_string(cancelled)
    end
    assert.same({}, called)
  end)

  it("takes down what does not say when it happened, as that can be undone", function()
    run { event = "app_unavailable", app_id = APP }
    assert.same({ { "withdraw", { app = APP, event = "event-1" } } }, called)
  end)
end)
