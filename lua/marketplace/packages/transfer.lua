--- One asset of a package: taken over from another version if it is the same, or else downloaded, in several attempts
--- if need be, each of which goes on behind what is there and right.
---
--- Its bytes are hashed on their way to the disk, in C. What is unfinished is `<name>.part`, and has its own name once
--- it is whole, checked and synced.
local core = require "marketplace.core"
local manifest = require "marketplace.packages.manifest"
local remote = require "marketplace.packages.remote"

local transfer = {}

local MOST_CORRUPT = 3          -- times that an asset is fetched although its bytes were wrong before
local MOST_FAILURES = 5         -- attempts in a row that brought nothing
local FIRST_PAUSE = 0.2         -- seconds
local READY_PAUSE = 0.005       -- seconds between two looks whether a sink's thread is done
local LONGEST = 24 * 3600       -- seconds for one attempt: what is too slow is noticed by its rate
local STEP = 16 * 1024 * 1024   -- bytes that are hashed before others have their turn
local REFUSED = { [401] = true, [403] = true, [404] = true, [410] = true } -- by the CDN: the address is no longer good

-- What a file system or the settings refuse is not better the next time.
local WORTH_ANOTHER = { connect_failed = true, timeout = true, http_failed = true }
local WRONG_BYTES = { asset_corrupt = true, asset_size = true }

--[[ What proves an asset ]]

local function told_checksum(run, asset)
  if run.checksum_policy == "never" then return nil end
  return asset.checksum and manifest.checksum(asset.checksum)
end

-- What a sink or a check is to do. Without digests, the whole is hashed.
local function inspection(run, asset, path)
  local told = told_checksum(run, asset) or {}
  local is_whole = not asset.digests or run.checksum_policy == "always"
  return {
    path = path, size = asset.size, chunk_size = asset.chunk_size, digests = asset.digests, sha256 = is_whole,
    md5 = is_whole and told.md5 ~= nil,
  }
end

-- True or false: whether fileChecksum is that of the file; nil if that is not known.
local function is_as_told(run, asset, result)
  local told = told_checksum(run, asset)
  for _, kind in ipairs { "sha256", "md5" } do
    if told and told[kind] and result[kind] then return told[kind] == result[kind] end
  end
end

--- How a file was proved: "chunks", "checksum", or "size" if there is nothing that proves more.
---@param run table
---@param asset table
---@param result table of a sink or a check
---@return string|nil proof
---@return string? message
---@return string? code asset_corrupt
function transfer.proof(run, asset, result)
  local matches = is_as_told(run, asset, result)
  if matches == false then
    local message = ("%s is not what its fileChecksum says (%s)"):format(asset.path, asset.checksum)
    if not asset.digests or run.checksum_policy == "always" then return nil, message, "asset_corrupt" end
    run:log { level = "warning", message = "the digests and fileChecksum differ", asset = asset.path, reason = message }
  end
  return asset.digests and "chunks" or matches and "checksum" or "size"
end

--[[ What is there already ]]

local function check(run, asset, path)
  local found, message, code = run.p.io.check(inspection(run, asset, path))
  if not found then return nil, message, code end
  while true do
    local done
    done, message, code = found:step(STEP)
    if done == nil then return nil, message, code end
    if done then break end
    run.pause(0)
  end
  local result
  result, message, code = found:result()
  if not result then return nil, message, code end
  local proof = transfer.proof(run, asset, result)
  return proof and { proof = proof, sha256 = result.sha256, reused = true }
end

-- Without digests, only Apple's own words can say that an old asset is the new one.
local function is_same_to_apple(run, asset, old)
  if asset.digests then return true end
  if not asset.checksum or asset.checksum ~= old.checksum then return false end
  return run.p.keys:get(asset.public_id, old.version) == asset.blob
end

