--- What the command says, for people or for machines.
local core = require "marketplace.core"
local json = require "marketplace.json"
local text = require "marketplace.text"

local output = {
  --- What went wrong with the standard output, if anything did.
  ---@type string?
  problem = nil,
}

-- JSON is UTF-8; what a notification holds need not be.
local function shown(object)
  local copy = {}
  for name, value in pairs(object) do copy[name] = type(value) == "string" and text.utf8(value) or value end
  return copy
end

--- One result on the standard output.
---@param as_json boolean|nil
---@param line string for people
---@param object table for machines
function output.write(as_json, line, object)
  if as_json then line = json.encode(shown(object)) end
  output.raw(line .. "\n")
end

--- Bytes on the standard output, as they are.
---@param bytes string
function output.raw(bytes)
  local ok, problem = io.stdout:write(bytes)
  if ok then ok, problem = io.stdout:flush() end
  if not ok then output.problem = "cannot write: " .. tostring(problem) end
end

--- A complaint or a hint on the standard error stream.
---@param message string
function output.note(message)
  io.stderr:write("marketplace: ", message, "\n")
end

--- Adds the option that has results written as JSON.
---@param command table argparse's
function output.describe_json(command)
  command:flag("--json", "write JSON, one object a line")
end

--[[ Lists ]]

--- Adds the options that say how a list is written.
---@param command table argparse's
function output.describe_list(command)
  command:mutex(
    command:flag("--json", "Write JSON, one object a line, also on a terminal."),
    command:flag("--table", "Write a table, also where no terminal is.")
  )
end

--- The lines of a table: a heading, then a line for each object, in columns.
---@param columns {[1]: string, [2]: fun(object: table, context: any): any}[] heading, and what stands in the column
---@param objects table[]
---@param context? any for the columns' functions
---@return string[]
function output.table_lines(columns, objects, context)
  local rows, widths = { {} }, {}
  for place, column in ipairs(columns) do rows[1][place] = column[1] end
  for _, object in ipairs(objects) do
    local row = {}
    for place, column in ipairs(columns) do row[place] = text.safe(column[2](object, context)) end
    rows[#rows + 1] = row
  end
  for _, row in ipairs(rows) do
    for place, word in ipairs(row) do widths[place] = math.max(widths[place] or 0, #word) end
  end
  for i, row in ipairs(rows) do
    for place = 1, #row - 1 do row[place] = row[place] .. (" "):rep(widths[place] - #row[place]) end
    rows[i] = text.trim_end(table.concat(row, "  "))
  end
  return rows
end

--- Writes a list: a table on a terminal, otherwise JSON, one object a line.
---@param options table parsed arguments of a command that `describe_list` described
---@param columns table see table_lines
---@param objects table[]
function output.list(options, columns, objects)
  if options.json or not (options.table or core.is_terminal("stdout")) then
    for _, object in ipairs(objects) do output.write(true, nil, object) end
  else
    for _, line in ipairs(output.table_lines(columns, objects)) do output.write(false, line) end
  end
end

return output
