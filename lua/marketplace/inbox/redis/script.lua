--- Runs the Redis inbox's scripts, which the server keeps until it is restarted.
local changes = require "marketplace.inbox.redis.scripts.changes"
local queries = require "marketplace.inbox.redis.scripts.queries"

local script = {}

--- The most entries that one script changes or returns: the server does nothing else meanwhile.
script.MOST_ENTRIES = 200

local function load(link, hashes, name)
  hashes[name] = link:command { "SCRIPT", "LOAD", changes[name] or queries[name] }
  return hashes[name]
end

--- What the script returns. Raises, as marketplace.reconnecting, if the server refuses it.
---@param link table of marketplace.inbox.redis.connection
---@param hashes table<string, string> of the scripts by name; those that are missing are added
---@param name string
---@param prefix string of the inbox's keys
---@param time string the inbox's time, empty: the server's
---@param arguments? string[]
---@param try fun(link: table, words: string[]): any, string? sends a command; returns its answer, or why it was refused
---@return any
function script.run(link, hashes, name, prefix, time, arguments, try)
  local words = { "EVALSHA", hashes[name] or load(link, hashes, name), "1", prefix, time }
  for i = 1, arguments and #arguments or 0 do words[i + 5] = arguments[i] end
  local reply, refusal = try(link, words)
  if refusal and refusal:find "^NOSCRIPT" then
    -- the server was restarted, or its cache was emptied; nothing was run
    words[2] = load(link, hashes, name)
    reply, refusal = try(link, words)
  end
  if refusal then link:refuse(refusal) end
  return reply
end

return script