--- What another version has that Apple says is the same asset, whatever its bytes are by now.
---@param run table
---@param asset table
---@return {path: string, sha256: string|nil}|nil
function transfer.reusable(run, asset)
  local old = run.p.store:reusable(asset.public_id, run.version)
  return old and old.size == asset.size and is_same_to_apple(run, asset, old) and old or nil
end

--- Takes an asset over from another version of the same app.
---@param run table
---@param asset table
---@param path string where it is to be
---@return table|nil result as of transfer.run
function transfer.reuse(run, asset, path)
  local old = transfer.reusable(run, asset)
  local result = old and check(run, asset, old.path)
  -- without digests, only what it was when it was fetched can tell that it still is that
  if result and result.sha256 and old.sha256 and result.sha256 ~= old.sha256 then return nil end
  return result and run.p.io.link(old.path, path) and result or nil
end

--[[ The unfinished file ]]

-- The sink verifies what is there, and hashes and syncs the end, in a thread of its own.
local function wait_for(run, sink)
  while not sink:ready() do run.pause(READY_PAUSE) end
end

-- Without digests, only a known ETag can tell that the server's file is the one whose beginning is there.
local function is_resumable(asset)
  return asset.digests ~= nil or asset.etag ~= nil
end

local function open_sink(run, asset, part, state)
  if run:has_ended() then return nil, "it was stopped", "stopped" end
  local given = inspection(run, asset, part)
  given.resume = is_resumable(asset)
  local sink, message, code = run.p.io.sink(given)
  if not sink then return nil, message, code end
  state.sink = sink
  run:transfer_begins(asset, sink)
  return sink
end

local function close_sink(run, asset, state)
  run:transfer_ends(asset)
  if state.sink then state.sink:close() end
  state.sink = nil
end

--[[ The ETag of a file without digests, with which its download can go on ]]

-- After a crash of the machine nobody can tell what of an unfinished file has reached the disk, so what is remembered
-- counts for as long as the machine runs.
local function boot_id()
  return (core.read_file("/proc/sys/kernel/random/boot_id") or ""):match "^%S+"
end

--- What was remembered, if it still counts.
---@param text string|nil
---@return string|nil etag
function transfer.known_etag(text)
  local boot, etag = (text or ""):match "^(%S+) (.+)$"
  return boot and boot == boot_id() and etag or nil
end

local function note_etag(run, asset, etag)
  asset.etag = etag
  local boot = boot_id()
  if boot then run.p.store:asset_begun(run.version, asset.public_id, boot .. " " .. etag) end
end

local function new_etag(asset, headers)
  local etag = headers and headers.etag
  return not asset.digests and type(etag) == "string" and etag ~= asset.etag and etag or nil
end

--- Remembers the ETag while the file arrives, for a process that comes after one that was killed.
---@param run table
---@param asset table
---@param exchange marketplace.Exchange
function transfer.watch(run, asset, exchange)
  if asset.offset > 0 then return end -- what is there may be another file's, until all of it is fetched anew
  local status, headers = exchange:head()
  local etag = status == 200 and new_etag(asset, headers)
  if etag then note_etag(run, asset, etag) end
end

-- A file that is another one by now has to be fetched anew, if its first byte has not seen to that.
local function heed_etag(run, asset, sink, headers, has_failed)
  local etag = new_etag(asset, headers)
  if not etag then return end
  if has_failed and asset.offset > 0 then sink:restart() end
  note_etag(run, asset, etag)
end

--[[ A download ]]

local function download_from(run, asset, sink, url)
  local result, message, code, detail = run.client:download(url, {
    sink = sink, etag = not asset.digests and asset.etag or nil, timeout = LONGEST,
    max_bytes_per_second = run.rate:next_share(),
    started = function(exchange) run:share_rate(asset, exchange) end,
  })
  run:count_bytes(asset)
  run:share_rate(asset, nil)
  return result, message, code, detail
end

