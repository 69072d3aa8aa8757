--- marketplace packages list, show and verify.
local check = require "marketplace.cli.support.options"
local output = require "marketplace.cli.support.output"
local rows = require "marketplace.cli.commands.packages.rows"
local text = require "marketplace.text"

local look = {}

-- Of a version, and of a job.
local STATES = { "wanted", "staged", "published", "withdrawn", "collected", "ended" }

--[[ list ]]

function look.describe_list(command)
  command:flag("--current", "list only what is current: what to offer to devices")
  command:option("--state", "list only versions in this state"):choices(STATES):argname("STATE")
  command:option("--app", "list only versions of this app"):argname("ID")
  command:option("--package", "list only versions of this package"):argname("ID")
  command:option("--limit", "list at most this many"):default("100"):argname("N")
end

function look.list_problem(options)
  return check.number_problem(options, "limit", 1, 1000000)
end

function look.list(packages, options, _, now)
  local page, message = packages:overview {
    app = options.app, package = options.package, state = options.state, current = options.current,
    limit = options.limit,
  }
  if not page then return nil, message end
  output.list(options, rows.columns(now), page.rows, rows.object)
  return 0
end

--[[ show ]]

local MOST_ASSETS = 1000000

function look.describe_show(command)
  command:argument("version", "id of the package version"):argname("VERSION")
end

function look.show(packages, options)
  local page, message = packages:overview { version = options.version, assets = MOST_ASSETS }
  if not page then return nil, message end
  local row = page.rows[1]
  if not row then return nil, "no package version has this id: " .. options.version end
  output.write(options.json, rows.lines(row), rows.object(row))
  return 0
end

--[[ verify ]]

function look.describe_verify(command)
  command:argument("version", "id of a package version"):args("?"):argname("VERSION")
  command:flag("--all", "verify all that is served")
end

function look.verify_problem(options)
  if options.version and options.all then return "VERSION and --all do not go together" end
  if not (options.version or options.all) then return "nothing says what to verify: give VERSION or --all" end
end

local function write_verified(options, one)
  local verdict = #one.problems == 0 and "is as its manifest says" or "has problems"
  local lines = { ("%s %s: %d assets, %s"):format(one.version, verdict, one.assets, text.bytes(one.bytes)) }
  for _, problem in ipairs(one.problems) do
    lines[#lines + 1] = "  " .. problem
  end
  output.write(options.json, lines, rows.outcome(one))
end

function look.verify(packages, options, reporting)
  local found, message = packages:verify {
    version = options.version,
    on_progress = function(event)
      reporting:move { version = event.version, version_bytes = event.bytes, version_total = event.total }
    end,
  }
  reporting:close()
  if not found then return nil, message end
  local bad = 0
  for _, one in ipairs(found) do
    write_verified(options, one)
    if #one.problems > 0 then bad = bad + 1 end
  end
  if bad == 0 then return 0 end
  return nil, ("versions that are not as their manifests say: %d of %d"):format(bad, #found)
end

return look
