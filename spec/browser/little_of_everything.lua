-- little_of_everything.lua FOLDER: an inbox, FOLDER/inbox.db, and packages, FOLDER/packages, that show something in
-- each view of the dashboard.
local inboxes = require "marketplace.inbox"
local json = require "marketplace.json"
local manifest = require "marketplace.packages.manifest"
local packages = require "marketplace.packages"
local record = require "marketplace.inbox.record"
local samples = require "marketplace.samples"
local simulated = require "support.packages"

local folder = arg[1]
local APPS = { "6740067890", "6740081234", "6740090011", "6740123456", "6740155501" }
local EVENTS = { "version_available", "versions_unavailable", "version_available", "app_unavailable", "app_restored" }
local NOW = os.time()

--[[ The inbox: two days of notifications ]]

local clock = NOW - 172800
local inbox = assert(inboxes.open("sqlite:" .. folder .. "/inbox.db", { clock = function() return clock end }))

local function put(number)
  local made = assert(record.of(samples.body(EVENTS[number % #EVENTS + 1], {
    id = ("%08x-5c1e-4d0b-8a35-%012x"):format(number * 2654435761 % 4294967296, number * 7919), time = clock,
    app_id = APPS[number * 7 % #APPS + 1],
  })))
  made.verified_by = "9f86d081884c"
  assert(inbox:put { made })
end

local function finish(becomes)
  for _, entry in ipairs(assert(inbox:claim(100, 60))) do
    becomes.id, becomes.token = entry.id, entry.token
    assert(inbox:finish { becomes })
  end
end

for number = 1, 60 do
  put(number)
  clock = clock + 20
  if number % 12 == 0 then
    for attempt = 1, 3 do
      finish { state = "ready", wait = 5 * attempt, reason = "the catalogue answered 503: it is being upgraded" }
      clock = clock + 20 * attempt
    end
    finish { state = "dead", code = "failed", reason = "the catalogue answered 503: it is being upgraded" }
  elseif number % 17 == 0 then
    finish { state = "dead", code = "no_callback", reason = "no callback takes it" }
  else
    finish { state = "done" }
  end
  clock = clock + 2500
end
clock = NOW - 240
put(61)
finish { state = "ready", wait = 600, reason = "not in the catalogue yet" }
clock = NOW - 90
put(62)
put(63)
clock = NOW - 20
put(64)
inbox:close()

--[[ Packages: one that is served, one that is on its way, one that is held ]]

local opened = assert(packages.new { folder = folder .. "/packages", log = function() end })

local function stage(number, name, version)
  local id = simulated.uuid(number)
  local document = simulated.document({
    simulated.variant(number, 48000000, { ("a"):rep(64) }), simulated.variant(number + 50, 52000000, {}),
  }, nil, {
    bundleId = "com.example." .. name, shortVersionString = version, appleItemId = ("%d"):format(6499000000 + number),
    appleVersionId = ("%d"):format(870000000 + number),
  })
  assert(opened.store:stage({ id = id, package = simulated.uuid(number + 100), app = APPS[number] },
    assert(manifest.parse(json.encode(document)))))
  local assets = assert(opened.store:assets(id))
  return id, assets
end

local function publish(id, assets)
  for place, proof in ipairs { "chunks", "size" } do
    assert(opened.store:asset_done(id, assets[place].public_id, { proof = proof }))
  end
  assert(opened.store:change(id, function(_, change)
    change:published { manifest_sha256 = ("b"):rep(64), signature_sha256 = ("c"):rep(64) }
    return true
  end))
end

publish(stage(1, "atlas", "2.4.1"))
local id, assets = stage(2, "ledger", "5.0")
assert(opened.store:asset_done(id, assets[1].public_id, { proof = "chunks" }))
assert(opened:request { version = id, app = APPS[2] })
publish(stage(3, "orchard", "1.12"))
assert(opened:request { package = simulated.uuid(204), app = APPS[4] })
opened:close()
