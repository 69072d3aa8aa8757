--- The headers of a device whose owner has signed in, for commands that ask a marketplace's server as devices do.
local file_mode = require "marketplace.file_mode"
local inputs = require "marketplace.cli.support.inputs"
local output = require "marketplace.cli.support.output"
local text = require "marketplace.text"

local headers = {}

local HEADER = "^[%w-]+:[^%c]+$"

--- Adds the options.
---@param command table argparse's
function headers.describe(command)
  command:option("--header", "header of a device that has signed in, \"Name: value\"; may be repeated; a secret one " ..
    "belongs in --header-file, as others of this machine see arguments"):count("*"):argname("LINE")
  command:option("--header-file", "file with such headers, one a line"):argname("PATH")
end

--- What they say.
---@param parsed table parsed arguments
---@return string[]|nil lines
---@return string? message if the file cannot be read, or has something else
---@return integer? status for os.exit, if not 1
function headers.read(parsed)
  local lines = {}
  for i, line in ipairs(parsed.header or {}) do
    if not line:find(HEADER) then return nil, "--header must be a line such as \"Authorization: Bearer TOKEN\"", 2 end
    lines[i] = line
  end
  if not parsed.header_file then return lines end
  file_mode.check(output.warn, parsed.header_file)
  local bytes, message = inputs.read(parsed.header_file)
  if not bytes then return nil, message end
  local number = 0
  for line in (bytes .. "\n"):gmatch "([^\n]*)\n" do
    number = number + 1
    if line:find "%S" and not line:find "^#" then
      if not text.trim(line):find(HEADER) then
        return nil, ("%s: line %d is no header, \"Name: value\""):format(text.safe(parsed.header_file), number)
      end
      lines[#lines + 1] = text.trim(line)
    end
  end
  return lines
end

return headers
