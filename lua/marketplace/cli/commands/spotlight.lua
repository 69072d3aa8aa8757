--- marketplace spotlight: the catalogue for Spotlight as files of a static site.
local chosen = require "marketplace.cli.support.packages"
local config = require "marketplace.cli.support.config"
local log = require "marketplace.log"
local lua_file = require "marketplace.lua_file"
local output = require "marketplace.cli.support.output"

local spotlight = {}

function spotlight.describe(command)
  command:argument("options", "Lua file that returns the options of marketplace.spotlight, perhaps without `packages`")
    :argname("OPTIONS.lua")
  command:argument("site", "folder that a web server has at base_url, made if it is not there"):argname("DIR")
  chosen.describe(command)
  config.describe(command)
  output.describe_json(command)
end

local function load_options(path)
  local given, problem = lua_file.options(path, "the catalogue's file")
  if not given then return nil, problem end
  local copy = {}
  for name, value in pairs(given) do copy[name] = value end
  return copy
end

-- --folder comes before what the file says, and the file before what all commands share.
local function open_packages(parsed, given)
  if not parsed.folder and type(given.packages) == "table" then return given.packages end
  if not parsed.folder and type(given.packages) == "string" then
    parsed.folder, parsed.folder_source = given.packages, "packages in " .. parsed.options
  else
    local problem = chosen.resolve(parsed)
    if problem then return nil, problem end
  end
  return chosen.open_existing(parsed, { log = given.log })
end

local function warn(entry)
  output.warn(log.words(entry))
end

local function write(parsed, given)
  local ok, made, message = pcall(require("marketplace.spotlight").new, given)
  if not ok then return nil, ("%s: %s"):format(parsed.options, made) end
  if not made then return nil, message end
  return made:write(parsed.site)
end

function spotlight.run(parsed)
  local given, problem = load_options(parsed.options)
  if not given then return 1, problem end
  given.log = { write = warn, wants_info = false }
  given.packages, problem = open_packages(parsed, given)
  if not given.packages then return 1, problem end
  local outcome, message = write(parsed, given)
  given.packages:close()
  if not outcome then return 1, message end
  output.write(parsed.json, ("apps listed: %d; files written: %d, left as they were: %d, removed: %d"):format(
    outcome.apps, outcome.written, outcome.unchanged, outcome.removed), outcome)
  return 0
end

return spotlight
