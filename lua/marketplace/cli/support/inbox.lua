--- The inbox that a command uses: --inbox, or MARKETPLACE_INBOX, or `inbox` in the config file, or the default.
local config = require "marketplace.cli.support.config"
local inbox = require "marketplace.inbox"
local inbox_url = require "marketplace.inbox.url"
local installation = require "marketplace.cli.support.installation"
local text = require "marketplace.text"

local chosen = {}

local DEFAULT = "sqlite:marketplace.db"
local DEFAULT_SOURCE = "the default"
local PATIENCE_SECONDS = 60
local URLS = "sqlite:PATH, postgres://USER@HOST/DBNAME, redis://HOST:PORT"

--- Adds the option that names the inbox.
---@param command table argparse's
---@param with_memory? boolean whether the command can use an inbox in memory
function chosen.describe(command, with_memory)
  command:option("--inbox", ("where notifications wait for their callbacks: %s%s (without it: MARKETPLACE_INBOX, or " ..
    "else `inbox` in the config file, or else %s)"):format(URLS, with_memory and ", memory" or "", DEFAULT))
    :argname("URL")
end

local OTHER_TOOLS = {
  postgres = "the inbox is in PostgreSQL: back it up and restore it with pg_dump and pg_restore, or as the server's " ..
    "other databases are",
  redis = "the inbox is in Redis: back it up and restore it with the server's own snapshots or append-only file",
}

local function choose(parsed)
  if parsed.inbox then return parsed.inbox, "--inbox" end
  local named = config.environment "MARKETPLACE_INBOX"
  if named then return named, "MARKETPLACE_INBOX" end
  local settings, path_or_message = config.read(parsed)
  if not settings then return nil, path_or_message end
  if settings.inbox then return settings.inbox, "inbox in " .. path_or_message end
  return DEFAULT, DEFAULT_SOURCE
end

--- Sets `inbox` in the parsed arguments to the URL of the inbox to use, and `inbox_source` to what named it.
---@param parsed table parsed arguments
---@return string? problem with the config file
function chosen.resolve(parsed)
  local url, source = choose(parsed)
  if not url then return source end
  parsed.inbox, parsed.inbox_source = url, source
end

--- Why this process cannot share the inbox with the one that receives; nil if it can.
---@param parsed table resolved
---@return string?
function chosen.sharing_problem(parsed)
  if not inbox_url.is_memory(parsed.inbox) then return nil end
  return ("an inbox in memory belongs to the process that receives: name one that several can use; it is set by %s")
    :format(parsed.inbox_source)
end

local function sourced(parsed, message)
  if parsed.inbox_source == DEFAULT_SOURCE then
    return message .. " (no inbox was named, so it is the default: --inbox names another)"
  end
  return ("%s (the inbox is set by %s)"):format(message, parsed.inbox_source)
end

--- The path of an inbox in SQLite, for what is done to its file.
---@param parsed table resolved
---@return string|nil path
---@return string? message what to use for another inbox
function chosen.sqlite_path(parsed)
  local found, message = inbox_url.parse(parsed.inbox)
  if not found then return nil, sourced(parsed, message) end
  if found.kind ~= "sqlite" then return nil, OTHER_TOOLS[found.kind] end
  local problem = installation.problem "marketplace.sqlite"
  if problem then return nil, problem end
  return found.path
end

--- Opens the inbox.
---@param parsed table resolved
---@param settings? table of marketplace.inbox
---@return table|nil inbox
---@return string? message, which says what named the inbox
function chosen.open(parsed, settings)
  local box, message = inbox.open(parsed.inbox, settings)
  if box then return box end
  return nil, sourced(parsed, message)
end

--- Connects to an inbox that was opened to do so with its first call, and makes its file.
---@param parsed table resolved
---@param box table
---@return string? problem, which says what named the inbox
function chosen.connect(parsed, box)
  local backlog, message = box:backlog()
  if not backlog then return sourced(parsed, message) end
end

--- Opens the inbox that others made, for somebody who waits for it, and can interrupt that.
---@param parsed table resolved
---@return table|nil inbox
---@return string? message
function chosen.open_existing(parsed)
  return chosen.open(parsed, { must_exist = true, timeout = PATIENCE_SECONDS })
end

--- What is said if an inbox has no notification with an id.
---@param parsed table resolved
---@param id string
---@return string
function chosen.not_there(parsed, id)
  return ("no such notification: %s, in %s; to see which there are: %s"):format(id, inbox_url.redacted(parsed.inbox),
    chosen.command(parsed, "list"))
end

--- Another command on the same inbox, as it is typed, for messages that suggest one. It says URL for one that cannot be
--- shown, as it may hold a password.
---@param parsed table resolved
---@param ... string words after `marketplace inbox`
---@return string words of a shell
function chosen.command(parsed, ...)
  local words = { installation.own_command(), "inbox" }
  for _, word in ipairs { ... } do words[#words + 1] = text.shell_word(word) end
  if parsed.config then words[#words + 1] = "--config " .. text.shell_word(parsed.config) end
  if parsed.inbox_source == "--inbox" then
    local can_show = inbox_url.redacted(parsed.inbox) == parsed.inbox
    words[#words + 1] = "--inbox " .. (can_show and text.shell_word(parsed.inbox) or "URL")
  end
  return table.concat(words, " ")
end

return chosen
