--- marketplace inbox backup: copies an inbox in SQLite into a file.
local chosen = require "marketplace.cli.support.inbox"
local core = require "marketplace.core"
local output = require "marketplace.cli.support.output"
local states = require "marketplace.cli.commands.inbox.states"

local backup = {}

function backup.describe(command)
  command:argument("file", "file to make, which must not be there yet"):argname("FILE")
  command:flag("--replace", "replace the file if it is there")
end

function backup.run(path, options)
  local box, problem = chosen.open_existing(options) -- which migrates its tables, if they have to be
  if not box then return nil, problem end
  box:close()
  local counts, message = require("marketplace.inbox.sqlite.backup").make(path, options.file, options.replace or false)
  if not counts then return nil, message end
  counts.file, counts.bytes = options.file, core.stat(options.file).size
  output.write(options.json, ("backed up to %s: %s"):format(options.file, states.listed(counts)), counts)
  return 0
end

return backup
