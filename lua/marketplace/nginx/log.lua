--- nginx's error log as the log of a receiver: the entries of marketplace.log, whose `info`, `warning` and `error`
--- are nginx's info, warn and error. nginx adds the time, the process and the client.
local errlog = require "ngx.errlog"
local log = require "marketplace.log"
local text = require "marketplace.text"

local nginx_log = {}

local LEVELS = { info = ngx.INFO, warning = ngx.WARN, error = ngx.ERR }

local function wants(level)
  return errlog.get_sys_filter_level() >= level
end

local function write(entry)
  local level = LEVELS[entry.level]
  if not wants(level) then return end
  -- a log that fails must not stop what it reports
  local ok, words = pcall(log.words, entry)
  errlog.raw_log(level, ok and words or "the log failed: " .. text.safe(words))
end

--- A target as marketplace.log's. Each location of a configuration may have its own level, so it is asked each time.
---@type {write: fun(entry: table), wants_info: boolean}
nginx_log.target = setmetatable({ write = write }, {
  __index = function(_, name)
    if name == "wants_info" then return wants(ngx.INFO) end
  end,
})

--- Writes to the log what an operator should change, though everything works.
---@param message string
function nginx_log.advise(message)
  write { level = "warning", message = "advice", reason = message }
end

return nginx_log
