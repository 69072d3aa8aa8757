--- The questions of a device about what it has: updates and restores.
local answers = require "marketplace.simulator.device.answers"
local configuration = require "marketplace.simulator.device.configuration"
local fetch = require "marketplace.simulator.device.fetch"
local fits = require "marketplace.packages.fits"
local json = require "marketplace.json"
local problem = require "marketplace.simulator.device.problem"

local questions = {}

--[[ Asking ]]

-- Apps that are asked for at the same address are asked for together.
local function groups_of(phone, ids, name)
  local groups, by_url = {}, {}
  for _, id in ipairs(ids) do
    local place = configuration.of_app(phone, id, name)
    local group = by_url[place]
    if not group then
      group = { url = place, ids = {}, asked = {} }
      groups[#groups + 1], by_url[place] = group, group
    end
    if not group.asked[id] then group.ids[#group.ids + 1], group.asked[id] = id, true end
  end
  return groups
end

local function question_of(phone, ids)
  local apps = json.list {}
  for i, id in ipairs(ids) do
    apps[i] = { appleItemId = id, appleVersionId = phone.state:get(id).apple_version_id }
  end
  return { apps = apps, platform = phone.platform, osVersion = phone.system }
end

-- Offers and failures, by app.
local function ask_about(phone, group, list_name)
  local document = phone.internet:ask(group.url, question_of(phone, group.ids))
  local read, reason, name = problem.caught(function()
    return { answers.read(document, list_name, group.asked, phone.warn) }
  end)
  if not read then problem.raise(name, "%s: %s", group.url, reason) end
  return read[1], read[2]
end

local function ask(phone, ids, kind)
  for _, group in ipairs(groups_of(phone, phone.state:ids(ids), kind.endpoint)) do
    local offers, failures = ask_about(phone, group, kind.list)
    for _, id in ipairs(group.ids) do
      if offers[id] then
        kind.take(phone, phone.state:get(id), offers[id])
      elseif failures[id] then
        phone.report:refuse(failures[id])
      else
        kind.without_answer(phone, phone.state:get(id))
      end
    end
  end
end

--[[ Updates ]]

local UPDATES = { endpoint = "updates", list = "updates" }

function UPDATES.take(phone, installed, offer)
  if not offer.short_version or not offer.build then
    phone.warn(("the update of app %s lacks shortVersionString or bundleVersion"):format(installed.app))
  end
  if fits.is_older(installed.apple_version_id, offer.apple_version_id) then
    return fetch.take(phone, offer, "updated", function() return installed end)
  end
  phone.report:fail(installed.app, offer.apple_version_id, "mismatchedInstallType",
    ("the device has %s, and %s is no update"):format(installed.apple_version_id, offer.apple_version_id))
end

function UPDATES.without_answer(phone, installed)
  phone.report:describe(installed.app, "current", installed)
end

--- Takes the updates that are offered. Raises a problem if nobody can be asked.
---@param phone table
---@param ids string[]|nil the apps, otherwise all
function questions.update(phone, ids)
  ask(phone, ids, UPDATES)
end

--[[ Restores ]]

local RESTORES = { endpoint = "restore", list = "restores" }

function RESTORES.take(phone, installed, offer)
  if offer.apple_version_id == installed.apple_version_id then
    return fetch.take(phone, offer, "restored", function() end)
  end
  phone.report:fail(installed.app, offer.apple_version_id, "mismatchedInstallType",
    ("version %s was asked for, and %s is offered"):format(installed.apple_version_id, offer.apple_version_id))
end

function RESTORES.without_answer(phone, installed)
  phone.report:fail(installed.app, installed.apple_version_id, "unknown", "it is among neither restores nor failures")
end

--- Fetches the very versions that the device has. Raises a problem if nobody can be asked.
---@param phone table
---@param ids string[]|nil the apps, otherwise all
function questions.restore(phone, ids)
  ask(phone, ids, RESTORES)
end

return questions
