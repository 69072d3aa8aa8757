--- What a command says of the events of marketplace.packages: JSON, one object a line, with --json; otherwise a line on
--- what has become of a version, and progress if there is a terminal to draw it on.
local core = require "marketplace.core"
local log = require "marketplace.log"
local output = require "marketplace.cli.support.output"
local progress = require "marketplace.cli.commands.packages.progress"

local report = {}

local Report = {}
Report.__index = Report

local JSON_SECONDS = 1 -- between two lines on the progress of an asset

-- Lines for people. What failed is the message at the command's end.
local LINES = {
  published = "%s is published",
  withdrawn = "%s is withdrawn",
}

-- Whether too little time has gone by since the last line on this asset.
local function is_too_soon(self, event)
  if event.event ~= "asset_progress" then return false end
  local now = core.monotonic()
  if now < (self.next_at[event.asset] or 0) then return true end
  self.next_at[event.asset] = now + JSON_SECONDS
  return false
end

local function write_json(self, event)
  if is_too_soon(self, event) then return end
  local object = { at = log.timestamp(core.now()) }
  for name, value in pairs(event) do object[name] = value end
  output.write(true, nil, object)
end

--- Takes an event; `listener`, if there is one, gets it first.
---@param event table
function Report:take(event)
  if self.listener then self.listener(event) end
  if self.as_json then return write_json(self, event) end
  local line = LINES[event.event]
  if line then
    self:close()
    output.write(false, line:format(event.version))
  end
  self:move(event)
end

--- Draws how far something has come, if there is a terminal.
---@param event table
function Report:move(event)
  if self.progress then self.progress:take(event) end
end

-- What the command says itself at its end.
local IS_SAID = { ["not fetched"] = true, ["given up"] = true }

-- Errors after which nothing can be fetched; others are about one version, which is fetched again.
local STOPS_ALL = {
  ["cannot fetch packages"] = true, ["no jobs"] = true, ["the end of a job is not recorded"] = true,
}

--- Writes an entry of the log to the standard error stream, if somebody should look at it.
---@param entry table
function Report:log(entry)
  self.has_failed = self.has_failed or STOPS_ALL[entry.message] or false
  if IS_SAID[entry.message] or entry.level == "info" and not self.is_verbose then return end
  self:close()
  log.text(io.stderr, log.line_for "stderr")(entry)
end

--- Removes the progress from the terminal.
function Report:close()
  if self.progress then self.progress:erase() end
end

--- Progress on the standard error stream; nil if that is no terminal.
---@return table|nil
function report.progress()
  if not core.is_terminal("stderr") then return nil end
  return progress.new(function(bytes)
    io.stderr:write(bytes)
    io.stderr:flush()
  end)
end

--- A report on the standard output.
---@param options table parsed arguments
---@return table
function report.new(options)
  return setmetatable({
    as_json = options.json, is_verbose = options.verbose, next_at = {}, has_failed = false,
    progress = not options.json and report.progress() or nil,
  }, Report)
end

return report
