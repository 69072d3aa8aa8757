--- Connects to one of the servers that an inbox URL names.
---
--- libpq goes from one host to the next only if the first refuses: one that does not answer would take all the time
--- there is. So each host is connected to alone, and gets an equal share of the time that is left.
local connection = require "marketplace.inbox.postgres.connection"
local core = require "marketplace.core"
local fail = require("marketplace.reconnecting").fail
local password_file = require "marketplace.inbox.postgres.password_file"

-- Those that the URL sets come first. A dead peer must be noticed also while nothing is sent.
local DEFAULTS = {
  fallback_application_name = "marketplace", keepalives = "1", keepalives_idle = "10", keepalives_interval = "5",
  keepalives_count = "3", tcp_user_timeout = "10000",
}

local function list_of(text)
  local list = {}
  if text then
    for one in (text .. ","):gmatch "([^,]*)," do list[#list + 1] = one end
  end
  return list
end

-- libpq's words for one host after the other.
local function each_host(parameters, passfile)
  local hosts, addresses = list_of(parameters.host or os.getenv "PGHOST"), list_of(parameters.hostaddr)
  local ports, places = list_of(parameters.port or os.getenv "PGPORT"), {}
  for i = 1, math.max(1, #hosts, #addresses) do
    local words = {}
    for _, given in ipairs { DEFAULTS, parameters } do
      for name, value in pairs(given) do words[name] = value end
    end
    words.host, words.hostaddr, words.port = hosts[i], addresses[i], ports[i] or ports[1]
    words.client_encoding, words.passfile = "UTF8", passfile or words.passfile
    places[i] = words
  end
  return places
end

local function seconds_of(words, left)
  local own = tonumber(words.connect_timeout)
  return own and own > 0 and math.min(own, left) or left
end

-- The engine is a module of its own, which need not be installed.
local function engine()
  local found, module = pcall(require, "marketplace.postgres")
  if not found then
    fail "an inbox in PostgreSQL needs marketplace.postgres: luarocks install lua-marketplace-postgres"
  end
  return module
end

--- The first server that takes the connection and suits `check`.
---@param parameters table<string, string> libpq's words; host, hostaddr and port can be lists with commas
---@param deadline number for all of it, by marketplace.core's monotonic clock
---@param check fun(link: table) raises if the server does not suit
---@return table connection
return function(parameters, deadline, check)
  local module = engine()
  local unread, passfile = password_file.problem(parameters)
  local places, problems, its_code = each_host(parameters, passfile), {}, nil
  for i, words in ipairs(places) do
    local share = math.max(0, deadline - core.monotonic()) / (#places - i + 1)
    local session, message, code = module.connect { parameters = words, seconds = seconds_of(words, share) }
    if session then
      local link = connection.new(session)
      link:limit(deadline)
      local ok, problem = pcall(check, link)
      if ok then return link end
      link:close()
      if i == #places and #problems == 0 then error(problem, 0) end
      message, code = problem.message or error(problem, 0), problem.code
    end
    problems[i], its_code = message, its_code or code
  end
  problems[#problems + 1] = unread
  fail(table.concat(problems, "; "), its_code)
end
