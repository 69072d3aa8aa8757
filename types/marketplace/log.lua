---@meta marketplace.log
-- Written by `make docs` from the comments in the source: change them there.

---@class marketplace.log
local log = {}

--- Seconds since the epoch as "2026-01-31T12:00:00.250Z".
---@param seconds number
---@return string
function log.timestamp(seconds) end

--- The message, then what is known as name=value, for a log that has its own time and level.
---@param entry table
---@return string words on one line
function log.words(entry) end

--- One line: time, level, message, then what is known as name=value.
---@param entry table
---@return string line without a line feed
function log.line(entry) end

--- A sink that writes lines for people.
---@param stream file*
---@return fun(entry: table)
function log.text(stream) end

--- A sink that writes one JSON object a line; `at` is a timestamp in it.
---@param stream file*
---@return fun(entry: table)
function log.json(stream) end

--- Where a part writes to: the operator's own log, or, where there is none, the standard error stream, which gets
--- only what somebody should look at.
---@param given? fun(entry: table)|table a function, or what this function gave
---@return {write: fun(entry: table), wants_info: boolean}
function log.target(given) end

return log
