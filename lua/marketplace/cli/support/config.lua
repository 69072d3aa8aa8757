--- The config file: what an operator sets once for all commands.
---
--- Its path is given by --config, or by MARKETPLACE_CONFIG, or is ~/.config/marketplace/config if there is such a file,
--- or else /etc/marketplace/config if there is that. It has lines `name = value`, the value being the rest of the line,
--- and comments that begin a line with #. It must belong to root or to the user, and be readable and writable by nobody
--- else, but for the group that root gave it.
---
--- Names: key_file, key_id, issuer_id, individual (true or false), api_url, ca_file; inbox, attempts, keep; packages;
--- alert_command, alert_state, alert_age.
--- Paths are relative to the file's folder, that of a SQLite inbox too.
local check = require "marketplace.cli.support.options"
local core = require "marketplace.core"
local file_mode = require "marketplace.file_mode"
local inbox_url = require "marketplace.inbox.url"
local text = require "marketplace.text"

local config = {}

local SYSTEM_PATH = "/etc/marketplace/config" -- what Debian's package installs, for the services and for root

-- A user who can write it chooses the key and the server that tokens go to; one who can read it learns the ids.
local function permission_problem(path)
  local file, message = core.stat(path)
  if not file then return "the config file cannot be used: " .. message end
  if file.uid ~= 0 and file.uid ~= core.user_id() then
    return ("the config file belongs to another user (uid %d): %s"):format(file.uid, path)
  end
  if file_mode.others(file) ~= 0 then
    return ("others can read or write the config file: chmod 600 %s"):format(text.shell_word(path))
  end
end

--[[ Settings ]]

local function in_folder_of(path, name)
  if name:find("^/") then return name end
  return (path:match("^(.*/)[^/]*$") or "") .. name
end

local function as_it_is(value) return value end

local function as_path(value, path) return in_folder_of(path, value) end

local function as_boolean(value)
  if value ~= "true" and value ~= "false" then return nil, "must be true or false" end
  return value == "true"
end

-- The message quotes no value: a URL can hold a password.
local function as_inbox(value, path)
  local parsed, message = inbox_url.parse(value)
  if not parsed then return nil, "cannot be read: " .. message end
  return parsed.kind == "sqlite" and "sqlite:" .. in_folder_of(path, parsed.path) or value
end

local READ = {
  key_file = as_path, key_id = as_it_is, issuer_id = as_it_is, individual = as_boolean, api_url = as_it_is,
  ca_file = as_path, inbox = as_inbox, attempts = check.attempts, keep = check.keep, packages = as_path,
  alert_command = as_it_is, alert_state = as_path, alert_age = check.alert_age,
}
local NAMES = "key_file, key_id, issuer_id, individual, api_url, ca_file, inbox, attempts, keep, packages, " ..
  "alert_command, alert_state, alert_age"

--[[ Lines ]]

-- nil for a line without a setting, false and a message for one that is wrong.
local function read_line(line, path)
  line = text.trim(line)
  if line == "" or line:find("^#") then return nil end
  local name, given = line:match("^([^%s=]+)%s*=%s*(.*)$")
  if not name then return false, "a line must be name = value" end
  if not READ[name] then return false, ("unknown setting '%s'; known: %s"):format(text.safe(name), NAMES) end
  if given == "" then return false, name .. " has no value" end
  local value, problem = READ[name](given, path)
  if value == nil then return false, name .. " " .. problem end
  return name, value
end

local function parse(lines, path)
  local settings, number = {}, 0
  for line in (lines:gsub("^\239\187\191", "") .. "\n"):gmatch("([^\n]*)\n") do
    number = number + 1
    local name, value = read_line(line, path)
    if name and settings[name] ~= nil then name, value = false, name .. " is set twice" end
    if name == false then return nil, ("%s:%d: %s"):format(path, number, value) end
    if name then settings[name] = value end
  end
  return settings
end

--[[ The file ]]

--- A variable of the environment; an empty one counts as absent.
---@param name string
---@return string|nil
function config.environment(name)
  local value = os.getenv(name)
  return value ~= "" and value or nil
end

local function if_there(path) return path and core.file_id(path) and path end

local function default_path()
  local home = config.environment "HOME"
  return if_there(home and home .. "/.config/marketplace/config") or if_there(SYSTEM_PATH)
end

--- Adds the option that names the file.
---@param command table argparse's
function config.describe(command)
  command:option("--config", "file with settings, a line `name = value` each (without it: the file that " ..
    "MARKETPLACE_CONFIG names, or else ~/.config/marketplace/config or " .. SYSTEM_PATH .. ", if there is one)")
    :argname("PATH")
end

--- Reads the file; without one, there are no settings.
---@param parsed table parsed arguments of a command that `describe` described
---@return table|nil settings by the names above
---@return string? path_or_message of the file that was read
function config.read(parsed)
  local from_environment = not parsed.config and config.environment "MARKETPLACE_CONFIG"
  local path = parsed.config or from_environment or default_path()
  if not path then return {} end
  local problem = permission_problem(path)
  if problem then return nil, from_environment and problem .. " (MARKETPLACE_CONFIG names it)" or problem end
  local lines, read_problem = core.read_file(path)
  if not lines then return nil, "the config file cannot be read: " .. read_problem end
  local settings, line_problem = parse(lines, path)
  return settings, line_problem or path
end

return config
