--- Whether a version runs on a device, as far as its manifest says: by platform, and by the least system.
local fits = {}

-- Decimal digits, of any number: a double does not hold Apple's longest.
local function is_less(one, other)
  one, other = one:gsub("^0+", ""), other:gsub("^0+", "")
  if #one ~= #other then return #one < #other end
  return one < other
end

--- Whether one system's version is older than another: "17.4" is older than "17.10" and as old as "17.4.0".
---@param one string
---@param other string
---@return boolean
function fits.is_older(one, other)
  local next_of_one, next_of_other = one:gmatch "%d+", other:gmatch "%d+"
  while true do
    local mine, its = next_of_one(), next_of_other()
    if not (mine or its) then return false end
    mine, its = mine or "0", its or "0"
    if is_less(mine, its) then return true end
    if is_less(its, mine) then return false end
  end
end

local function has_platform(version, platform)
  for _, one in ipairs(version.platforms) do
    if one:lower() == platform then return true end
  end
  return false
end

-- An iPad, which may say that its platform is iPadOS, runs what is for iOS: manifests have no other name for it.
local function platform_of(version, platform)
  platform = platform:lower()
  if platform == "ipados" and not has_platform(version, platform) then return "ios" end
  return platform
end

--- Whether a version runs there.
---@param version {platforms: string[], minimum_systems: table<string, string>}
---@param platform string|nil such as "iOS" or "iPadOS", in any case; nil: any
---@param system string|nil version of the system; nil: any
---@return boolean
function fits.runs_on(version, platform, system)
  if not platform then return true end
  platform = platform_of(version, platform)
  if not has_platform(version, platform) then return false end
  for name, least in pairs(version.minimum_systems) do
    if system and name:lower() == platform and fits.is_older(system, least) then return false end
  end
  return true
end

return fits
