--- A target of log entries that never waits for who reads the log: a thread writes the lines.
---
--- What does not fit into its queue, or cannot be written (a full disk, a reader that has gone), is dropped, counted,
--- and told once the log can be written again. What is queued is lost if the process is killed: the last milliseconds,
--- unless the reader is slow.
local core = require "marketplace.core"
local log = require "marketplace.log"

local log_queue = {}

local QUEUE_BYTES = 1048576

local function reason_of(self, problem)
  return self.was_full and "the reader of the log is too slow" or "the log cannot be written: " .. tostring(problem)
end

-- A line that is dropped as well must not count as told.
local function tell_dropped(self)
  local failed, problem, lasts = self.writer:failures()
  local untold = self.full + failed - self.told
  if untold == 0 or lasts then return end
  local line = self.format {
    level = "warning", message = "log lines dropped", at = core.now(), count = untold,
    reason = reason_of(self, problem),
  }
  if self.writer:write(line .. "\n") then self.told, self.was_full = self.told + untold, false end
end

local function add(self, lines)
  tell_dropped(self)
  if self.writer:write(lines .. "\n") then return end
  self.full, self.was_full = self.full + 1, true
end

local function close(self)
  tell_dropped(self)
  self.writer:close()
end

---@class marketplace.LogQueue a target as marketplace.log's, and:
---@field write fun(entry: table)
---@field wants_info boolean
---@field stream "stdout"|"stderr"
---@field format fun(entry: table): string|nil
---@field say fun(lines: string) adds lines that are no entries, without the last line feed
---@field turn fun() tells what was dropped, if the log can be written again: to be called about once a second
---@field dropped fun(): integer lines since the start
---@field close fun() waits until what is queued is written, for a second at most, and ends the thread

--- Opens one.
---@param stream "stdout"|"stderr"
---@param format fun(entry: table): string|nil the line of an entry, without a line feed; nil: it gets none
---@return marketplace.LogQueue|nil target
---@return string? message
---@return string? code out_of_memory
function log_queue.open(stream, format)
  local writer, message, code = core.log_writer(stream, QUEUE_BYTES)
  if not writer then return nil, message, code end
  local self = { writer = writer, format = format, full = 0, told = 0, was_full = false }
  local target = log.target(function(entry)
    local line = format(entry)
    if line then add(self, line) end
  end)
  target.stream, target.format = stream, format
  function target.say(lines) add(self, lines) end
  function target.turn() tell_dropped(self) end
  function target.dropped() return self.full + (writer:failures()) end
  function target.close() close(self) end
  return target
end

return log_queue
