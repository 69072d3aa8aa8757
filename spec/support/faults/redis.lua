--- The faults of Redis: see support.faults.
local certificates = require "support.certificates"
local common = require "support.faults.common"
local proxy = require "support.proxy"
local redis_server = require "support.redis_server"
local shell = require "support.shell"

local function url_of(port) return ("redis://127.0.0.1:%d"):format(port) end

local function set_up() return common.direct(redis_server.start(), url_of) end

local function set_up_behind_proxy() return common.behind_proxy(redis_server.start(), url_of) end

local function query(words)
  return function(place) place.server:query(words) end
end

-- What a server that may be down is told.
local function tell(words)
  return function(place) shell.capture(place.server:cli(words)) end
end

--[[ Replicas. A name, here the proxy, leads to the primary. ]]

local function start_replica(primary, port)
  local replica = redis_server.start()
  replica:follow(primary, port)
  return replica
end

-- With a link between the two that can be cut, and a limit for each call that lets many be tried meanwhile.
local QUICK = "&timeout=0.5"

local function with_replica(is_linked)
  local primary = redis_server.start()
  local link = is_linked and proxy.start(primary.port)
  local replica = start_replica(primary, link and link.port)
  local place = common.behind_proxy(primary, function(port)
    return url_of(port) .. "?replicas=1" .. (is_linked and QUICK or "")
  end)
  place.replica, place.link = replica, link
  local remove = place.remove
  function place.remove()
    if place.link then place.link:stop() end
    if place.third then place.third:remove() end
    replica:remove()
    remove()
  end
  return place
end

local function promote(place)
  place.replica:promote()
  place.proxy:tell("lead " .. place.replica.port)
  place.third = start_replica(place.replica)
end

local function demote(place)
  place.replica:promote()
  place.server:query(("REPLICAOF 127.0.0.1 %d"):format(place.replica.port))
end

--[[ All ]]

local function start_on_small_disk(mount)
  return common.direct(redis_server.start(nil, function(folder) mount(folder, "8m") end), url_of)
end

local function with_password()
  local place = common.direct(redis_server.start(), function(port)
    return ("redis://app@127.0.0.1:%d"):format(port)
  end)
  place.environment = "REDISCLI_AUTH=first"
  place.server:query "ACL SETUSER app on '>first' '~*' '&*' '+@all'"
  return place
end

local function change_password(word)
  return query(("ACL SETUSER app resetpass '>%s'"):format(word))
end

local function over_tls()
  local server = redis_server.start_with_tls(certificates.VALID)
  return common.direct(server, function()
    return ("rediss://localhost:%d?ca=%s/ca.crt"):format(server.tls_port, server.folder)
  end)
end

local function renew(ends_at)
  return function(place) place.server:renew_certificate(ends_at) end
end

return common.faults("redis", set_up, set_up_behind_proxy, "stored", {
  { name = "connection_killed", title = "connections ended by the server, again and again",
    go_on = common.repeatedly(tell "CLIENT KILL TYPE normal", 0.2) },
  { name = "failover", title = "primary killed, replica promoted", set_up = with_replica,
    begin = function(place) place.server:kill() end, finish = promote },
  common.standby_lost("replica cut off, then the primary killed and the replica promoted",
    function() return with_replica(true) end, promote),
  { name = "read_only", title = "primary made a replica of the other", set_up = with_replica, begin = demote,
    finish = function(place) place.proxy:tell("lead " .. place.replica.port) end },
  common.full_disk(start_on_small_disk),
  { name = "oom", title = "memory full (maxmemory, noeviction)", begin = query "CONFIG SET maxmemory 1mb",
    finish = query "CONFIG SET maxmemory 0" },
  { name = "flush", title = "scripts flushed, again and again",
    go_on = common.repeatedly(tell "SCRIPT FLUSH", 0.1) },
  { name = "password", title = "password changed, connections ended", set_up = with_password,
    begin = change_password "second", go_on = common.repeatedly(tell "CLIENT KILL USER app", 0.5),
    finish = change_password "first" },
  { name = "certificate", title = "certificate expired, connections ended", set_up = over_tls,
    begin = renew(certificates.EXPIRED), go_on = common.repeatedly(tell "CLIENT KILL TYPE normal", 0.5),
    finish = renew(certificates.VALID) },
})
