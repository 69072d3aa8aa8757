--- How an alert is told: by a function, or by a command that runs beside this process.
---
--- Each is a function that is given an alert and returns a run of it; see marketplace.alerts.Options.
local core = require "marketplace.core"
local json = require "marketplace.json"
local log = require "marketplace.log"
local text = require "marketplace.text"

local tellers = {}

local COMMAND_SECONDS = 30
local MOST_OUTPUT = 300 -- bytes

-- The secret, and the passwords of databases, of which an inbox's URL may have one. Of another alert's variables none
-- must be left.
local HIDDEN = { "MARKETPLACE_SECRET", "MARKETPLACE_INBOX", "PGPASSWORD", "REDISCLI_AUTH", "MARKETPLACE_ALERT_*" }

--[[ A function ]]

local Called = {}
Called.__index = Called

function Called:result() return self.is_told, self.problem end

function Called:close() end -- luacheck: no self

--- Calls it. It has failed if it raises, or returns nil or false and a message.
---@param on_alert fun(alert: marketplace.Alert): any, string?
---@return fun(alert: marketplace.Alert): table
function tellers.of_function(on_alert)
  return function(alert)
    local ok, result, message = pcall(on_alert, alert)
    local problem = not ok and result or not result and message or nil
    return setmetatable({ is_told = problem == nil, problem = problem and tostring(problem) }, Called)
  end
end

--[[ A command ]]

local Run = {}
Run.__index = Run

local function last_words(output)
  local words = text.one_line(text.safe_lines(output))
  if words == "" then return "" end
  if #words > MOST_OUTPUT then words = "… " .. words:sub(-MOST_OUTPUT):gsub("^[\128-\191]+", "") end
  return ": " .. words
end

local function problem_of(how, number)
  if how == "not_started" then return ("cannot be started: %s"):format(number) end
  if how == "timed_out" then return ("was ended, because it took longer than %d s"):format(COMMAND_SECONDS) end
  if how == "killed" then return ("was ended by signal %d"):format(number) end
  if how == "exited" and number ~= 0 then return ("ended with status %d"):format(number) end
end

function Run:result()
  local how, number, output = self.command:result()
  if not how then return nil end
  local problem = problem_of(how, number)
  if not problem then return true end
  -- not which: a token may be among its words
  return false, ("the alert's command %s%s"):format(problem, last_words(output))
end

function Run:close()
  self.command:close()
end

-- One word is a program; whatever else is said in a shell's words.
local function arguments_of(command)
  local found = core.stat(command)
  if found and found.type == "file" or not command:find "[^%w_@%%+:,./-]" then return { command } end
  return { "/bin/sh", "-c", command }
end

local function document_of(alert)
  return {
    id = alert.id, name = alert.name, state = alert.state, level = alert.level, about = alert.about,
    message = alert.message, since = log.timestamp(alert.since), at = log.timestamp(alert.at),
  }
end

local function variables_of(document)
  local variables = {}
  for name, value in pairs(document) do
    variables[#variables + 1] = ("MARKETPLACE_ALERT_%s=%s"):format(name:upper(), value)
  end
  return variables
end

--- Runs it, with the alert as JSON on its standard input and in MARKETPLACE_ALERT_ variables, for 30 seconds at most.
--- It has failed if its status is not 0.
---@param command string path of a program, or a shell's words
---@return fun(alert: marketplace.Alert): table
function tellers.of_command(command)
  local arguments = arguments_of(command)
  return function(alert)
    local document = document_of(alert)
    local run, message = core.start_command {
      arguments = arguments, hidden = HIDDEN, added = variables_of(document), input = json.encode(document) .. "\n",
      seconds = COMMAND_SECONDS,
    }
    if not run then error(message, 0) end
    return setmetatable({ command = run }, Run)
  end
end

-- Whether others or the owner may run it: the system says so exactly when it is run.
local function is_program(found)
  local mode = found and found.type == "file" and found.mode or 0
  for _, bit in ipairs { 1, 8, 64 } do
    if math.floor(mode / bit) % 2 == 1 then return true end
  end
  return false
end

local function path_problem(path)
  local found = core.stat(path)
  if is_program(found) then return nil end
  if not found then return "there is no file " .. text.safe(path) end
  if found.type ~= "file" then return text.safe(path) .. " is no file" end
  return ("%s is not executable: chmod +x %s"):format(text.safe(path), text.safe(text.shell_word(path)))
end

--- Why a command cannot be run, if that is known before.
---@param command string
---@return string|nil problem
function tellers.command_problem(command)
  if not command:find "%S" then return "a program, or a shell's words, is expected" end
  local program = arguments_of(command)[1]
  if program:find("/", 1, true) then return path_problem(program) end
  for folder in ((os.getenv "PATH" or "") .. ":"):gmatch "([^:]*):" do
    if is_program(core.stat((folder == "" and "." or folder) .. "/" .. program)) then return nil end
  end
  return ("there is no program %s in PATH"):format(text.safe(program))
end

return tellers
