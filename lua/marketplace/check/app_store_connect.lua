--- What App Store Connect says: whether it accepts the key, which domains and which keys are registered, and what time
--- it is.
local clock = require "marketplace.check.clock"
local jsonapi = require "marketplace.client.jsonapi"

local app_store_connect = {}

local NAME = "App Store Connect"
local MOST = 200 -- of a list: more than anybody has

--[[ Calls ]]

local ACTIONS = {
  unauthorized =
    "check whether the key file, --key-id and --issuer-id belong together, and whether the key was revoked",
  rate_limited = "wait, and find out what else uses this key",
  connect_failed = "look at this machine's way to the internet, and at --api-url",
  tls_failed = "look at this machine's way to the internet, and at --api-url and --ca-file",
  timeout = "try again; https://developer.apple.com/system-status/ says whether Apple has an outage",
}
local FORBIDDEN = "have the account holder sign the agreements that wait, and give the key a role that may do this"
local UNKNOWN = "look at the ids that were given, such as --app: that of the marketplace's app in App Store Connect"
local OTHER = "find out whether it is Apple that answers (--api-url, a proxy); if it is, try again"
local OUTAGE = "try again; https://developer.apple.com/system-status/ says whether Apple has an outage"

local IS_FOR_ALL = {
  unauthorized = true, rate_limited = true, connect_failed = true, tls_failed = true, timeout = true,
  key_invalid = true, crypto_failed = true,
}

local function action_of(code, detail)
  local status = detail and detail.status or 0
  if ACTIONS[code] then return ACTIONS[code] end
  if status == 403 then return FORBIDDEN end
  if status == 404 then return UNKNOWN end
  if status >= 500 then return OUTAGE end
  return OTHER
end

--- Makes a call of the API; tells what failed, and asks no more after what would fail again.
---@param run table
---@param check string what the call is for
---@param about string
---@param call fun(client: marketplace.Client): any, any, string?, table? as the client's functions return
---@return any|nil result nil: it has been told
---@return any more
---@return table? detail of a failure
function app_store_connect.call(run, check, about, call)
  local reason = not run.client and "no key of App Store Connect's API was given, so that it was not asked"
    or run.api_failed and "App Store Connect could not be asked"
    or run.left() <= 0 and ("the %.4g s for the whole check were over"):format(run.within)
  if reason then
    run.findings:add("skipped", check, about, reason)
    return nil
  end
  local result, more, code, detail = call(run.client)
  if result then return result, more end
  run.api_failed = run.api_failed or IS_FOR_ALL[code]
  run.findings:add("error", check, about, run.findings:shown(more), action_of(code, detail))
  return nil, nil, detail
end

--[[ What is registered ]]

local function domains_of(client)
  local document, response, code, detail = client:request("GET", "/v1/alternativeDistributionDomains",
    { query = { limit = MOST } })
  if not document then return nil, response, code, detail end
  local list, problem = jsonapi.list(document)
  if not list then return nil, "App Store Connect's list of domains: " .. tostring(problem), "answer_invalid" end
  return list, response
end

local function names_of(run, list)
  local names = {}
  for _, domain in ipairs(list) do
    if type(domain.domain) == "string" then names[#names + 1] = domain.domain:lower():gsub("%.$", "") end
  end
  run.domains = names
  return names
end

local function has(list, name)
  for _, one in ipairs(list) do
    if one == name then return true end
  end
  return false
end

local function judge_domain(run, names)
  local findings = run.findings
  if not run.domain then return nil end
  if has(names, run.domain) then
    return findings:add("ok", "domain", run.domain, "it is registered at App Store Connect")
  end
  local registered = #names == 0 and "no domain is" or findings:shown(table.concat(names, ", ")) .. " is"
  findings:add("error", "domain", run.domain, ("it is not registered at App Store Connect: %s"):format(registered),
    "register it there for alternative distribution, or name another one with --domain: devices ask no other")
end

local function judge_clock(run, response)
  local at = clock.of(response)
  if not at then
    return run.findings:add("skipped", "clock", "this machine", "App Store Connect did not say what time it is")
  end
  local here = run.clock()
  clock.judge(run, "this machine", here, at, "App Store Connect's")
  run.offset = math.abs(at - here) > 1 and at - here or 0 -- the answer tells whole seconds
end

local function read_keys(run)
  local list = app_store_connect.call(run, "token", NAME, function(client)
    return client.alternativeDistributionKeys:list { limit = MOST }
  end)
  if not list then return end
  run.keys = {}
  for _, key in ipairs(list) do
    run.keys[#run.keys + 1] = { id = key.id, pem = type(key.publicKey) == "string" and key.publicKey or nil }
  end
  if #run.keys > 0 then return end
  run.findings:add("error", "token", NAME, "no alternative distribution key is registered",
    "register the public key of the key that signs install verification tokens")
end

--- Asks what later parts compare with: `run.domains`, `run.keys`, `run.offset` of this machine's clock.
---@param run table
function app_store_connect.run(run)
  local domains, response = app_store_connect.call(run, "app_store_connect", NAME, domains_of)
  if domains then
    run.findings:add("ok", "app_store_connect", NAME, "it accepts the key of its API")
    judge_clock(run, response)
    judge_domain(run, names_of(run, domains))
  end
  if run.client and not run.api_failed then read_keys(run) end
end

return app_store_connect
