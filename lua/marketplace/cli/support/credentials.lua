--- What the command needs to talk to App Store Connect: options, over environment variables, over a config file.
---
--- The config file has lines `name = value`, the value as it stands to the line's end, and comments that begin a line
--- with #. Names: key_file (relative to the file's folder), key_id, issuer_id, individual (true or false), api_url,
--- ca_file (relative too).
local core = require "marketplace.core"
local dry_run = require "marketplace.cli.support.dry_run"
local http = require "marketplace.http"
local log = require "marketplace.log"
local output = require "marketplace.cli.support.output"
local text = require "marketplace.text"

local credentials = {}

local MOST_SECONDS = 86400

--[[ The config file ]]

local NAMES = { "key_file", "key_id", "issuer_id", "individual", "api_url", "ca_file" }
local PATHS = { key_file = true, ca_file = true }
local KNOWN = {}
for _, name in ipairs(NAMES) do KNOWN[name] = true end

-- Whoever can write it chooses the key and the server that tokens go to; whoever can read it learns the ids.
local function permission_problem(path)
  local file, message = core.stat(path)
  if not file then return "the config file cannot be used: " .. message end
  if file.uid ~= 0 and file.uid ~= core.user_id() then
    return ("the config file belongs to another user (uid %d): %s"):format(file.uid, path)
  end
  if file.mode % 64 ~= 0 then
    return ("others can read or write the config file: chmod 600 %s"):format(text.shell_word(path))
  end
end

local function in_folder_of(path, name)
  if name:find("^/") then return name end
  return (path:match("^(.*/)[^/]*$") or "") .. name
end

-- nil for a line without a setting, false and a message for one that is wrong.
local function read_line(line, path)
  line = text.trim(line)
  if line == "" or line:find("^#") then return nil end
  local name, value = line:match("^([^%s=]+)%s*=%s*(.*)$")
  if not name then return false, "name = value is expected" end
  if not KNOWN[name] then
    return false, ("there is no setting '%s'; known: %s"):format(text.safe(name), table.concat(NAMES, ", "))
  end
  if value == "" then return false, name .. " has no value" end
  if name ~= "individual" then return name, PATHS[name] and in_folder_of(path, value) or value end
  if value ~= "true" and value ~= "false" then return false, "individual is true or false" end
  return name, value == "true"
end

local function parse(lines, path)
  local settings, number = {}, 0
  for line in (lines:gsub("^\239\187\191", "") .. "\n"):gmatch("([^\n]*)\n") do
    number = number + 1
    local name, value = read_line(line, path)
    if name and settings[name] ~= nil then name, value = false, name .. " was set before" end
    if name == false then return nil, ("%s:%d: %s"):format(path, number, value) end
    if name then settings[name] = value end
  end
  return settings
end

local function from_file(path)
  local problem = permission_problem(path)
  if problem then return nil, problem end
  local lines, read_problem = core.read_file(path)
  if not lines then return nil, "the config file cannot be read: " .. read_problem end
  return parse(lines, path)
end

local function from_environment(name)
  local value = os.getenv(name)
  return value ~= "" and value or nil
end

local function default_config()
  local home = from_environment "HOME"
  local path = home and home .. "/.config/marketplace/config"
  return path and core.file_id(path) and path
end

--[[ The three layers ]]

-- Whose the key is, is one setting: a team's with its issuer id, or an individual's.
local function owner_of(...)
  for i = 1, select("#", ...) do
    local layer = select(i, ...)
    if layer.issuer_id or layer.individual then return layer.issuer_id, layer.individual or nil end
  end
end

--- The settings that the options, the environment and the config file give.
---@param parsed table parsed arguments
---@return table|nil settings key_file, key_id, issuer_id, individual, api_url, ca_file: nil where nothing gives them
---@return string? message
function credentials.settings(parsed)
  local path = parsed.config or from_environment "MARKETPLACE_CONFIG" or default_config()
  local config, message = {}, nil
  if path then config, message = from_file(path) end
  if not config then return nil, message end
  local environment = {}
  for _, name in ipairs { "key_file", "key_id", "issuer_id", "api_url" } do
    environment[name] = from_environment("MARKETPLACE_" .. name:upper())
  end
  local settings = {}
  for _, name in ipairs(NAMES) do settings[name] = parsed[name] or environment[name] or config[name] end
  settings.issuer_id, settings.individual = owner_of(parsed, environment, config)
  return settings
