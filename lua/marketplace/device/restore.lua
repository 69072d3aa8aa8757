--- Restore: that very version of each app, in its current revision.
local apps = require "marketplace.device.apps"
local offer = require "marketplace.device.offer"

local restore = {}

local function by_version(app)
  return ("%s %s"):format(app.item_id, (app.apple_version_id:gsub("^0+", "")))
end

--- Answers a question.
---@param device marketplace.device.Answerer
---@param question table of marketplace.device.questions, and perhaps the account's `territory`
---@return {restores: table[], failures: table[]}|nil document
---@return string? message
---@return string? code store_unavailable, crypto_failed
function restore.answer(device, question)
  local asked = {
    apps = apps.once(question.apps, by_version), platform = question.platform, system = question.system,
    territory = question.territory,
  }
  local found, failures, code = apps.answer(device, asked, function(version)
    return offer.of(device, version, "redownload")
  end)
  if not found then return nil, failures, code end
  return { restores = found, failures = failures }
end

return restore
