--- Trims text from outside in time that is linear in its length, and makes it safe to show.
---
--- The usual patterns for trimming, such as "^%s*(.-)%s*$", take time that grows with the square of a run of white
--- space, which the sender can make long.
local core = require "marketplace.core"

local text = {}

--- Without the white space at its end.
---@param value string
---@return string
function text.trim_end(value)
  -- greedy: the search for the last character that is not white space begins at the end
  return value:match("^.*%S") or ""
end

--- Without the white space around it.
---@param value string
---@return string
function text.trim(value)
  local first = value:find("%S")
  return first and value:match("^.*%S", first) or ""
end

--- A number with all of its digits, as other programs read it: with a decimal point, even if a handlers file has set a
--- locale that writes a comma.
---@param value number
---@return string
function text.number(value)
  return (("%.17g"):format(value):gsub(",", "."))
end

local UNITS = { "kB", "MB", "GB", "TB", "PB" }

-- Three digits, cut off: what is not complete must not look complete.
local function three_digits(value)
  local places = value < 10 and 2 or value < 100 and 1 or 0
  local scale = 10 ^ places
  local cut = math.floor(value * scale + 1e-9) / scale
  return (("%." .. places .. "f"):format(cut):gsub(",", "."))
end

--- A number of bytes as people read it: "0 B", "999 kB", "2.81 GB". A kilobyte has 1000 bytes, as on disks' labels.
---@param bytes number
---@return string
function text.bytes(bytes)
  if bytes < 1000 then return ("%d B"):format(math.floor(bytes)) end
  local shown, unit = bytes / 1000, 1
  while shown >= 1000 and UNITS[unit + 1] do shown, unit = shown / 1000, unit + 1 end
  return three_digits(shown) .. " " .. UNITS[unit]
end

--- A number that another program has written, which Lua 5.1 reads in its locale only; nil if it is not a number.
---@param value string|nil
---@return number|nil
function text.to_number(value)
  return value and (tonumber(value) or tonumber((value:gsub("%.", ","))))
end

local function escape_byte(byte)
  return ("\\x%02x"):format(byte:byte())
end

--- As UTF-8: unchanged if it is that, otherwise with every byte above 127 as \xHH.
---@param value string
---@return string
function text.utf8(value)
  if core.is_utf8(value) then return value end
  return (value:gsub("[\128-\255]", escape_byte))
end

-- Beyond ASCII, in UTF-8: the C1 controls; the marks, embeddings, overrides and isolates of text that runs from right
-- to left (Unicode's Bidi_Control), which can show text in another order; the separators of lines and paragraphs.
local STEERING = { "\194[\128-\159]", "\216\156", "\226\128[\142\143\168-\174]", "\226\129[\166-\169]" }

local function escape_character(bytes)
  local first, second, third = bytes:byte(1, 3)
  local code = third and first % 16 * 4096 + second % 64 * 64 + third % 64 or first % 32 * 64 + second % 64
  return ("\\u%04x"):format(code)
end

local function escape_steering(value)
  if not value:find("[\128-\255]") then return value end
  for _, pattern in ipairs(STEERING) do value = value:gsub(pattern, escape_character) end
  return value
end

--- As text that cannot begin a new line, control a terminal or be displayed in another order than it has.
---@param value any
---@return string UTF-8
function text.safe(value)
  return (escape_steering(text.utf8(tostring(value))):gsub("[%z\1-\31\127]", escape_byte))
end

--- As lines that cannot control a terminal: text.safe, but for line feeds and tabs.
---@param value string
---@return string UTF-8
function text.safe_lines(value)
  return (escape_steering(text.utf8(value)):gsub("[%z\1-\8\11-\31\127]", escape_byte))
end

--- A JSON document that cannot control a terminal: the same document, written with escapes.
---@param document string UTF-8, without control characters of ASCII, as every encoder writes it
---@return string
function text.safe_json(document)
  return (escape_steering(document))
end

--- How many columns of a terminal it takes: one for each character.
---@param value string UTF-8
---@return integer
function text.columns(value)
  local _, continued = value:gsub("[\128-\191]", "")
  return #value - continued
end

--- Its beginning, of at most this many bytes: UTF-8 stays UTF-8.
---@param value string
---@param most integer bytes
---@return string
function text.cut(value, most)
  if #value <= most then return value end
  return (value:sub(1, most):gsub("[\192-\255][\128-\191]*$", ""))
end

local HIDDEN = "(hidden)"
local SHORTEST_BEGINNING = 4 -- bytes of a secret that are worth hiding if a text ends in the middle of it

local function replaced(value, old, new)
  local parts, from = {}, 1
  local first, last = value:find(old, 1, true)
  while first do
    parts[#parts + 1] = value:sub(from, first - 1)
    parts[#parts + 1] = new
    from = last + 1
    first, last = value:find(old, from, true)
  end
  parts[#parts + 1] = value:sub(from)
  return table.concat(parts)
end

local function without_beginning(value, secret)
  for n = math.min(#secret - 1, #value), SHORTEST_BEGINNING, -1 do
    if value:sub(-n) == secret:sub(1, n) then return value:sub(1, -n - 1) .. HIDDEN end
  end
  return value
end

--- With "(hidden)" in place of every secret, and of the beginning of one at the text's end, where it may have been cut
--- off.
---@param value string
---@param secrets? string[]
---@return string
function text.hide(value, secrets)
  local longest_first = {}
  for _, secret in ipairs(secrets or {}) do
    if secret ~= "" then longest_first[#longest_first + 1] = secret end
  end
  table.sort(longest_first, function(a, b) return #a > #b end)
  for _, secret in ipairs(longest_first) do
    value = without_beginning(replaced(value, secret, HIDDEN), secret)
  end
  return value
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
