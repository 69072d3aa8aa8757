--- Lays the words of a log entry out in lines that a terminal has room for.
local text = require "marketplace.text"
local unpack = require("marketplace.runtime").unpack

local log_layout = {}

local MOST_COLUMNS, MOST_LINES = 159, 5
local INDENT = "    "

-- How many bytes so many columns of UTF-8 have.
local function bytes_of(words, columns)
  local count = 0
  for place in words:gmatch "()[^\128-\191]" do
    if count == columns then return place - 1 end
    count = count + 1
  end
  return #words
end

-- Its first line and the rest; the line ends at a space if one is in its second half.
local function broken(words, columns)
  local most = bytes_of(words, columns)
  local place = words:sub(1, most + 1):match "^.* ()"
  if not place or place <= most / 2 then return words:sub(1, most), words:sub(most + 1) end
  return words:sub(1, place - 2), words:sub(place)
end

local function fitted(units)
  local lines, line = {}, nil
  for _, unit in ipairs(units) do
    local longer = line and line .. " " .. unit or unit
    if text.columns(longer) <= MOST_COLUMNS then
      line = longer
    else
      if line then lines[#lines + 1] = line end
      line = line and INDENT .. unit or unit
      while text.columns(line) > MOST_COLUMNS and #lines <= MOST_LINES do
        local first, rest = broken(line, MOST_COLUMNS)
        lines[#lines + 1], line = first, INDENT .. rest
      end
    end
  end
  lines[#lines + 1] = line
  return lines
end

--- Lines of at most 159 columns, at most five; those after the first are indented. What has no room is left out, and
--- "…" stands for it.
---@param units string[] UTF-8 without control characters; each is broken only if it is longer than a line
---@return string lines without the last line feed
function log_layout.lines(units)
  local lines = fitted(units)
  if #lines > MOST_LINES then
    local last = lines[MOST_LINES]
    lines = { unpack(lines, 1, MOST_LINES - 1) }
    lines[MOST_LINES] = last:sub(1, bytes_of(last, MOST_COLUMNS - 1)) .. "…"
  end
  return table.concat(lines, "\n")
end

return log_layout
