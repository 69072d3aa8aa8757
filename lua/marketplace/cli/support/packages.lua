--- The folder of packages that a command uses: --folder, or MARKETPLACE_PACKAGES, or `packages` in the config file, or
--- the default.
local config = require "marketplace.cli.support.config"
local core = require "marketplace.core"
local installation = require "marketplace.cli.support.installation"

local chosen = {}

local DEFAULT = "packages"
local DEFAULT_SOURCE = "the default"
local STORE = "/state/store.db"

--- Adds the option that names the folder.
---@param command table argparse's
function chosen.describe(command)
  command:option("--folder", ("folder of the packages (without it: MARKETPLACE_PACKAGES, or else `packages` in the " ..
    "config file, or else %s in the current folder)"):format(DEFAULT)):argname("DIR")
end

--- Sets `folder` in the parsed arguments to the folder to use, and `folder_source` to what named it.
---@param parsed table parsed arguments
---@return string? problem with the config file
function chosen.resolve(parsed)
  if parsed.folder then
    parsed.folder_source = "--folder"
    return nil
  end
  parsed.folder, parsed.folder_source = config.environment "MARKETPLACE_PACKAGES", "MARKETPLACE_PACKAGES"
  if parsed.folder then return nil end
  local settings, path_or_message = config.read(parsed)
  if not settings then return path_or_message end
  parsed.folder, parsed.folder_source = settings.packages, settings.packages and "packages in " .. path_or_message
  if not parsed.folder then parsed.folder, parsed.folder_source = DEFAULT, DEFAULT_SOURCE end
end

local function sourced(parsed, message)
  if parsed.folder_source == DEFAULT_SOURCE then
    return message .. " (no folder was named, so it is the default: --folder names another)"
  end
  return ("%s (the folder of the packages is set by %s)"):format(message, parsed.folder_source)
end

--- What is missing of the rocks that packages need, or wrong with them; nil if nothing is.
---@return string?
function chosen.rock_problem()
  return installation.problem "marketplace.package_io" or installation.problem "marketplace.sqlite"
end

--- Opens the packages.
---@param parsed table resolved
---@param settings? table of marketplace.packages, but for the folder
---@return table|nil packages
---@return string? message, which says what named the folder
function chosen.open(parsed, settings)
  local problem = chosen.rock_problem()
  if problem then return nil, problem end
  local given = { folder = parsed.folder }
  for name, value in pairs(settings or {}) do given[name] = value end
  local packages, message = require("marketplace.packages").new(given)
  if packages then return packages end
  return nil, sourced(parsed, message)
end

--- Opens packages that others made: a command that looks or takes down makes no folder.
---@param parsed table resolved
---@param settings? table as for `open`
---@return table|nil packages
---@return string? message
function chosen.open_existing(parsed, settings)
  if not core.file_id(parsed.folder .. STORE) then
    return nil, sourced(parsed, ("there are no packages in %s: `marketplace packages work` " ..
      "or `fetch` makes the folder"):format(parsed.folder))
  end
  return chosen.open(parsed, settings)
end

return chosen
