--- What serve and work have in common: options, the log, the handlers.
local inbox = require "marketplace.inbox"
local log = require "marketplace.log"
local output = require "marketplace.cli.support.output"
local url = require "marketplace.inbox.url"

local running = {}

running.DEFAULT_INBOX = "sqlite:marketplace.db"

--- The option that names the inbox.
function running.describe_inbox(command, more)
  command:option("--inbox", "Where notifications wait for their callbacks: sqlite:PATH, " ..
    "postgres://USER@HOST/DBNAME, redis://HOST:PORT" .. (more or "") .. ".")
    :default(running.DEFAULT_INBOX):argname("URL")
end

--- What is wrong with an inbox that this process is to share with the one that receives; nil: nothing.
---@param text string
---@return string?
function running.shared_inbox_problem(text)
  return url.is_memory(text) and "a memory inbox belongs to the process that receives" or nil
end

--- The options of both.
function running.describe(command)
  command:argument("handlers", "Lua file that returns function(receiver)."):argname("HANDLERS.lua")
  running.describe_inbox(command, ", memory")
  command:option("--lease", "Seconds that a callback may take before another worker takes its notification.")
    :default("60"):argname("SECONDS")
  command:option("--metrics-port", "Answer GET /metrics there, for Prometheus; without it nowhere."):argname("PORT")
  command:option("--metrics-host", "On this address."):default("127.0.0.1"):argname("ADDRESS")
  command:flag("--verbose", "Also write a line when a notification is stored, not only when it is done.")
  output.describe_json(command)
end

local function whole(value, least, most)
  return value and value == math.floor(value) and value >= least and value <= most
end

--- What is wrong with an option that should be a whole number, if anything. Makes a number of it.
function running.number_problem(options, name, least, most)
  if options[name] == nil then return nil end
  options[name] = tonumber(options[name])
  if whole(options[name], least, most) then return nil end
  return ("--%s is a number from %d to %d"):format(name:gsub("_", "-"), least, most)
end

--- What is wrong with the usage of the options of both, if anything.
function running.usage_problem(options)
  return running.number_problem(options, "metrics_port", 0, 65535)
    or running.number_problem(options, "lease", 1, 86400)
end

-- One line a notification: what is stored is told when its callbacks have run.
local function text_log(verbose)
  local write = log.text(io.stdout)
  if verbose then return write end
  return function(entry)
    if entry.message ~= "stored" then write(entry) end
  end
end

-- What callbacks print must not stand between the JSON lines, which a program reads.
local function print_to_errors()
  rawset(_G, "print", function(...)
    local words = {}
    for i = 1, select("#", ...) do words[i] = tostring((select(i, ...))) end
    io.stderr:write(table.concat(words, "\t"), "\n")
  end)
end

--- Prepares the standard output for log lines.
---@return fun(entry: table)
function running.log(options)
  io.stdout:setvbuf("line")
  if not options.json then return text_log(options.verbose) end
  print_to_errors()
  return log.json(io.stdout)
end

--- Opens the inbox that the options name, and warns of one that forgets.
---@return table|nil inbox
---@return string? message
function running.open_inbox(options, write)
  local box, problem = inbox.open(options.inbox)
  if box and url.is_memory(options.inbox) then
    write { level = "warning", message = "memory inbox", reason = "what it holds is gone when this process ends" }
  end
  return box, problem
end

return running