end

--- What is said where nothing gives a setting.
---@param name string such as "key_id"
---@return string
function credentials.missing(name)
  return ("--%s is missing, and so are MARKETPLACE_%s and %s in a config file"):format(name:gsub("_", "-"),
    name:upper(), name)
end

--[[ The command line ]]

--- Adds the options that name the key.
---@param command table argparse's
function credentials.describe_key(command)
  command:option("--config", "File with settings, `name = value` a line; without it MARKETPLACE_CONFIG names it, or " ..
    "it is ~/.config/marketplace/config where there is one."):argname("PATH")
  command:option("--key-file", "The private key, PEM; without it MARKETPLACE_KEY_FILE or key_file of the config file.")
    :argname("PATH")
  command:option("--key-id", "The key's id; without it MARKETPLACE_KEY_ID or key_id."):argname("ID")
  command:option("--issuer-id", "The team's issuer id; without it MARKETPLACE_ISSUER_ID or issuer_id."):argname("ID")
  command:flag("--individual", "The key is an individual's, not a team's.")
end

--- Adds the options of a command that talks to App Store Connect.
---@param command table argparse's
---@param changes? boolean whether the command changes something there: then --dry-run too
function credentials.describe(command, changes)
  credentials.describe_key(command)
  command:option("--api-url", "In place of App Store Connect's; without it MARKETPLACE_API_URL or api_url.")
    :argname("URL")
  command:option("--ca-file", "Certificates to trust in place of the system's, PEM; without it ca_file.")
    :argname("PATH")
  command:option("--timeout", "Seconds until a request is given up, its repetitions included."):argname("SECONDS")
  command:flag("--verbose", "Write a line for each request on the standard error stream.")
  if changes then
    command:flag("--dry-run", "Show the requests that would change something, and send none of them.")
  end
end

local function client_log(verbose)
  local write = log.text(io.stderr)
  return function(entry)
    if verbose or entry.level ~= "info" then write(entry) end
  end
end

--- Says so where anybody on the machine can read the private key.
---@param path string
function credentials.warn_of(path)
  local file = core.stat(path)
  if file and math.floor(file.mode / 4) % 2 == 1 then
    output.note(("warning: everybody on this machine can read the key file: chmod 600 %s"):format(
      text.shell_word(path)))
  end
end

local function usage_problem(parsed, settings)
  if not settings.key_file then return credentials.missing "key_file" end
  if not settings.key_id then return credentials.missing "key_id" end
  if not settings.issuer_id and not settings.individual then
    return credentials.missing "issuer_id" .. "; an individual's key has --individual in its place"
  end
  if settings.issuer_id and settings.individual then
    return "a key is a team's, with --issuer-id, or an individual's, with --individual"
  end
  local seconds = tonumber(parsed.timeout or 1)
  if not (seconds and seconds > 0 and seconds <= MOST_SECONDS) then
    return ("--timeout is a number of seconds, at most %d"):format(MOST_SECONDS)
  end
end

--- A client with the settings that the options, the environment and the config file give.
---@param parsed table parsed arguments of a command that `describe` described
---@return table|nil client
---@return integer? status for os.exit
---@return string? message
function credentials.client(parsed)
  local settings, message = credentials.settings(parsed)
  if not settings then return nil, 1, message end
  local usage = usage_problem(parsed, settings)
  if usage then return nil, 2, parsed.command .. ": " .. usage end
  credentials.warn_of(settings.key_file)
  local ok, made, problem = pcall(require("marketplace.client").new, {
    key_file = settings.key_file, key_id = settings.key_id, issuer_id = settings.issuer_id,
    individual = settings.individual, base_url = settings.api_url, ca_file = settings.ca_file,
    timeout = tonumber(parsed.timeout), log = client_log(parsed.verbose),
    transport = parsed.dry_run and dry_run.transport(parsed.json, http.exchange) or nil,
  })
  if not ok then return nil, 2, parsed.command .. ": " .. tostring(made) end
  if not made then return nil, 1, problem end
  return made
end

return credentials
