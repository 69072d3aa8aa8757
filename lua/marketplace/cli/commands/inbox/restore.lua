--- marketplace inbox restore: puts a backup in the place of what is in an inbox in SQLite.
local file_mode = require "marketplace.file_mode"
local inbox_url = require "marketplace.inbox.url"
local output = require "marketplace.cli.support.output"
local states = require "marketplace.cli.commands.inbox.states"

local restore = {}

local LOST = "what was acknowledged after the backup was made is not in it: `marketplace reconcile` finds what App " ..
  "Store Connect still remembers, which is ten days; what was done since runs again"

function restore.describe(command)
  command:argument("file", "file that `marketplace inbox backup` made"):argname("FILE")
  command:flag("--yes", "replace what the inbox holds; it is kept in a file beside it")
end

function restore.run(path, options, now)
  file_mode.check(output.warn, options.file)
  local done, message = require("marketplace.inbox.sqlite.restore").run(path, options.file, {
    now = now, is_sure = options.yes or false,
  })
  if not done then return nil, message end
  local lines = { ("restored %s from %s: %s"):format(inbox_url.redacted(options.inbox), options.file,
    states.listed(done.counts)) }
  if done.kept then lines[#lines + 1] = "what it held before is in " .. done.kept end
  if done.damaged then
    lines[#lines + 1] = ("what was in its place is %s (%s)"):format(done.damaged, done.problem or "no database")
  end
  lines[#lines + 1] = LOST
  local object = { file = options.file, kept = done.kept, damaged = done.damaged, problem = done.problem }
  for state, count in pairs(done.counts) do object[state] = count end
  output.write(options.json, lines, object)
  return 0
end

return restore
