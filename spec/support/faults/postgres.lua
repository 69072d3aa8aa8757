--- The faults of PostgreSQL: see support.faults.
local certificates = require "support.certificates"
local common = require "support.faults.common"
local postgres_server = require "support.postgres_server"
local proxy = require "support.proxy"
local shell = require "support.shell"

local function url_of(port) return ("postgres://postgres@127.0.0.1:%d/postgres"):format(port) end

local function set_up() return common.direct(postgres_server.start(), url_of) end

local function set_up_behind_proxy() return common.behind_proxy(postgres_server.start(), url_of) end

-- What a server that may be down is asked.
local function ask(server, statement) return shell.capture(server:psql(statement)) end

local OTHERS = "FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"

local function end_sessions(place) ask(place.server, "SELECT pg_terminate_backend(pid) " .. OTHERS) end

--[[ Standbys. A commit waits for one, so that a fail-over needs another one before it is over. ]]

-- With a link between the two that can be cut, and a limit for each call that lets many be tried meanwhile.
local QUICK = "&timeout=0.2"

local function with_standby(is_linked)
  local primary = postgres_server.start()
  local link = is_linked and proxy.start(primary.port)
  local standby = primary:start_standby(link and link.port)
  primary:set("synchronous_standby_names", "*")
  local place = { server = primary, standby = standby, link = link }
  place.url = ("postgres://postgres@127.0.0.1:%d,127.0.0.1:%d/postgres?target_session_attrs=read-write&replicas=1")
    :format(primary.port, standby.port) .. (is_linked and QUICK or "")
  function place.remove()
    if place.link then place.link:stop() end
    if place.third then place.third:remove() end
    standby:remove()
    primary:remove()
  end
  return place
end

local function promote(place)
  place.standby:set("synchronous_standby_names", "*")
  place.standby:promote()
  place.third = place.standby:start_standby()
end

--[[ A full disk ]]

local function start_on_small_disk(mount)
  return common.direct(postgres_server.start(nil, function(folder)
    mount(folder, "160m")
    shell.run("chown postgres " .. folder)
  end), url_of)
end

--[[ Passwords and certificates ]]

local function with_password()
  local place = common.direct(postgres_server.start(), function(port)
    return ("postgres://app@127.0.0.1:%d/postgres"):format(port)
  end)
  place.environment = "PGPASSWORD=first"
  place.server:query "CREATE ROLE app LOGIN PASSWORD 'first'"
  place.server:query "GRANT CREATE ON DATABASE postgres TO app"
  place.server:demand_password "app"
  return place
end

local function change_password(word)
  return function(place) place.server:query(("ALTER ROLE app PASSWORD '%s'"):format(word)) end
end

local function over_tls()
  local server = postgres_server.start_with_tls(certificates.VALID)
  return common.direct(server, function(port)
    return ("postgres://postgres@localhost:%d/postgres?sslmode=verify-full&sslrootcert=%s/ca.crt"):format(port,
      server.folder)
  end)
end

local function renew(ends_at)
  return function(place) place.server:renew_certificate(ends_at) end
end

--[[ All ]]

local function set(name, value)
  return function(place) place.server:set(name, value) end
end

local function kill_backend(place)
  local output, status = ask(place.server, "SELECT pid " .. OTHERS)
  if status ~= 0 then return end -- what it says then has numbers, too
  for pid in output:gmatch "%d+" do shell.capture("kill -9 " .. pid) end
end

return common.faults("postgres", set_up, set_up_behind_proxy, "COMMIT", {
  { name = "connection_killed", title = "connections ended by the server, again and again",
    go_on = common.repeatedly(end_sessions, 0.2) },
  { name = "failover", title = "primary killed, synchronous standby promoted", set_up = with_standby,
    begin = function(place) place.server:kill() end, finish = promote },
  common.standby_lost("standby cut off, then the primary killed and the standby promoted",
    function() return with_standby(true) end, promote),
  { name = "read_only", title = "server read-only", begin = set("default_transaction_read_only", "on"),
    finish = set("default_transaction_read_only", "off") },
  common.full_disk(start_on_small_disk),
  { name = "oom", title = "a server process killed, as the kernel does if memory is short",
    go_on = common.repeatedly(kill_backend, 2) },
  { name = "password", title = "password changed, connections ended", set_up = with_password,
    begin = change_password "second", go_on = common.repeatedly(end_sessions, 0.5), finish = change_password "first" },
  { name = "certificate", title = "certificate expired, connections ended", set_up = over_tls,
    begin = renew(certificates.EXPIRED), go_on = common.repeatedly(end_sessions, 0.5),
    finish = renew(certificates.VALID) },
})
