--- The addresses that devices ask for updates and restores: that they refuse a device that has not signed in, and
--- answer one that has.
local address = require "marketplace.device.address"
local answers = require "marketplace.check.answers"
local clock = require "marketplace.check.clock"
local fits = require "marketplace.packages.fits"
local json = require "marketplace.json"
local outside = require "marketplace.check.outside"

local endpoints = {}

local UNKNOWN = "1"                         -- as Apple's id of an app: none has it
local PLATFORM, SYSTEM = "iOS", "99.0"      -- a device on which everything runs
local MEMBER = { updates = "updates", restore = "restores" }

--[[ What is asked ]]

-- What is current and runs there: for updates each app once, with no version, for restores each version.
local function apps_of(run, kind)
  local apps, seen = json.list {}, {}
  for _, version in ipairs(run.versions) do
    local asked = {
      appleItemId = version.item_id, appleVersionId = kind == "updates" and "0" or version.apple_version_id,
    }
    local key = answers.key(asked)
    if not seen[key] and fits.runs_on(version, PLATFORM, SYSTEM) then
      seen[key], apps[#apps + 1] = true, asked
    end
  end
  return apps
end

local function ask(run, about, more)
  local headers = { "content-type: application/json", "accept: application/json" }
  for _, line in ipairs(more) do headers[#headers + 1] = line end
  local apps = json.list { { appleItemId = UNKNOWN, appleVersionId = about.kind == "updates" and "0" or UNKNOWN } }
  for _, app in ipairs(about.apps) do apps[#apps + 1] = app end
  return outside.ask(run, {
    method = "POST", url = about.url, headers = headers,
    body = json.encode { apps = apps, platform = PLATFORM, osVersion = SYSTEM },
  })
end

--[[ A device that has not signed in ]]

local REFUSED = { [401] = true, [403] = true }

local function check_stranger(run, about)
  local response, failure = ask(run, about, {})
  if not response then return run.findings:add_failure(about.kind, about.url, failure) end
  clock.judge_server(run, outside.host(about.url), response)
  local status = response.status
  if REFUSED[status] then
    return run.findings:add("ok", about.kind, about.url,
      ("a device that has not signed in is refused with %d"):format(status))
  end
  if status >= 200 and status <= 299 then
    return run.findings:add("warning", about.kind, about.url,
      ("a device that has not signed in is answered with %d"):format(status),
      "have authenticate return nil for it: otherwise devices never offer to sign in")
  end
  local message, action = outside.refusal(run, response)
  run.findings:add("error", about.kind, about.url,
    message .. " to a device that has not signed in, in place of 401", action)
end

--[[ One that has ]]

local function judge_answer(run, about, response)
  local document, problem = json.decode(response.body)
  if problem or not json.is_object(document) then
    return run.findings:add("error", about.kind, about.url, "the answer is not a JSON object: " ..
      run.findings:shown(response.body:sub(1, 80)), "find out what answers in place of marketplace.device")
  end
  answers.judge(run, about, document)
end

local function check_member(run, about)
  if #run.headers == 0 then
    return run.findings:add("skipped", about.kind, about.url, "no header of a device that has signed in was given, " ..
      "so no answer and no install token was looked at", "give one with --header or --header-file")
  end
  local response, failure = ask(run, about, run.headers)
  if not response then return run.findings:add_failure(about.kind, about.url, failure) end
  if REFUSED[response.status] then
    return run.findings:add("error", about.kind, about.url, ("the header that was given is refused with %d"):format(
      response.status), "sign in anew and give that header; if it is good, look at authenticate, and whether a " ..
      "proxy drops it")
  end
  if response.status == 200 then return judge_answer(run, about, response) end
  run.findings:add("error", about.kind, about.url, outside.refusal(run, response))
end

--[[ Both ]]

local function url_of(run, kind, document)
  local named = document and document[kind]
  if kind == "updates" and type(named) == "table" then named = named.url end
  if outside.is_usable(named) then return named end
  local base = run.device and run.device.base_url
  return type(base) == "string" and ("%s/%s"):format(address.base(base), kind) or nil
end

--- Asks both as a device does that has not signed in, and as one that has.
---@param run table
---@param document table|nil the file that tells whom to ask
function endpoints.run(run, document)
  for _, kind in ipairs { "updates", "restore" } do
    local url = url_of(run, kind, document)
    if url and url:find "^https://" then
      local about = { kind = kind, url = url, member = MEMBER[kind], unknown = UNKNOWN, apps = apps_of(run, kind) }
      check_stranger(run, about)
      check_member(run, about)
    else
      local whose = ("%s of %s"):format(kind, run.domain or "devices")
      run.findings:add("skipped", kind, whose, "no https:// address to ask is known",
        (document and "correct the file that tells it, or " or "") .. "name the device's options with --device-config")
    end
  end
end

return endpoints
