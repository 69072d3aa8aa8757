--- Scenarios of marketplace.core's functions that have no object.
local core = require "marketplace.core"

local function names_of_errors()
  local n = 0
  for _ in pairs(core.errors) do n = n + 1 end
  return n
end

return {
  { covers = { "core.now", "core.monotonic", "core.sleep", "core.process_id" },
    run = function()
      core.sleep(0)
      return type(core.now()), type(core.monotonic()), core.process_id()
    end },
  { covers = { "core.random_hex" }, codes = { "crypto_failed" },
    run = function() return #core.random_hex(32) end },
  { covers = { "core.is_utf8" },
    run = function() return core.is_utf8 "é", core.is_utf8 "\255" end },
  { covers = { "core.hash", "hash:add", "hash:copy", "hash:hex", "hash:close" }, codes = { "crypto_failed" },
    run = function()
      local hash, message, code = core.hash "md5"
      if not hash then return hash, message, code end
      local added, problem, its_code = hash:add "abc"
      if not added then return added, problem, its_code end
      local copy, failed, why = hash:copy()
      if not copy then return copy, failed, why end
      hash:close()
      return copy:hex()
    end },
  { covers = {
      "core.catch_signals", "core.stop_asked", "core.stopping_for", "core.limit_stop", "core.take_reload",
    },
    run = function()
      core.catch_signals()
      local limited = core.limit_stop(10, "stderr", "1970-01-01T00:00:00.000Z\n")
      return limited, core.stop_asked(), core.stopping_for(), core.take_reload()
    end },
  { covers = { "core.errors", "core.null", "core.user_id", "core.is_terminal", "core.hold_standard_streams" },
    run = function()
      core.hold_standard_streams()
      return names_of_errors(), core.null, core.user_id(), core.is_terminal "stdin"
    end },
  { covers = { "core.base64url", "core.base64url_decode" },
    run = function()
      local text = core.base64url(("\255\0"):rep(400))
      return text, core.base64url_decode(text) == ("\255\0"):rep(400), core.base64url_decode "="
    end },
  { covers = {
      "core.log_writer", "log_writer:write", "log_writer:failures", "log_writer:flush", "log_writer:close",
    },
    run = function()
      local writer, message, code = core.log_writer("stderr", 100)
      if not writer then return writer, message, code end
      local written = writer:write "a line\n"
      local flushed = writer:flush(60)
      local failed, problem, lasts = writer:failures()
      writer:close()
      return written, flushed, failed, problem, lasts
    end },
  { covers = { "core.start_command", "command:result", "command:close" },
    run = function()
      local command, message, code = core.start_command {
        arguments = { "/bin/cat" }, hidden = { "MARKETPLACE_*" }, added = { "NAME=value" }, input = "read",
        seconds = 60,
      }
      if not command then return command, message, code end
      local how, number, output = command:result()
      while not how do
        core.sleep(0.001)
        how, number, output = command:result()
      end
      command:close()
      if how == "not_started" then return nil, number, "out_of_memory" end
      return how, number, output
    end },
  { covers = { "core.http_date", "core.retry_after", "core.http_poll" },
    run = function()
      return core.http_date "Sun, 06 Nov 1994 08:49:37 GMT", core.retry_after("120", 1000), core.http_poll(0)
    end },
}
