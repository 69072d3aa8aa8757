--- What is wrong with the file that tells devices whom to ask. It comes from outside: nothing of it is trusted to have
--- the type that it should have.
local json = require "marketplace.json"
local outside = require "marketplace.check.outside"

local well_known_shape = {}

local LEAST_HOURS, MOST_HOURS = 24, 720
local LICENSE = { "dynamicLicenseURL", "licenseRenewalURL", "signingCertificateURL", "encryptionCertificateURL" }
local RESOLUTION = "licenseResolutionURL"
local MEMBERS = { restore = true, updates = true, license = true, overridesByAppleItemID = true }
local OVERRIDES = { restore = true, updates = true, license = true }
local UPDATES = { url = true, pollingInterval = true }
local MOST_PROBLEMS = 20

local BY_OPTIONS = "correct it; marketplace.device makes it from its options"

local Shape = {}
Shape.__index = Shape

function Shape:add(level, problem, action)
  if #self.list < MOST_PROBLEMS then
    self.list[#self.list + 1] = { level = level, problem = problem, action = action or BY_OPTIONS }
  end
end

local function kind_of(value)
  if value == json.null then return "null" end
  if type(value) ~= "table" then return "a " .. type(value) end
  return json.is_list(value) and "a list" or "an object"
end

function Shape:wrong(at, value, expected)
  if value == nil then return self:add("error", at .. " is missing") end
  self:add("error", ("%s is %s, not %s"):format(at, kind_of(value), expected))
end

-- The names of an object's members, in order: so that the same file has the same findings.
local function sorted(object)
  local names = {}
  for name in pairs(object) do names[#names + 1] = tostring(name) end
  table.sort(names)
  return names
end

function Shape:unknown(at, object, known)
  for _, name in ipairs(sorted(object)) do
    if not known[name] then
      self:add("warning", ("%s%s is not a member that devices know"):format(at, self.shown(name)))
    end
  end
end

function Shape:url(at, url)
  if type(url) ~= "string" then return self:wrong(at, url, "a URL") end
  if outside.is_usable(url) then return end
  self:add("error", ("%s is %s: devices take nothing but https:// URLs"):format(at, self.shown(url)))
end

function Shape:interval(at, hours)
  if type(hours) ~= "number" then return self:wrong(at, hours, "a number") end
  if hours > MOST_HOURS then
    return self:add("error", ("%s is %.0f, which can only be seconds: it is in hours, and devices would next ask " ..
      "for updates in %.1f years"):format(at, hours, hours / 24 / 365), "give it in hours, such as 24")
  end
  if hours % 1 ~= 0 or hours < 1 then
    return self:add("error", ("%s is %s, and not a whole number of hours"):format(at, tostring(hours)))
  end
  if hours < LEAST_HOURS then
    self:add("warning", ("%s is %d: devices take less than 24 hours as 24"):format(at, hours), "give 24 or more")
  end
end

function Shape:updates(at, updates)
  if not json.is_object(updates) then return self:wrong(at, updates, "an object") end
  self:unknown(at .. ".", updates, UPDATES)
  self:url(at .. ".url", updates.url)
  self:interval(at .. ".pollingInterval", updates.pollingInterval)
end

function Shape:license(at, license)
  if not json.is_object(license) then return self:wrong(at, license, "an object") end
  local known = { [RESOLUTION] = true }
  for _, name in ipairs(LICENSE) do
    known[name] = true
    if license[name] == nil then
      self:add("warning", ("%s.%s is missing: licences need it"):format(at, name))
    else
      self:url(("%s.%s"):format(at, name), license[name])
    end
  end
  if license[RESOLUTION] ~= nil then self:url(("%s.%s"):format(at, RESOLUTION), license[RESOLUTION]) end
  self:unknown(at .. ".", license, known)
end

function Shape:override(at, override)
  if not json.is_object(override) then return self:wrong(at, override, "an object") end
  self:unknown(at .. ".", override, OVERRIDES)
  if override.restore ~= nil then self:url(at .. ".restore", override.restore) end
  if override.updates ~= nil then self:updates(at .. ".updates", override.updates) end
  if override.license ~= nil then self:license(at .. ".license", override.license) end
end

function Shape:overrides(overrides)
  if not json.is_object(overrides) then return self:wrong("overridesByAppleItemID", overrides, "an object") end
  for _, item in ipairs(sorted(overrides)) do
    local at = ("overridesByAppleItemID[%s]"):format(self.shown(item))
    if not item:find "^%d+$" then self:add("error", at .. " is not named by Apple's id of an app") end
    self:override(at, overrides[item])
  end
end

--- What is wrong, at most twenty things.
---@param document table a JSON object
---@param shown fun(value: any): string makes text from outside safe to show
---@return {level: "error"|"warning", problem: string, action: string}[]
function well_known_shape.problems(document, shown)
  local self = setmetatable({ list = {}, shown = shown }, Shape)
  self:unknown("", document, MEMBERS)
  self:url("restore", document.restore)
  self:updates("updates", document.updates)
  if document.license == nil then
    self:add("warning", "license is missing: a device installs no app without a licence",
      "give the addresses of your licence server: option licensing or license of marketplace.device")
  else
    self:license("license", document.license)
  end
  if document.overridesByAppleItemID ~= nil then self:overrides(document.overridesByAppleItemID) end
  return self.list
end

return well_known_shape
