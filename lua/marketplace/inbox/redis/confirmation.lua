--- Has replicas confirm what a script stored, before it is acknowledged.
---
--- WAITAOF, of Redis 7.2 and later, waits until they have it on their disks; WAIT, until it has reached their memory.
--- Both ask about the connection's last write. A script that finds a duplicate writes nothing, while what it found may
--- not have reached a replica yet: so something is always written before.
local core = require "marketplace.core"

local confirmation = {}

-- The server is to answer before the deadline, which would tell nothing of the replicas. It looks ten times in a second
-- (its setting hz) whether a wait is over.
local MARGIN_SECONDS = 0.2

--- The command by which this server's replicas can confirm.
---@param link table
---@return string
function confirmation.command(link)
  local _, refusal = link:try { "WAITAOF", "0", "0", "1" }
  return refusal and "WAIT" or "WAITAOF"
end

local function words_of(link, command, replicas)
  local milliseconds = ("%.0f"):format(math.max(1, (link.deadline - core.monotonic() - MARGIN_SECONDS) * 1000))
  if command == "WAIT" then return { "WAIT", ("%d"):format(replicas), milliseconds } end
  return { "WAITAOF", "0", ("%d"):format(replicas), milliseconds }
end

--- Sends a script's words and has what it wrote confirmed, in one exchange with the server. Raises if fewer replicas
--- confirmed it.
---@param link table
---@param words string[]
---@param needed {command: string, replicas: integer, key: string} key: is written
---@return any reply of the script
---@return string? refusal likewise
function confirmation.try(link, words, needed)
  link:send(words)
  link:send { "SET", needed.key, "1" }
  link:send(words_of(link, needed.command, needed.replicas))
  local reply, refusal = link:receive()
  local _, unwritten = link:receive()
  local confirmed, unconfirmed = link:receive()
  if refusal then return nil, refusal end
  if unwritten or unconfirmed then link:fail(unwritten or unconfirmed) end
  local count = type(confirmed) == "table" and confirmed[2] or confirmed
  if count < needed.replicas then
    link:fail(("%d of %d replicas confirmed what was stored, by %s"):format(count, needed.replicas, needed.command),
      "timeout")
  end
  return reply
end

return confirmation
