--- Text from outside: trimmed in a time that grows with its length only, and made fit to be shown.
---
--- The usual patterns for this, such as "^%s*(.-)%s*$", take a time that grows with the square of a run of white space,
--- which whoever sends the text can make long.
local core = require "marketplace.core"

local text = {}

--- Without the white space at its end.
---@param value string
---@return string
function text.trim_end(value)
  -- greedy: the search for the last that is no white space begins at the end
  return value:match("^.*%S") or ""
end

--- Without the white space around it.
---@param value string
---@return string
function text.trim(value)
  local first = value:find("%S")
  return first and value:match("^.*%S", first) or ""
end

local function escape_byte(byte)
  return ("\\x%02x"):format(byte:byte())
end

--- As UTF-8: as it is where it is that, otherwise with every byte above 127 as \xHH.
---@param value string
---@return string
function text.utf8(value)
  if core.is_utf8(value) then return value end
  return (value:gsub("[\128-\255]", escape_byte))
end

--- As text that can neither begin a line of its own nor steer a terminal.
---@param value any
---@return string
function text.safe(value)
  return (tostring(value):gsub("[%z\1-\31\127]", escape_byte))
end

--- Several lines as one.
---@param value string
---@return string
function text.one_line(value)
  local lines = {}
  for line in value:gmatch("[^\n]+") do lines[#lines + 1] = text.trim(line) end
  return table.concat(lines, " | ")
end

--- As one word of a shell's command line.
---@param value string
---@return string
function text.shell_word(value)
  if value ~= "" and not value:find("[^%w_@%%+=:,./%[%]-]") then return value end
  return "'" .. value:gsub("'", "'\\''") .. "'"
end

return text
