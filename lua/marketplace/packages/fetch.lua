--- One job: from the id of a package version to a published folder. Each step can be repeated, and what an earlier run
--- of the job has done is not done again.
local archive = require "marketplace.packages.archive"
local contents = require "marketplace.packages.contents"
local core = require "marketplace.core"
local log = require "marketplace.log"
local manifest = require "marketplace.packages.manifest"
local publish = require "marketplace.packages.publish"
local remote = require "marketplace.packages.remote"
local restore = require "marketplace.packages.restore"
local scheduler = require "marketplace.client.scheduler"
local transfer = require "marketplace.packages.transfer"

local fetch = {}

local COMPLETED = "COMPLETED"
local ASK_AGAIN = 600   -- seconds after which Apple's state is read anew while assets are fetched
local JUST_READ = 5     -- seconds for which it is good enough to publish
local FOLDER_MODE = 493 -- 0755

-- The failure of one asset which says nothing about the others.
local CONCERNS_ONE = { asset_corrupt = true, asset_size = true, gone = true, address_refused = true }

--[[ Which version ]]

-- A version that is not COMPLETED stands for the newest of its package that is.
local function move_on(run, package)
  if not package then return nil, "App Store Connect does not say which package it is of", "answer_invalid" end
  local newest, message, code = remote.newest(run, package)
  if newest == nil then return nil, message, code end
  if not newest then return nil, "no version of its package is COMPLETED", "replaced" end
  if newest.id == run.version then -- the list was made later
    run.apple.state = COMPLETED
    return true
  end
  run.moved_to = newest.id
  return nil, ("version %s of its package has replaced it"):format(newest.id), "moved"
end

-- Reads Apple's state.
local function read_version(run)
  local apple, message, code = remote.version(run, run.version)
  if not apple then return nil, message, code end
  run.apple, run.read_at = apple, run.clock()
  run.package = apple.package or run.package
  local is_below
  is_below, message, code = run.p.store:is_below_current(run.version)
  if is_below == nil then return nil, message, code end
  -- the list tells whether Apple has gone back to it, or an old notification has only come again
  if apple.state == COMPLETED and not is_below then return true end
  return move_on(run, run.package)
end

-- Whether Apple's state was read so many seconds ago at most. A clock that went back since tells nothing.
local function is_fresh(run, seconds)
  local age = run.clock() - run.read_at
  return age >= 0 and age <= seconds
end

local function choose_version(run)
  if run.version then return read_version(run) end
  local newest, message, code = remote.newest(run, run.package)
  if newest == nil then return nil, message, code end
  if not newest then return nil, "no version of this package is COMPLETED yet", "none_completed" end
  run.moved_to = newest.id
  return nil, ("it is version %s"):format(newest.id), "moved"
end

-- One job of a package at a time. The other one looks whether it is still wanted.
local function make_way(run)
  local package = run.package
  if not package then return true end
  local other = run.packages[package]
  if other then
    other.is_doubted = true
    return nil, "another version of its package is being fetched", "later"
  end
  run.packages[package] = run
  return true
end

local function is_allowed(run)
  local available, event, code = run.p.store:is_available {
    id = run.version, package = run.package, app = run.app, item_id = run.manifest and run.manifest.item_id,
  }
  if available == nil then return nil, event, code end
  if available then return true end
  return nil, ("Apple made its %s unavailable, at %s"):format(event.scope, log.timestamp(event.at)), "unavailable"
end

--[[ What is there already ]]

-- Apple may have gone back to an older revision.
local function make_current(run)
  local ok, message, code = run.p.store:change(run.version, function(version, change)
    if version.state == "published" and not version.is_current then change:made_current() end
    return true
  end)
  if ok == nil then return nil, message, code end
  run.result = "published"
  return true
end

-- From where it is kept, if it lacks nothing.
local function bring_back(run)
  local outcome, message, code = restore.version(run.p, run.version)
  if not outcome then return nil, message, code end
  if outcome ~= "missing" then run.result = outcome end
  return true
end

-- One that was found in public may have been taken down under ids that were not known to be its own.
local function identify(run, version)
  if version.package and version.app then return true end
  return publish.identify(run.p, run.version, { package = run.package, app = run.app })
