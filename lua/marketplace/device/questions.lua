--- What devices, and the operator's own app, ask: bodies, read and checked. What is wrong with one is said by the
--- member's name; nothing of the body is repeated.
local base64 = require "marketplace.base64"
local ids = require "marketplace.packages.ids"
local json = require "marketplace.json"

local questions = {}

questions.MOST_APPS = 1000

local MOST_NAME, MOST_SYSTEM = 32, 64 -- bytes

local Invalid = {}

local function invalid(form, ...)
  error(setmetatable({ message = form:format(...) }, Invalid), 0)
end

--[[ Members ]]

local function number_of(object, at, member)
  local value = object[member]
  if type(value) ~= "string" or not value:find "^[0-9]+$" then
    invalid("%s%s must be a decimal number in a string", at, member)
  end
  return value
end

local function platform_of(document)
  local platform = document.platform
  if type(platform) ~= "string" or #platform > MOST_NAME or not platform:find "^%w+$" then
    invalid "platform must be a name such as \"iOS\""
  end
  return platform
end

local function system_of(document)
  local system = document.osVersion
  if type(system) ~= "string" or #system > MOST_SYSTEM or not (system .. "."):find "^%d[%d.]*$" or
    (system .. "."):find("..", 1, true) then
    invalid "osVersion must be a version such as \"17.4\""
  end
  return system
end

local function boolean_of(document, member)
  local value = document[member]
  if value ~= nil and type(value) ~= "boolean" then invalid("%s must be true or false", member) end
  return value
end

local function apps_of(document)
  local list = document.apps
  if not json.is_list(list) then invalid "apps must be a list" end
  if #list > questions.MOST_APPS then
    invalid("apps has %d entries, and at most %d are answered: ask again for the others", #list, questions.MOST_APPS)
  end
  local apps = {}
  for i, entry in ipairs(list) do
    local at = ("apps[%d]"):format(i)
    if not json.is_object(entry) then invalid("%s must be an object", at) end
    apps[i] = {
      item_id = number_of(entry, at .. ".", "appleItemId"),
      apple_version_id = number_of(entry, at .. ".", "appleVersionId"),
    }
  end
  return apps
end

local function bytes_of(document, member)
  local text = document[member]
  local bytes = type(text) == "string" and base64.decode(text)
  if not bytes then invalid("%s must be base64", member) end
  return bytes
end

-- Apple's page spells the version's member in two ways.
local function asset_of(item_id, entry)
  if type(item_id) ~= "string" or not item_id:find "^[0-9]+$" then
    invalid "appsById must have decimal numbers as its members' names"
  end
  if not json.is_object(entry) then invalid "each member of appsById must be an object" end
  local version = entry.appleVersionId ~= nil and "appleVersionId" or "appleVersionID"
  if not ids.is_name(entry.assetPublicId) then invalid "assetPublicId must be the id of an asset" end
  return {
    item_id = item_id, apple_version_id = number_of(entry, "", version), public_id = entry.assetPublicId,
  }
end

local function assets_of(document)
  local by_id, assets = document.appsById, {}
  if not json.is_object(by_id) then invalid "appsById must be an object" end
  for item_id, entry in pairs(by_id) do
    assets[#assets + 1] = asset_of(item_id, entry)
    if #assets > questions.MOST_APPS then
      invalid("appsById has more than the %d apps that are licensed at once", questions.MOST_APPS)
    end
  end
  if #assets == 0 then invalid "appsById has no app" end
  table.sort(assets, function(one, other) return one.item_id < other.item_id end)
  return assets
end

--[[ Questions ]]

local function document_of(body)
  local document, problem = json.decode(body)
  if problem then invalid "the body is not JSON" end
  if not json.is_object(document) then invalid "the body must be a JSON object" end
  return document
end

local function read_apps(body)
  local document = document_of(body)
  return { apps = apps_of(document), platform = platform_of(document), system = system_of(document) }
end

local function read_install(body)
  local document = document_of(body)
  return {
    app = number_of(document, "", "appleItemId"),
    version = document.appleVersionId ~= nil and number_of(document, "", "appleVersionId") or nil,
    platform = document.platform ~= nil and platform_of(document) or nil,
    system = document.osVersion ~= nil and system_of(document) or nil,
    redownload = boolean_of(document, "redownload"),
  }
end

local function read_license(body)
  local document = document_of(body)
  return {
    request = bytes_of(document, "licenseRequest"), key = bytes_of(document, "licenseKey"), apps = assets_of(document),
  }
end

local function read_renewal(body)
  local document = document_of(body)
  return { request = bytes_of(document, "renewalRequest"), key = bytes_of(document, "licenseKey") }
end

local function guarded(read)
  return function(body)
    local ok, question = pcall(read, body)
    if ok then return question end
    if getmetatable(question) ~= Invalid then error(question, 0) end
    return nil, question.message
  end
end

--- Reads what a device asks: {"apps": [{"appleItemId", "appleVersionId"}], "platform", "osVersion"}.
---@type fun(body: string): {apps: {item_id: string, apple_version_id: string}[], platform: string, system: string}|nil,
--- string?
questions.of_apps = guarded(read_apps)

--- Reads what a device asks that needs licences: {"licenseRequest", "licenseKey", "appsById": {"<item id>":
--- {"appleVersionId", "assetPublicId"}}}.
---@type fun(body: string): {request: string, key: string, apps: {item_id: string, apple_version_id: string,
--- public_id: string}[]}|nil, string? request, key: bytes; apps: by item_id
questions.of_license = guarded(read_license)

--- Reads what a device asks whose licences end soon: {"renewalRequest", "licenseKey"}.
---@type fun(body: string): {request: string, key: string}|nil, string?
questions.of_renewal = guarded(read_renewal)

--- Reads what the operator's app asks: {"appleItemId", and perhaps "appleVersionId", "platform", "osVersion",
--- "redownload"}.
---@type fun(body: string): marketplace.DeviceInstallOptions|nil, string?
questions.of_install = guarded(read_install)

return questions
