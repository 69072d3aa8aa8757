--- The addresses that devices ask for updates and restores: that they refuse who has not signed in, and answer who has.
local address = require "marketplace.device.address"
local answers = require "marketplace.check.answers"
local clock = require "marketplace.check.clock"
local json = require "marketplace.json"
local outside = require "marketplace.check.outside"

local endpoints = {}

local UNKNOWN = "1"                         -- as Apple's id of an app: none has it
local PLATFORM, SYSTEM = "iOS", "99.0"      -- a device on which everything runs
local MEMBER = { updates = "updates", restore = "restores" }

--[[ What is asked ]]

local function body_of(run, kind)
  local apps = json.list { { appleItemId = UNKNOWN, appleVersionId = kind == "updates" and "0" or UNKNOWN } }
  for _, version in ipairs(run.versions) do
    apps[#apps + 1] = {
      appleItemId = version.item_id, appleVersionId = kind == "updates" and "0" or version.apple_version_id,
    }
  end
  return json.encode { apps = apps, platform = PLATFORM, osVersion = SYSTEM }
end

local function ask(run, kind, url, more)
  local headers = { "content-type: application/json", "accept: application/json" }
  for _, line in ipairs(more) do headers[#headers + 1] = line end
  return outside.ask(run, { method = "POST", url = url, headers = headers, body = body_of(run, kind) })
end

local function tell_failure(run, kind, url, failure)
  run.findings:add(failure.is_skipped and "skipped" or "error", kind, url, failure.message, failure.action)
end

--[[ Who has not signed in ]]

local REFUSED = { [401] = true, [403] = true }

local function check_stranger(run, kind, url)
  local response, failure = ask(run, kind, url, {})
  if not response then return tell_failure(run, kind, url, failure) end
  clock.judge_server(run, outside.host(url), response)
  local status = response.status
  if REFUSED[status] then
    return run.findings:add("ok", kind, url, ("who has not signed in is refused with %d"):format(status))
  end
  if status >= 200 and status <= 299 then
    return run.findings:add("warning", kind, url, ("who has not signed in is answered with %d"):format(status),
      "have authenticate return nil for them: otherwise devices never offer to sign in")
  end
  local message, action = outside.refusal(run, response)
  run.findings:add("error", kind, url, message .. " to who has not signed in, in place of 401", action)
end

--[[ Who has ]]

local function judge_answer(run, kind, url, response)
  local document, problem = json.decode(response.body)
  if problem or type(document) ~= "table" or document[1] ~= nil then
    return run.findings:add("error", kind, url, "the answer is not a JSON object: " ..
      run.findings:shown(response.body:sub(1, 80)), "find out what answers in place of marketplace.device")
  end
  answers.judge(run, { kind = kind, url = url, member = MEMBER[kind], unknown = UNKNOWN }, document)
end

local function check_member(run, kind, url)
  if #run.headers == 0 then
    return run.findings:add("skipped", kind, url, "no header of a device that has signed in was given, so that no " ..
      "answer and no install token was looked at", "give one with --header or --header-file")
  end
  local response, failure = ask(run, kind, url, run.headers)
  if not response then return tell_failure(run, kind, url, failure) end
  if REFUSED[response.status] then
    return run.findings:add("error", kind, url, ("the header that was given is refused with %d"):format(
      response.status), "sign in anew and give that header; if it is good, look at authenticate, and " ..
      "whether a proxy drops it")
  end
  if response.status == 200 then return judge_answer(run, kind, url, response) end
  run.findings:add("error", kind, url, outside.refusal(run, response))
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
      check_stranger(run, kind, url)
      check_member(run, kind, url)
    else
      run.findings:add("skipped", kind, run.domain or "devices", "no https:// address to ask is known")
    end
  end
end

return endpoints
