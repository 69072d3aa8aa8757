--- The first half of a licence: what a device has sealed is opened, and the key blobs are looked up. What comes of it,
--- a job, is plain, and the program that has Apple's SDK does the second half (marketplace.device.sidecar).
---
--- A job without a `problem` is as it seems. With one, what the device sent cannot be opened, and the job goes its way
--- all the same, with random bytes in place of the request: otherwise the time that an answer takes would say what is
--- wrong, and whoever asks again and again could read by that what another device has sealed (csrc/core/envelope.h).
local base64 = require "marketplace.base64"
local json = require "marketplace.json"

local licence_job = {}

---@class marketplace.device.LicenceJob
---@field kind "dynamic"|"renewal"
---@field document string what the sidecar is asked: JSON
---@field item_ids? string[] of the apps, if it is dynamic
---@field unlicensed? string[] of those that are not available
---@field available? {item_id: string, apple_version_id: string}[] the others, of which licences may be made
---@field territory? string of the account
---@field problem? string what is wrong with it, for the log alone

local function apps_of(asked, found)
  local apps, job = json.list {}, { item_ids = {}, unlicensed = {}, available = {} }
  for i, app in ipairs(asked) do
    local one = found[i]
    job.item_ids[i] = app.item_id
    if one.available then
      job.available[#job.available + 1] = { item_id = app.item_id, apple_version_id = app.apple_version_id }
    else
      job.unlicensed[#job.unlicensed + 1] = app.item_id
    end
    apps[i] = {
      appleItemId = app.item_id, appleVersionId = app.apple_version_id, assetPublicId = app.public_id,
      available = one.available, keyBlob = one.key_blob or json.null,
    }
  end
  return job, apps
end

local function found_for(packages, question)
  if not question.apps then return {} end
  return packages:licensable { apps = question.apps, territory = question.territory }
end

--- Makes one.
---@param kind "dynamic"|"renewal"
---@param own {key: table, packages: marketplace.Packages} key: of core.envelope_key
---@param question table of marketplace.device.questions, with `account` and, if it is known, `territory`
---@return marketplace.device.LicenceJob|nil job
---@return string? message
---@return string? code store_unavailable, crypto_failed, out_of_memory
function licence_job.of(kind, own, question)
  local request, problem, code = own.key:open(question.key, question.request)
  if not request then return nil, problem, code end
  local found, message, its_code = found_for(own.packages, question)
  if not found then return nil, message, its_code end
  local job, document = {}, {
    kind = kind, account = question.account, territory = question.territory or json.null,
    licenseRequest = base64.encode(request),
  }
  if question.apps then job, document.apps = apps_of(question.apps, found) end
  job.kind, job.problem, job.territory, job.document = kind, problem, question.territory, json.encode(document)
  return job
end

--- Whether what was available when a job was made still is: the sidecar may take most of a minute.
---@param job marketplace.device.LicenceJob
---@param packages marketplace.Packages
---@return boolean|nil
---@return string? message
---@return string? code store_unavailable
function licence_job.is_current(job, packages)
  if not job.available then return true end
  local served, message, code = packages:served { apps = job.available, territory = job.territory }
  if not served then return nil, message, code end
  for _, one in ipairs(served) do
    if one.outcome ~= "served" then return false end
  end
  return true
end

return licence_job
