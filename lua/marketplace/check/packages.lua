--- Published packages, as devices fetch them: each file exactly Apple's, in parts too; what was taken down is not
--- there; and licences can be made, as the key blobs are known.
local address = require "marketplace.device.address"
local answers = require "marketplace.check.answers"
local core = require "marketplace.core"
local outside = require "marketplace.check.outside"

local packages = {}

local AT_ONCE = 6
local MOST_FILE = 17 * 2 ^ 20 -- bytes of a manifest or a signature
local PIECE = 1024            -- bytes of an asset that are compared
local MOST_TOLD = 10          -- packages whose problems are told one by one
local MOST_TAKEN_DOWN = 10
local GONE = { [401] = true, [403] = true, [404] = true, [410] = true }
local PURGE = "have no cache or proxy change what it serves, and purge what it has"

--[[ One file ]]

local function whole_problem(run, url, digest)
  local response, failure = outside.ask(run, { url = url, max_response = MOST_FILE })
  if not response then return failure.message, failure.action, failure.is_skipped end
  if response.status ~= 200 then return outside.refusal(run, response) end
  local encoding = outside.encoding(response)
  if encoding then
    return "it is encoded, though nobody asked for that: " .. run.findings:shown(encoding), "serve packages as they are"
  end
  if core.sha256(response.body) == digest then return nil end
  return ("its %d bytes are not those that are published here"):format(#response.body), PURGE
end

-- The part, but no more of a file that comes as a whole: what has come, and the status and headers of the answer.
local function ask_part(run, url, first, last)
  local bytes, count, exchange, status, headers = {}, 0, nil, nil, nil
  local response, failure = outside.ask(run, {
    url = url, headers = { ("Range: bytes=%.0f-%.0f"):format(first, last) },
    started = function(one) exchange = one end,
    sink = function(piece)
      if not status then status, headers = exchange:head() end
      bytes[#bytes + 1], count = piece, count + #piece
      return status == 206 and count <= PIECE
    end,
  })
  if response then
    return { status = response.status, headers = response.headers, body = count > 0 and table.concat(bytes) or
      response.body }
  end
  if status then return { status = status, headers = headers, body = table.concat(bytes) } end
  return nil, failure
end

local function local_part(path, first, count)
  local file = io.open(path, "rb")
  if not file then return nil end
  file:seek("set", first)
  local bytes = file:read(count)
  file:close()
  return bytes
end

local function part_problem(run, url, asset, path)
  local count = math.min(PIECE, asset.size)
  local first = asset.size - count
  local response, failure = ask_part(run, url, first, asset.size - 1)
  if not response then return failure.message, failure.action, failure.is_skipped end
  if response.status == 200 then
    return "the whole file comes although a part was asked for with Range",
      "let Range through: otherwise no download goes on where it broke off"
  end
  if response.status ~= 206 then return outside.refusal(run, response) end
  local range = outside.header(response, "content-range") or "no Content-Range"
  if range ~= ("bytes %.0f-%.0f/%.0f"):format(first, asset.size - 1, asset.size) then
    return ("the file has another size than the manifest's %.0f: %s"):format(asset.size, run.findings:shown(range)),
      PURGE
  end
  local bytes = local_part(path, first, count)
  if bytes and bytes ~= response.body then return "its bytes are not those that are published here", PURGE end
end

--[[ One package ]]

local function base_of(run, version)
  local named = run.bases[answers.key { appleItemId = version.item_id, appleVersionId = version.apple_version_id }]
  if named then return address.base(named) .. "/" end
  return run.packages_url and address.of_package(run.packages_url, version)
end

-- Calls back with what is wrong.
local function check_asset(run, version, base, tell)
  local shown, problem = run.packages:show(version.id)
  if not shown then return tell("its assets are not known: " .. run.findings:shown(problem)) end
  local asset = shown.asset_list[1]
  if not asset then return nil end
  local path = ("%s/%s"):format(run.packages.folder:public(version), asset.path)
  local message, action, is_skipped = part_problem(run, base .. asset.path, asset, path)
  if message then tell(asset.path .. ": " .. message, action, is_skipped) end
end

local function check_files(run, version, base)
  local problem
  local function tell(message, action, is_skipped)
    problem = problem or { about = base, message = message, action = action, is_skipped = is_skipped }
  end
  if not base:find "^https://" then tell("devices take nothing but https:// URLs", "correct packages_url") end
  for name, digest in pairs { ["manifest.json"] = version.manifest_sha256, signature = version.signature_sha256 } do
    if problem then break end
    local message, action, is_skipped = whole_problem(run, base .. name, digest)
    if message then tell(name .. ": " .. message, action, is_skipped) end
  end
  if not problem then check_asset(run, version, base, tell) end
  return problem
end

--[[ Those that are served ]]

local function tell_problems(run, problems)
  local skipped = 0
  for i, one in ipairs(problems) do
    if one.is_skipped then
      skipped = skipped + 1
    elseif i - skipped <= MOST_TOLD then
      run.findings:add("error", "packages", one.about, one.message, one.action)
    end
  end
  local bad = #problems - skipped
  if bad > MOST_TOLD then
    run.findings:add("error", "packages", "packages", ("%d more have problems of this kind"):format(bad - MOST_TOLD))
  end
  if skipped > 0 then
    run.findings:add("skipped", "packages", "packages", ("%d were not looked at: %s"):format(skipped,
      problems[#problems].message))
  end
  return bad, skipped
end

local function check_served(run)
  local problems, tasks, asked = {}, {}, 0
  for _, version in ipairs(run.versions) do
    local base = base_of(run, version)
    if base then
      asked = asked + 1
      tasks[asked] = function() problems[#problems + 1] = check_files(run, version, base) end
    end
  end
  if asked == 0 then
    return run.findings:add("skipped", "packages", "packages", "it is not known at which address they are served",
      "name the device's options with --device-config, or a header of a device with --header")
  end
  outside.side_by_side(tasks, AT_ONCE)
  local bad, skipped = tell_problems(run, problems)
  local good = asked - bad - skipped
  if good == 0 then return end
  run.findings:add("ok", "packages", "packages", ("manifest, signature and a part of an asset are exactly what is " ..
    "published here: %d of %d that are current (%d were looked at)"):format(good, run.current, asked))
end

--[[ Key blobs ]]

local function missing_keys(run, version)
  local shown, message = run.packages:show(version.id)
  if not shown then return nil, message end
  local ids = {}
  for i, asset in ipairs(shown.asset_list) do ids[i] = asset.public_id end
  local missing, problem = run.packages.keys:missing(version.id, ids)
  return missing and { missing = #missing, of = #ids }, problem
end

local function check_keys(run)
  local assets, bad = 0, 0
  for _, version in ipairs(run.versions) do
    local found, problem = missing_keys(run, version)
    if not found then
      return run.findings:add("error", "key_blobs", "packages", "they cannot be read: " .. run.findings:shown(problem),
        "look at state/keys.db in the folder of packages")
    end
    assets = assets + found.of
    if found.missing > 0 then
      bad = bad + 1
      run.findings:add("error", "key_blobs", "package version " .. version.id, ("%d of %d assets have no key blob: " ..
        "no device gets a licence for them"):format(found.missing, found.of),
        "marketplace packages fetch " .. version.id)
    end
  end
  if bad > 0 then return end
  run.findings:add("ok", "key_blobs", "packages", ("all %d assets of %d package versions have a key blob")
    :format(assets, #run.versions))
end

--[[ Those that are not to be served ]]

-- True: it is not to be had.
local function judge_taken_down(run, url, version, response)
  if GONE[response.status] then return true end
  if response.status == 200 and core.sha256(response.body) == version.manifest_sha256 then
    run.findings:add("error", "takedowns", url, "it was taken down, and is still served",
      "serve only the folder public, and purge what a cache has")
  else
    run.findings:add("warning", "takedowns", url, ("it was taken down, and the answer is %d, with something else")
      :format(response.status), "answer 404 for what is not there")
  end
end

local function check_taken_down(run)
  if not run.packages_url then return end
  local rows, problem = run.packages:list { state = "withdrawn" }
  if not rows then return run.findings:add("error", "takedowns", "packages", run.findings:shown(problem)) end
  table.sort(rows, function(one, other) return (one.withdrawn_at or 0) > (other.withdrawn_at or 0) end)
  local gone = 0
  for i = 1, math.min(#rows, MOST_TAKEN_DOWN) do
    local url = address.of_package(run.packages_url, rows[i]) .. "manifest.json"
    local response, failure = outside.ask(run, { url = url, max_response = MOST_FILE })
    if not response then return run.findings:add_failure("takedowns", url, failure) end
    if judge_taken_down(run, url, rows[i], response) then gone = gone + 1 end
  end
  if gone > 0 then
    run.findings:add("ok", "takedowns", "packages", ("%d that were taken down are no longer served"):format(gone))
  end
end

local SECRET = "/state/keys.db"
local SQLITE = "SQLite format 3"

-- The web server's root may be the folder above.
local function check_secrets(run)
  if not run.packages_url then return end
  local above = run.packages_url:match "^(https://[^/]+.*)/[^/]+$"
  for _, base in ipairs { run.packages_url, above } do
    local response = ask_part(run, base .. SECRET, 0, #SQLITE - 1)
    if response and response.body:sub(1, #SQLITE) == SQLITE then
      run.findings:add("error", "packages", base .. SECRET, "everybody can read the key blobs",
        "have the web server's root be the folder public, and nothing above it; ask Apple what to do about the keys")
    end
  end
end

--[[ All ]]

-- Of many, some from everywhere in the list.
local function sample(list, most)
  if #list <= most then return list end
  local chosen = {}
  for i = 1, most do chosen[i] = list[math.floor((i - 1) * #list / most) + 1] end
  return chosen
end

--- Reads what is current: `run.versions` are those to look at, `run.current` says how many there are.
---@param run table
function packages.read(run)
  run.versions, run.current, run.bundle_ids = {}, 0, {}
  if not run.packages then return end
  local rows, problem = run.packages:list { current = true, state = "published" }
  if not rows then
    return run.findings:add("error", "packages", "packages", run.findings:shown(problem),
      "look at the folder of packages")
  end
  run.versions, run.current = sample(rows, run.sample), #rows
  for _, version in ipairs(run.versions) do run.bundle_ids[version.item_id] = version.bundle_id end
end

--- Looks at them.
---@param run table
function packages.run(run)
  if not run.packages then
    if run.has_no_packages then return nil end
    return run.findings:add("skipped", "packages", "packages", "no folder of packages was named",
      "name it with --packages, or packages in the device's options")
  end
  if #run.versions == 0 then
    run.findings:add("skipped", "packages", "packages", "none is published")
  else
    check_served(run)
    check_keys(run)
  end
  check_taken_down(run)
  check_secrets(run)
end

return packages
