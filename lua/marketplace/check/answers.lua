--- What is wrong with an answer to a device: whether it has the shape that devices read, offers what is served here,
--- and says of an app that nobody knows that it is gone. Gathers `run.bases`, where packages lie, and `run.tokens`.
local json = require "marketplace.json"
local outside = require "marketplace.check.outside"

local answers = {}

local TEXTS = { "appleItemId", "appleVersionId", "alternativeDistributionPackage", "installVerificationToken" }
local MOST_PROBLEMS = 5

--- How a version is named in `run.bases`.
---@param of {appleItemId: string, appleVersionId: string}
---@return string
function answers.key(of)
  return of.appleItemId .. "/" .. of.appleVersionId
end

local function list_of(document, member)
  local list = document[member]
  return json.is_list(list) and list or nil
end

--- Whether a host is a registered domain or below one.
---@param run table
---@param host string
---@return boolean
function answers.is_below_domain(run, host)
  local function is_of(domain)
    return host == domain or host:sub(-#domain - 1) == "." .. domain
  end
  for _, domain in ipairs(run.domains or {}) do
    if is_of(domain) then return true end
  end
  return run.domain ~= nil and is_of(run.domain)
end

--[[ Offers ]]

local function text_problem(entry)
  for _, name in ipairs(TEXTS) do
    if type(entry[name]) ~= "string" or entry[name] == "" then return name .. " is missing or not a text" end
  end
end

local function package_problem(run, url)
  if not url:find "^https://" then return "alternativeDistributionPackage is not an https:// URL", nil end
  local host = outside.host(url)
  if answers.is_below_domain(run, host) then return nil end
  return ("alternativeDistributionPackage is on %s, which is not below the registered domain"):format(
    run.findings:shown(host)), "serve packages from a host below it, and name that as packages_url"
end

-- What is wrong with one; what is right is kept for later.
local function offer_problem(run, entry)
  if not json.is_object(entry) then return "an entry is not an object" end
  local problem = text_problem(entry)
  if problem then return problem end
  local message, action = package_problem(run, entry.alternativeDistributionPackage)
  run.tokens[#run.tokens + 1] = { token = entry.installVerificationToken, item_id = entry.appleItemId }
  if message then return message, action end
  run.bases[answers.key(entry)] = entry.alternativeDistributionPackage
end

--[[ Failures ]]

local function is_failure(entry)
  return json.is_object(entry) and type(entry.appleItemId) == "string" and json.is_object(entry.failure) and
    entry.failure.code == 404
end

local function failed_items(list)
  local items, is_sound = {}, true
  for _, entry in ipairs(list) do
    if is_failure(entry) then items[entry.appleItemId] = true else is_sound = false end
  end
  return items, is_sound
end

--[[ The whole ]]

local function judge_offers(run, about, offers)
  local seen, problems = {}, 0
  for i, entry in ipairs(offers) do
    local message, action = offer_problem(run, entry)
    if message then
      problems = problems + 1
      if problems <= MOST_PROBLEMS then
        run.findings:add("error", about.kind, about.url, ("%s[%d]: %s"):format(about.member, i, message), action or
          "have marketplace.device answer, or do as docs/device.md says")
      end
    else
      seen[answers.key { appleItemId = entry.appleItemId, appleVersionId = about.kind == "updates" and "0" or
        entry.appleVersionId }] = true
    end
  end
  return seen, problems == 0
end

local function not_offered(about, seen)
  local refused = {}
  for _, app in ipairs(about.apps) do
    if not seen[answers.key(app)] then refused[#refused + 1] = app.appleItemId end
  end
  return refused
end

local function judge_coverage(run, about, seen, failed)
  local is_fine = true
  if not failed[about.unknown] then
    is_fine = false
    run.findings:add("warning", about.kind, about.url,
      "an app that does not exist is not among the failures with code 404",
      "name each app that is gone in failures: otherwise devices do not learn that it was taken down")
  end
  local refused = not_offered(about, seen)
  if #refused > 0 then
    is_fine = false
    run.findings:add("warning", about.kind, about.url, ("%d of %d apps that are served are not offered: %s"):format(
      #refused, #about.apps, run.findings:shown(table.concat(refused, " "))),
      "unless the account's territory is the reason, check whether the server uses this folder of packages")
  end
  if not is_fine then return end
  run.findings:add("ok", about.kind, about.url, ("a device that has signed in is answered, with each of the %d " ..
    "apps that it asked for"):format(#about.apps))
end

--- Judges an answer of status 200.
---@param run table
---@param about {kind: string, url: string, member: string, unknown: string, apps: table[]} unknown: an app's id that
--- was asked for, besides `apps`
---@param document table a JSON object
function answers.judge(run, about, document)
  local offers, failures = list_of(document, about.member), list_of(document, "failures")
  if not offers or not failures then
    local name = offers and "failures" or about.member
    local given = document[name]
    return run.findings:add("error", about.kind, about.url, ("the answer's member %s is %s"):format(name,
      (given == nil or given == json.null) and "missing" or "not a list"),
      "have marketplace.device answer, or do as docs/device.md says")
  end
  local seen, is_sound = judge_offers(run, about, offers)
  local failed, are_sound = failed_items(failures)
  if not are_sound then
    run.findings:add("error", about.kind, about.url, "an entry of failures is not as devices read it: " ..
      "{appleItemId, appleVersionId, failure: {code: 404, description}}", "do as docs/device.md says")
  end
  if is_sound and are_sound then judge_coverage(run, about, seen, failed) end
end

return answers