end

local function recognize(run)
  local version, message, code = run.p.store:version(run.version)
  if version == nil then return nil, message, code end
  local ok = true
  if version then ok, message, code = identify(run, version) end
  if not ok then return nil, message, code end
  local state = version and version.state
  if state == "published" then return make_current(run) end
  run.is_withdrawn = state == "withdrawn"
  if run.is_withdrawn then return bring_back(run) end
  return true
end

--[[ What it consists of ]]

local function fetch_archive(run)
  local files, message, code, detail = archive.fetch(run, run.apple)
  local status = detail and detail.status
  if files or not (status == 403 or status == 410) then return files, message, code end
  local ok
  ok, message, code = read_version(run) -- the address may have expired while it waited
  if not ok then return nil, message, code end
  return archive.fetch(run, run.apple)
end

local function read_archive(run)
  local files, message, code = fetch_archive(run)
  if not files then return nil, message, code end
  run.files = files
  run.manifest, message, code = manifest.parse(files["manifest.json"])
  if not run.manifest then return nil, message, code end
  run.assets, run.app = run.manifest.assets, run.app or run.manifest.item_id
  return is_allowed(run)
end

-- What is listed of an asset, or what App Store Connect says of it when it is asked for it alone.
local function add_listed(run, asset, listed)
  local found = listed[asset.public_id]
  if not (found and found.blob) then
    local message, code
    found, message, code = remote.asset(run, asset)
    if not found then return nil, message, code end
  end
  asset.blob, asset.checksum = found.blob, found.checksum
  if asset.blob then return true end
  return nil, ("App Store Connect gives no key blob for %s, without which no device can install it"):format(
    asset.path), "key_blob_missing"
end

local function keep_blobs(run)
  local blobs, m = {}, run.manifest
  for i, asset in ipairs(run.assets) do
    blobs[i] = {
      public_id = asset.public_id, version = run.version, blob = asset.blob, item_id = m.item_id,
      apple_version_id = m.apple_version_id, kind = asset.kind,
    }
  end
  return run.p.keys:put(blobs)
end

-- Key blobs are kept before anything is published.
local function list_assets(run)
  local listed, message, code = remote.assets(run, run.version)
  if not listed then return nil, message, code end
  for _, asset in ipairs(run.assets) do
    local ok
    ok, message, code = add_listed(run, asset, listed)
    if not ok then return nil, message, code end
  end
  return keep_blobs(run)
end

-- It may have been withdrawn because they were missing.
local function bring_back_with_blobs(run)
  if run.is_withdrawn then return bring_back(run) end
  return true
end

local function note_done(run, rows)
  for _, row in ipairs(rows) do
    for _, asset in ipairs(run.assets) do
      if asset.public_id == row.public_id then
        local there = core.stat(run:path_of(asset))
        asset.etag = transfer.known_etag(row.etag)
        asset.is_done = row.proof ~= nil and there ~= nil and there.size == asset.size
        if asset.is_done then run.bytes_done = run.bytes_done + asset.size end
      end
    end
  end
end

local function make_folder(run)
  local tidied, problem, problem_code = contents.tidy(run.p.io, run.folder, run.assets)
  if not tidied then return nil, problem, problem_code end
  for _, name in ipairs { "", "/variant", "/delta" } do
    local ok, message, code = run.p.io.make_folders(run.folder .. name, FOLDER_MODE)
    if not ok then return nil, message, code end
  end
  return archive.write(run.folder, run.files)
end

local function stage(run)
  run.folder = run.p.folder:staging(run.version)
  local ok, message, code, rows
  ok, message, code = run.p.store:stage({ id = run.version, package = run.package, app = run.app }, run.manifest)
  if not ok then return nil, message, code end
  ok, message, code = make_folder(run)
  if not ok then return nil, message, code end
  rows, message, code = run.p.store:assets(run.version)
  if not rows then return nil, message, code end
  note_done(run, rows)
  return true
end

-- A link to what another version has takes no room.
local function reserve(run)
  local needed = 0
  for _, asset in ipairs(run.assets) do
    local is_there = asset.is_done or transfer.reusable(run, asset)
    if not is_there then needed = needed + run:bytes_to_allocate(asset, run:path_of(asset) .. ".part") end
  end
  return run.space:reserve(run, needed)