local function download(run, asset, sink)
  if not is_resumable(asset) and sink:offset() > 0 then sink:restart() end
  run.rate:wait(run.pause)
  asset.offset = sink:offset()
  run.counted[asset] = asset.offset
  local listed, message, code = remote.asset(run, asset)
  if not listed then return nil, message, code end
  if not listed.url then return nil, "App Store Connect gives no address for it", "answer_invalid" end
  local result, detail
  result, message, code, detail = download_from(run, asset, sink, listed.url)
  local refused_with = detail and detail.status -- the headers are not those of the file
  if not refused_with then heed_etag(run, asset, sink, (result or detail or {}).headers, not result) end
  if result then return result end
  return nil, message, REFUSED[refused_with] and "address_refused" or code
end

local function finish(run, asset, sink)
  wait_for(run, sink)
  local result, message, code = sink:finish()
  if not result then return nil, message, code end
  local proof
  proof, message, code = transfer.proof(run, asset, result)
  return proof and { proof = proof, sha256 = result.sha256 }, message, code
end

-- One attempt, which counts as a new beginning if there is more than ever before.
local function attempt(run, asset, part, state)
  local sink, message, code = state.sink, nil, nil
  if not sink then sink, message, code = open_sink(run, asset, part, state) end
  if not sink then return nil, message, code end
  wait_for(run, sink)
  local offset, ok = sink:offset(), true
  if offset > state.best then state.best, state.failures = offset, 0 end
  if offset < asset.size then ok, message, code = download(run, asset, sink) end
  if not ok then return nil, message, code end
  return finish(run, asset, sink)
end

-- Whether it is worth another attempt in this run of the job. After wrong bytes it begins at the first chunk that is
-- wrong or, without digests that say which, anew.
local function prepare_next(run, asset, part, state, code)
  if WRONG_BYTES[code] then
    close_sink(run, asset, state)
    if not asset.digests then os.remove(part) end
    state.corrupt, asset.etag = state.corrupt + 1, nil
    return state.corrupt < MOST_CORRUPT
  end
  state.failures = state.failures + 1
  return (WORTH_ANOTHER[code] or code == "address_refused") and state.failures < MOST_FAILURES
end

local function named(asset, message)
  return message:find(asset.public_id, 1, true) and message or ("%s: %s"):format(asset.path, message)
end

local function pause_of(state)
  return FIRST_PAUSE * 2 ^ (state.failures + state.corrupt - 1) * (0.5 + 0.5 * math.random())
end

local function fetch(run, asset, part)
  local state = { failures = 0, corrupt = 0, best = 0, sink = nil }
  while true do
    local result, message, code = attempt(run, asset, part, state)
    local goes_on = not result and prepare_next(run, asset, part, state, code) and not run:has_ended()
    if not goes_on then
      close_sink(run, asset, state)
      return result, message and named(asset, message), code
    end
    run:log {
      level = "warning", message = "trying again", asset = asset.path, code = code, reason = message,
    }
    run.pause(pause_of(state))
  end
end

-- One that is there already, as its process was killed before it could record it.
local function recognize(run, asset, path)
  if not core.stat(path) then return nil end
  local result = check(run, asset, path)
  if not result then os.remove(path) end
  return result
end

--- Brings an asset to its place in the folder that is being made.
---@param run marketplace.packages.Run
---@param asset table of the manifest, with blob=, checksum=: what App Store Connect lists, and etag=: of what is there
---@return {proof: string, reused: boolean|nil, sha256: string|nil}|nil
---@return string? message names the asset
---@return string? code
function transfer.run(run, asset)
  local path = run:path_of(asset)
  local part = path .. ".part"
  local result = recognize(run, asset, path) or transfer.reuse(run, asset, path)
  if result then
    os.remove(part) -- of an earlier download: it would be a file too many
    return result
  end
  local ok, message, code = run:allocate(asset, part)
  if not ok then return nil, named(asset, message), code end
  result, message, code = fetch(run, asset, part)
  if not result then return nil, message, code end
  ok, message, code = run.p.io.rename(part, path)
  if not ok then return nil, named(asset, message), code end
  return result
end

return transfer
