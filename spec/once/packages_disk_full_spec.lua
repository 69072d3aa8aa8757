-- The disk is full at each step of a package's way, or the store cannot write: nothing is served half, and the job is
-- done once there is room.
local core = require "marketplace.core"
local package_io = require "marketplace.package_io"
local package_work = require "support.package_work"

describe("a package whose disk is full", function()
  local work

  setup(function() work = package_work.start() end)
  teardown(function() work:stop() end)
  before_each(function() work:reset() end)

  local FULL = { "no space left on device", "disk_full" }
  local LOCKED = { "the store is locked", "store_unavailable" }

  -- Has the call with this number fail, and gives what puts the function back.
  local function break_call(object, name, number, failure)
    local original, own = object[name], rawget(object, name)
    object[name] = function(...)
      number = number - 1
      if number == 0 then return nil, failure[1], failure[2] end
      return original(...)
    end
    return function() object[name] = own end
  end

  -- Fetches a version, with failures, until it is there; gives the codes of the failures.
  local function fetch(p, version)
    local codes = {}
    p:request { version = version.id, app = version.app }
    repeat
      local event = work:finish(p)
      if event.event == "job_failed" then
        codes[#codes + 1] = event.code
        assert.same({}, work:check().problems)
        assert.is_falsy(event.ended)
        p:request { version = version.id, now = true }
      end
    until event.event == "job_done"
    assert.same({}, work:check().problems)
    return codes
  end

  local function expect(codes, object, name, number, failure)
    local p = work:open()
    local first = work:add_version { variants = 2 }
    assert.same({}, fetch(p, first))
    local second = work:add_version { package = first.package, deltas = 2 }
    local target = type(object) == "string" and p[object] or object
    local mend = break_call(target, name, number, failure)
    local found = fetch(p, second)
    mend()
    assert.same(codes, found, name)
    assert.equal(second.id, p:current(first.item_id).id)
    p:close()
  end

  it("is fetched once there is room for its folders and files", function()
    for _, step in ipairs {
      { package_io, "make_folders", 1 }, { package_io, "make_folders", 3 }, { core, "replace_locked", 2 },
      { package_io, "sink", 1 }, { package_io, "rename", 1 }, { package_io, "rename", 3 },
    } do
      expect({ "disk_full" }, step[1], step[2], step[3], FULL)
    end
  end)

  it("is downloaded if its files cannot be linked", function()
    expect({}, package_io, "link", 1, FULL)
    assert.equal(1, work:count_requests "GET /simulator/files/variants" - 2)
  end)

  it("is fetched once its rows and key blobs can be written", function()
    for _, step in ipairs {
      { "store", "stage" }, { "store", "asset_done" }, { "store", "change" }, { "store", "assets" },
      { "store", "is_available" }, { "store", "version" }, { "keys", "put" }, { "keys", "missing" },
    } do
      expect({ "store_unavailable" }, step[1], step[2], 1, LOCKED)
    end
  end)

  it("is fetched even if the end of its job cannot be recorded", function()
    for _, name in ipairs { "job_done", "next_job" } do expect({}, "store", name, 1, LOCKED) end
  end)
end)
