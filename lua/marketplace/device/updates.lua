--- Updates: of each app the newest version that is available and runs on the device, if that is newer than what the
--- device has. What is current is left out, and a new revision of a version is no update.
local apps = require "marketplace.device.apps"
local offer = require "marketplace.device.offer"

local updates = {}

local function by_item(app)
  return app.item_id
end

--- Answers a question.
---@param device marketplace.device.Answerer
---@param question table of marketplace.device.questions, and perhaps the account's `territory`
---@return {updates: table[], failures: table[]}|nil document
---@return string? message
---@return string? code store_unavailable, crypto_failed
function updates.answer(device, question)
  local asked = {
    apps = apps.once(question.apps, by_item), newer = true, platform = question.platform, system = question.system,
    territory = question.territory,
  }
  local found, failures, code = apps.answer(device, asked, function(version)
    local made, message, problem = offer.of(device, version, device.update_dtype)
    if not made then return nil, message, problem end
    return offer.with_names(made, version)
  end)
  if not found then return nil, failures, code end
  return { updates = found, failures = failures }
end

return updates
