--- Has replicas confirm what a script stored, before it is acknowledged, and what it leased, before that runs.
---
--- WAIT, which all versions of Redis have, waits until the replicas have it in their memory; WAITAOF, of Redis 7.2
--- and later, until they have it on their disks. Both ask about the connection's last write. A script that finds a
--- duplicate writes nothing, while what it found may not have reached a replica yet: so something is always written
--- before.
---
--- Replicas that are asked by WAITAOF alone answer before they have written anything, and again a second later. After
--- WAIT they have written it, if they have `appendfsync always`.
local core = require "marketplace.core"

local confirmation = {}

-- The server is to answer before the deadline, which would tell nothing of the replicas. It looks ten times in a second
-- (its setting hz) whether a wait is over.
local MARGIN_SECONDS = 0.2

--- Whether this server's replicas can confirm that they have it on their disks.
---@param link table
---@return boolean
function confirmation.is_on_disk(link)
  local _, refusal = link:try { "WAITAOF", "0", "0", "1" }
  return refusal == nil
end

local function receive_confirmation(link, command, replicas)
  local reply, refusal = link:receive()
  if refusal then link:refuse(refusal) end
  local count = type(reply) == "table" and reply[2] or reply
  if count < replicas then
    link:fail(("%d of %d replicas confirmed what was stored, by %s"):format(count, replicas, command), "timeout")
  end
end

local function ask(link, needed)
  local replicas = ("%d"):format(needed.replicas)
  local milliseconds = ("%.0f"):format(math.max(1, (link.deadline - core.monotonic() - MARGIN_SECONDS) * 1000))
  link:send { "WAIT", replicas, milliseconds }
  if needed.on_disk then link:send { "WAITAOF", "0", replicas, milliseconds } end
end

local function receive(link, needed)
  receive_confirmation(link, "WAIT", needed.replicas)
  if needed.on_disk then receive_confirmation(link, "WAITAOF", needed.replicas) end
end

--- Has what the connection wrote last confirmed, and all that anybody wrote before. Raises if fewer replicas confirmed
--- it.
---@param link table
---@param needed {on_disk: boolean, replicas: integer}
function confirmation.wait(link, needed)
  ask(link, needed)
  receive(link, needed)
end

--- Sends a script's words and has what it wrote confirmed, in one exchange with the server. Raises if fewer replicas
--- confirmed it.
---@param link table
---@param words string[]
---@param needed {on_disk: boolean, replicas: integer, key: string} key: is written
---@return any reply of the script
---@return string? refusal likewise
function confirmation.try(link, words, needed)
  link:send(words)
  link:send { "SET", needed.key, "1" }
  ask(link, needed)
  local reply, refusal = link:receive()
  local _, unwritten = link:receive()
  if refusal then
    for _ = 1, needed.on_disk and 2 or 1 do link:receive() end
    return nil, refusal
  end
  if unwritten then link:refuse(unwritten) end
  receive(link, needed)
  return reply
end

return confirmation
