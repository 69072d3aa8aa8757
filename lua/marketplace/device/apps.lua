--- Answers about many apps, which updates and restore have in common.
local json = require "marketplace.json"
local offer = require "marketplace.device.offer"

local apps = {}

--- Each once, the first of its kind.
---@param list {item_id: string, apple_version_id: string}[]
---@param key fun(app: table): string what those that are the same have in common
---@return table[]
function apps.once(list, key)
  local kept, seen = {}, {}
  for _, app in ipairs(list) do
    local name = key(app)
    if not seen[name] then
      seen[name] = true
      kept[#kept + 1] = app
    end
  end
  return kept
end

local function failure_of(app, outcome)
  return {
    appleItemId = app.item_id, appleVersionId = app.apple_version_id, failure = offer.failure(outcome),
  }
end

--- What is to be had, and what is not.
---@param device marketplace.device.Answerer
---@param asked table as of packages:served
---@param offer_of fun(version: table): table|nil, string?, string?
---@return table[]|nil offers
---@return table[]|string failures or the message
---@return string? code store_unavailable, crypto_failed
function apps.answer(device, asked, offer_of)
  local served, message, code = device.packages:served(asked)
  if not served then return nil, message, code end
  local offers, failures = json.list {}, json.list {}
  for i, one in ipairs(served) do
    if one.outcome == "served" then
      offers[#offers + 1], message, code = offer_of(one.version)
      if message then return nil, message, code end
    elseif one.outcome ~= "current" then
      failures[#failures + 1] = failure_of(asked.apps[i], one.outcome)
    end
  end
  return offers, failures
end

return apps
