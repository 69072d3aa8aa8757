--- What the inbox asks of a Redis server, each time that it connects to one: it may be another one by then.
local migration = require "marketplace.inbox.redis.migration"
local version = require("marketplace.inbox.redis.scripts.entries").VERSION

local server = {}

--[[ Its role ]]

local ASYNCHRONOUS = "%s has replicas, but nothing waits for them: a fail-over can lose what was acknowledged. " ..
  "Write replicas=1 in the inbox's URL"

-- How many replicas are connected to it. A replica takes no writes, and what an old primary took while another one was
-- there already is lost.
local function count_replicas(link, needed)
  local role, refusal = link:try { "ROLE" }
  if refusal then
    if needed.is_relaxed and not needed.replicas then return 0 end
    link:fail(refusal .. ": the inbox must know whether the server is a primary")
  end
  local is = type(role) == "table" and role[1]
  if is == "slave" then link:fail "the server is a replica, and read-only: connect to the primary" end
  if is == "sentinel" then link:fail "the server is a Sentinel, which stores nothing: connect to the primary" end
  if is ~= "master" or type(role[3]) ~= "table" then link:fail "the server does not answer as Redis does" end
  return #role[3]
end

local function check_role(link, needed, warn)
  local replicas = count_replicas(link, needed)
  if replicas < (needed.replicas or 0) then
    link:fail(("the server has %d replicas, and the inbox is to wait for %d"):format(replicas, needed.replicas))
  end
  if replicas > 0 and not (needed.replicas or needed.is_relaxed) then warn(ASYNCHRONOUS:format(link.name)) end
end

--[[ Whether it keeps what it stored ]]

local DURABLE = { { "appendonly", "yes" }, { "appendfsync", "always" }, { "maxmemory-policy", "noeviction" } }

local UNKNOWN = "%s: the inbox cannot tell whether the server keeps what it stores. If whoever runs the server " ..
  "promises that, write durability=relaxed in the inbox's URL"

local function setting(link, name)
  local reply, refusal = link:try { "CONFIG", "GET", name }
  if refusal or not reply[2] then link:fail(UNKNOWN:format(refusal or "it does not tell its setting " .. name)) end
  return reply[2]
end

local function check_durability(link)
  for _, wanted in ipairs(DURABLE) do
    local is = setting(link, wanted[1])
    if is ~= wanted[2] then
      link:fail(("the server can lose what it stored: it has %s %s, and needs %s; durability=relaxed accepts it")
        :format(wanted[1], is, wanted[2]))
    end
  end
end

--[[ What is in it ]]

-- An inbox of another version is not to be touched, except one of the former version.
local function check_version(link, prefix)
  local key = prefix .. "version"
  local is = link:command { "GET", key }
  if not is then
    link:command { "SET", key, version, "NX" }
    is = link:command { "GET", key }
  end
  if is == migration.FORMER_VERSION then
    migration.run(link, prefix)
    return
  end
  if is ~= version then
    link:fail(("the inbox with the prefix %s is of version %s, not %s: use the program that made it, or another prefix")
      :format(prefix:sub(2, -3), is, version))
  end
end

--- Raises if an inbox cannot be there, or would not be safe.
---@param link table
---@param needed {is_relaxed: boolean, replicas?: integer} is_relaxed: accept a server that may lose what it stored;
--- replicas: how many must confirm what is stored
---@param prefix string of the inbox's keys
---@param warn fun(message: string)
function server.check(link, needed, prefix, warn)
  check_role(link, needed, warn)
  if not needed.is_relaxed then check_durability(link) end
  check_version(link, prefix)
end

return server
