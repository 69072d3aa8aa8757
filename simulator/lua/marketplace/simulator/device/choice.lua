--- Which of a package's files a device takes: the variant for its model and system, or the delta that leads there from
--- the version that it has.
local fits = require "marketplace.packages.fits"
local problem = require "marketplace.simulator.device.problem"

local choice = {}

local function invalid(at, form, ...)
  problem.raise("invalidManifest", at .. form, ...)
end

local function check_target(target, at)
  if type(target) ~= "table" or type(target.device) ~= "string" or type(target.os) ~= "string" then
    invalid(at, " must have device and os, texts")
  end
end

-- The newest system among the targets of this model that is not newer than the device's; nil if there is none.
local function target_of(targets, at, phone)
  if type(targets) ~= "table" then invalid(at, " is %s, not a list", problem.shown(targets)) end
  local found
  for i, target in ipairs(targets) do
    check_target(target, ("%s[%d]"):format(at, i))
    local is_possible = target.device == phone.model and not fits.is_older(phone.system, target.os)
    if is_possible and not (found and fits.is_older(target.os, found)) then found = target.os end
  end
  return found
end

local function names_of(phone)
  return ("%s with %s %s"):format(phone.model, phone.platform, phone.system)
end

--- The variant. Raises noSupportedVariant if there is none.
---@param document table the manifest as it was decoded
---@param manifest marketplace.packages.Manifest the same, checked
---@param phone table {model=, system=, platform=}
---@return marketplace.packages.Asset
function choice.variant(document, manifest, phone)
  local found, newest
  for i, entry in ipairs(document.variants) do
    local system = target_of(entry.installTargets, ("variants[%d].installTargets"):format(i), phone)
    if system and not (newest and fits.is_older(system, newest)) then
      found, newest = manifest.assets[i], system
    end
  end
  return found or problem.raise("noSupportedVariant", "none of the %d variants is for %s", #document.variants,
    names_of(phone))
end

-- A delta that names no models is for all that have its source.
local function leads(delta, entry, at, variant, installed, phone)
  if delta.target ~= variant.path or not delta.source then return false end
  if delta.source.apple_version_id ~= installed.apple_version_id then return false end
  local targets = entry.sourceVariant.installTargets
  local names_none = targets == nil or type(targets) == "table" and next(targets) == nil
  return names_none or target_of(targets, at, phone) ~= nil
end

--- The smallest delta that leads to a variant; nil if there is none.
---@param document table
---@param manifest marketplace.packages.Manifest
---@param variant marketplace.packages.Asset
---@param installed {apple_version_id: string}
---@param phone table
---@return marketplace.packages.Asset|nil
function choice.delta(document, manifest, variant, installed, phone)
  local found
  for i, entry in ipairs(document.deltas or {}) do
    local delta = manifest.assets[#document.variants + i]
    local at = ("deltas[%d].sourceVariant.installTargets"):format(i)
    if leads(delta, entry, at, variant, installed, phone) and not (found and found.size <= delta.size) then
      found = delta
    end
  end
  return found
end

--[[ Whether the device can have it at all ]]

local function least_of(systems, platform)
  for name, least in pairs(systems) do
    if name:lower() == platform then return least end
  end
end

local function has(list, wanted)
  for _, one in ipairs(list) do
    if one:lower() == wanted then return true end
  end
  return false
end

local function missing_of(capabilities, lacking)
  local missing = {}
  for _, name in ipairs(lacking) do
    if has(capabilities, name:lower()) then missing[#missing + 1] = name end
  end
  return missing
end

--- Raises a problem unless the app runs there. An iPad runs apps for iOS.
---@param manifest marketplace.packages.Manifest
---@param phone table with lacks=: capabilities
function choice.check_device(manifest, phone)
  local platform = phone.platform:lower()
  if platform == "ipados" and not has(manifest.platforms, platform) then platform = "ios" end
  if not has(manifest.platforms, platform) then
    problem.raise("unsupportedPlatform", "the app is for %s", problem.shown(table.concat(manifest.platforms, ", ")))
  end
  local least = least_of(manifest.minimum_systems, platform)
  if least and fits.is_older(phone.system, least) then
    problem.raise("minimumPlatformVersionNotSatisfied", "the app needs %s, and the device has %s", problem.shown(least),
      phone.system)
  end
  local missing = missing_of(manifest.capabilities, phone.lacks)
  if #missing > 0 then problem.raise("missingCapabilities", "the device lacks %s", table.concat(missing, ", ")) end
end

return choice