end

--[[ Its assets ]]

-- Between two assets: it may have been taken down or replaced meanwhile.
local function is_still_wanted(run)
  local ok, message, code = is_allowed(run)
  if not ok then return nil, message, code end
  if not run.is_doubted and is_fresh(run, ASK_AGAIN) then return true end
  run.is_doubted = false
  return read_version(run)
end

local UNVERIFIED = "only its size is known to be right: the manifest has no digests of it, and App Store Connect %s"

local function why_unverified(asset)
  return UNVERIFIED:format(asset.checksum and "gives a fileChecksum of an unknown kind" or "gives no fileChecksum")
end

local function note_fetched(run, asset, result)
  local row = { proof = result.proof, checksum = asset.checksum, sha256 = result.sha256 }
  if result.proof == "size" then
    run:log { level = "warning", message = "unverified", asset = asset.path, reason = why_unverified(asset) }
  end
  local ok, message, code = run.p.store:asset_done(run.version, asset.public_id, row)
  if not ok then return run:fail(message, code) end
  asset.is_done, run.bytes_done = true, run.bytes_done + asset.size
  run:tell("asset_done", {
    asset = asset.public_id, path = asset.path, bytes = asset.size, total = asset.size, proof = result.proof,
    reused = result.reused, version_bytes = run:bytes(), version_total = run.manifest.bytes,
  })
end

local function note_failed(run, message, code)
  if not CONCERNS_ONE[code] then return run:fail(message, code) end
  run.failed = run.failed or { message = message, code = code } -- told once the others are there
end

local function begin(run, asset)
  run.under_way = run.under_way + 1
  run:tell("asset_started", { asset = asset.public_id, path = asset.path, total = asset.size })
  run.tasks:add(function() return transfer.run(run, asset) end, function(ok, result, message, code)
    run.slots:give_back()
    run.under_way = run.under_way - 1
    if ok and result then return note_fetched(run, asset, result) end
    if ok then return note_failed(run, message, code) end
    if run.sinks[asset] then run.sinks[asset]:close() end
    run:transfer_ends(asset)
    run:fail(result, "internal_error")
  end)
end

local function take_turns(run)
  for _, asset in ipairs(run.assets) do
    if not asset.is_done then
      run.has_slot = run.slots:take(run.pause, function() return run:has_ended() end)
      if not run.has_slot then return end
      local ok, message, code = is_still_wanted(run)
      if not ok then return run:fail(message, code) end
      run.has_slot = false
      begin(run, asset)
    end
  end
end

local function fetch_assets(run)
  take_turns(run)
  run:give_slot_back()
  run.pause(nil, nil, function() return run.under_way == 0 end)
  local problem = run.problem or run.failed
  if problem then return nil, problem.message, problem.code end
  if core.stop_asked() then return nil, "it was stopped", "stopped" end
  return true
end

local function publish_it(run)
  if run.is_doubted or not is_fresh(run, JUST_READ) or run.p.store:is_below_current(run.version) then
    local ok, message, code = read_version(run)
    if not ok then return nil, message, code end
  end
  local result, message, code = publish.run(run.p, run.version, { state = run.apple.state })
  if not result then return nil, message, code end
  run.result = result
  return true
end

local STEPS = {
  choose_version, make_way, is_allowed, recognize, read_archive, list_assets, bring_back_with_blobs, stage,
  reserve, fetch_assets, publish_it,
}

--- Does a job, in a coroutine of the writer's.
---@param run marketplace.packages.Run
---@return string|nil result of marketplace.packages.publish: published, held, unavailable, superseded
---@return string? message
---@return string? code moved: run.moved_to is the version that it stands for; later: once the other job of its package
--- has ended; replaced, unavailable: it has ended; all others: it is to be tried again
function fetch.run(run)
  run.pause = scheduler.pause()
  run:tell "job_started"
  for _, step in ipairs(STEPS) do
    local ok, message, code = step(run)
    if not ok then return nil, message, code end
    if run.result then break end
  end
  return run.result
end

return fetch
