--- What a marketplace answers to a question about apps, as a device reads it.
local members = require "marketplace.simulator.device.members"
local problem = require "marketplace.simulator.device.problem"

local answers = {}

---@class marketplace.simulator.Offer
---@field app string Apple's id of the app; nil in an install link
---@field apple_version_id string Apple's id of the app's version; likewise
---@field package string URL
---@field token? string
---@field share_url? string
---@field short_version? string
---@field build? string

--- Reads an offer: an entry of updates or restores, or the answer to the marketplace's app.
---@param entry table
---@param at string where it is, for reasons
---@return marketplace.simulator.Offer
function answers.offer(entry, at)
  return {
    app = members.id(entry, at, "appleItemId"), apple_version_id = members.id(entry, at, "appleVersionId"),
    package = members.text(entry, at, "alternativeDistributionPackage"),
    token = members.optional_text(entry, at, "installVerificationToken"),
    share_url = members.optional_text(entry, at, "appShareURL"),
    short_version = members.optional_text(entry, at, "shortVersionString"),
    build = members.optional_text(entry, at, "bundleVersion"),
  }
end

--- Reads a failure.
---@param entry table
---@param at string
---@return {app: string, apple_version_id: string, code: number, description: string|nil}
function answers.failure(entry, at)
  local failure = members.object(entry, at, "failure")
  return {
    app = members.id(entry, at, "appleItemId"), apple_version_id = members.id(entry, at, "appleVersionId"),
    code = members.number(failure, at .. "failure.", "code"),
    description = members.optional_text(failure, at .. "failure.", "description"),
  }
end

local function by_app(document, name, read, asked, warn)
  local found = {}
  for i, entry in ipairs(members.objects(document, "", name)) do
    local at = ("%s[%d]"):format(name, i)
    local one = read(entry, at .. ".")
    if not asked[one.app] then
      warn(("%s is about app %s, of which the device did not ask"):format(at, one.app))
    elseif found[one.app] then
      warn(("%s is a second one about app %s: the first counts"):format(at, one.app))
    else
      found[one.app] = one
    end
  end
  return found
end

--- Reads the answer to a question about several apps. Raises a problem if a device can do nothing with it.
---@param document table
---@param name "updates"|"restores"
---@param asked table<string, any> by Apple's id of the app
---@param warn fun(message: string)
---@return table<string, marketplace.simulator.Offer> offers
---@return table<string, table> failures
function answers.read(document, name, asked, warn)
  if document[name] == nil and document.failures == nil then
    problem.raise("unknown", "the answer has neither %s nor failures", name)
  end
  local offers = by_app(document, name, answers.offer, asked, warn)
  local failures = by_app(document, "failures", answers.failure, asked, warn)
  for app in pairs(failures) do
    if offers[app] then warn(("app %s is among both %s and failures: the former counts"):format(app, name)) end
  end
  return offers, failures
end

return answers
