--- The command's output. Results go to the standard output: one result is a line, or JSON with --json; a list is a
--- table on a terminal and JSON, one object a line, elsewhere. Errors and notices go to the standard error stream.
--- Nothing in the output can control a terminal.
local core = require "marketplace.core"
local json = require "marketplace.json"
local text = require "marketplace.text"

local output = {
  --- The error of the standard output, if there was one.
  ---@type string?
  problem = nil,
}

-- JSON is UTF-8, but the text in a notification need not be.
local function as_utf8(value)
  if type(value) == "string" then return text.utf8(value) end
  if type(value) ~= "table" then return value end
  local copy = setmetatable({}, getmetatable(value))
  for name, member in pairs(value) do copy[as_utf8(name)] = as_utf8(member) end
  return copy
end

--- Bytes on the standard output, as they are.
---@param bytes string
function output.raw(bytes)
  local ok, problem = io.stdout:write(bytes)
  if ok then ok, problem = io.stdout:flush() end
  if not ok then output.problem = "cannot write: " .. tostring(problem) end
end

--- Writes an error or a notice to the standard error stream.
---@param message string
function output.note(message)
  io.stderr:write("marketplace: ", text.safe_lines(message), "\n")
end

--- Writes a warning to the standard error stream.
---@param message string
function output.warn(message)
  output.note("warning: " .. message)
end

--[[ One result ]]

--- Adds the option that has results written as JSON.
---@param command table argparse's
function output.describe_json(command)
  command:flag("--json", "write JSON, one object a line")
end

local function lines_of(line)
  if type(line) == "string" then return text.safe(line) end
  local lines = {}
  for place, one in ipairs(line) do lines[place] = text.safe(one) end
  return table.concat(lines, "\n")
end

--- One result on the standard output.
---@param as_json boolean|nil
---@param line string|string[]|nil for people: one line, or several
---@param object table|nil for machines
function output.write(as_json, line, object)
  output.raw((as_json and text.safe_json(json.encode(as_utf8(object))) or lines_of(line)) .. "\n")
end

--[[ Lists ]]

--- Adds the options that say how a list is written.
---@param command table argparse's
function output.describe_list(command)
  command:mutex(
    command:flag("--json", "write JSON, one object a line, even on a terminal"),
    command:flag("--table", "write a table, even if the output is not a terminal")
  )
end

--- Whether a command writes its list as JSON.
---@param options table parsed arguments of a command that `describe_list` described
---@return boolean
function output.lists_json(options)
  return not options.table and (options.json or not core.is_terminal("stdout"))
end

local MOST_COLUMNS = 100 -- of a terminal
local GAP, NOTHING = "  ", "-"

local function cell(column, object)
  local value = column[2]
  if type(value) == "function" then value = value(object) else value = object[value] end
  if value == nil then return NOTHING end
  if type(value) == "boolean" then return value and "yes" or "no" end
  return text.safe(value)
end

local function padded(row, widths, count)
  local cells = {}
  for place = 1, count do cells[place] = row[place] .. (" "):rep(widths[place] - text.columns(row[place])) end
  return text.trim_end(table.concat(cells, GAP))
end

local function rows_of(columns, objects)
  local rows, widths = { {} }, {}
  for place, column in ipairs(columns) do rows[1][place] = column[1] end
  for _, object in ipairs(objects) do
    local row = {}
    for place, column in ipairs(columns) do row[place] = cell(column, object) end
    rows[#rows + 1] = row
  end
  for _, row in ipairs(rows) do
    for place, word in ipairs(row) do widths[place] = math.max(widths[place] or 0, text.columns(word)) end
  end
  return rows, widths
end

-- How many of a row's columns stand beside one another in a line that is not too wide: the last of them needs no more
-- room than it takes.
local function fitting(row, widths)
  local start = 0
  for place, word in ipairs(row) do
    if place > 1 and start + text.columns(word) > MOST_COLUMNS then return place - 1 end
    start = start + widths[place] + #GAP
  end
  return #row
end

-- The columns that do not fit, each below its row with its heading, unless there is nothing in it.
local function write_below(headings, row, first)
  for place = first, #row do
    if row[place] ~= NOTHING then output.write(false, ("    %s: %s"):format(headings[place], row[place])) end
  end
end

local function write_table(columns, objects)
  local rows, widths = rows_of(columns, objects)
  for number, row in ipairs(rows) do
    local count = fitting(row, widths)
    output.write(false, padded(row, widths, count))
    if number > 1 then write_below(rows[1], row, count + 1) end
  end
end

--- Writes a list; says so if it may go on beyond --limit.
---@param options table parsed arguments of a command that `describe_list` described
---@param columns {[1]: string, [2]: string|fun(object: table): any}[] heading, and the member that stands in the column
---@param objects table[]
---@param for_machines? fun(object: table): table what is written of one as JSON
function output.list(options, columns, objects, for_machines)
  if output.lists_json(options) then
    for _, object in ipairs(objects) do output.write(true, nil, for_machines and for_machines(object) or object) end
  else
    write_table(columns, objects)
  end
  if options.limit == #objects then
    output.note(("only the first %d are shown; --limit shows more"):format(options.limit))
  end
end

return output
