--- Inbox URLs: the one place that reads them, and the one that shows them.
---
---     memory
---     sqlite:PATH
---     postgres://user@host:5432/dbname?sslmode=require       postgres:host=db dbname=marketplace   (libpq's words)
---     redis://host:6379/0?prefix=marketplace                 redis:host=127.0.0.1 port=6379
---     rediss://host:6379/0?ca=/etc/redis/ca.pem              the same over TLS
---     redis+unix:/run/redis/socket?db=1
---
--- User, password, host, path and parameters of a URL with // or a query are percent-decoded; an IPv6 address stands in
--- brackets. A URL can hold a password: no message from here quotes a value, and `redacted` shows none.
local text = require "marketplace.text"

local url = {}

local KNOWN = "memory, sqlite:PATH, postgres://USER@HOST:PORT/DBNAME, redis://HOST:PORT/DB, " ..
  "rediss://HOST:PORT/DB, redis+unix:/PATH"

--[[ Pieces. What is wrong with one raises a Problem, which `parse` returns as its message. ]]

local Problem = {}

local function fail(message, ...)
  error(setmetatable({ message = message:format(...) }, Problem), 0)
end

local function decode(value, part)
  if value:gsub("%%%x%x", ""):find("%", 1, true) then
    fail("the %s has a '%%' without two hexadecimal digits: write %%25 for the character itself", part)
  end
  local decoded = value:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end)
  if decoded:find("%z") then fail("the %s has a NUL byte", part) end
  return decoded
end

local function check_port(port)
  local number = port:find "^%d+$" and tonumber(port)
  if not (number and number >= 1 and number <= 65535) then fail "the port must be a whole number from 1 to 65535" end
  return number
end

local function check_timeout(value)
  if not value then return nil end
  local seconds = value:find "^%d*%.?%d+$" and text.to_number(value)
  if not (seconds and seconds >= 0.001 and seconds <= 3600) then fail "timeout must be seconds, from 0.001 to 3600" end
  return seconds
end

local function check_replicas(value)
  if not value then return nil end
  local count = value:find "^%d+$" and tonumber(value)
  if not (count and count >= 1 and count <= 100) then fail "replicas must be a whole number from 1 to 100" end
  return count
end

local function check_durability(value)
  if value and value ~= "strict" and value ~= "relaxed" then fail "durability must be strict or relaxed" end
  return value
end

local function none_if_empty(value)
  return value ~= "" and value or nil
end

-- "host", "host:port" or "[address]:port"; either part may be absent.
local function split_host(place)
  local host, separator, port = place:match "^%[([%w:.%%]+)%](:?)(.*)$"
  if not host then
    host, separator, port = place:match "^([^:]*)(:?)(.*)$"
    if place:find "[%[%]]" then fail "the address in brackets cannot be read" end
    if port:find(":", 1, true) then fail "the host has more than one ':': write an IPv6 address in brackets: [::1]" end
  end
  if separator == ":" then check_port(port) elseif port ~= "" then fail "only a port can follow the ']'" end
  return none_if_empty(decode(host, "host")), none_if_empty(port)
end

local function is_one_of(name, names)
  return (" " .. names .. " "):find(" " .. name .. " ", 1, true) ~= nil
end

local function listed(names)
  return (names:gsub(" ", ", "))
end

-- Reads name=value&name=value with the `allowed` names; `which` describes them in the message, default the names.
local function parse_query(query, allowed, which)
  local given = {}
  for piece in query:gmatch "[^&]+" do
    local name, value = piece:match "^(%l[%l_]*)=(.*)$"
    if not name then fail "the query must be name=value pairs with '&' between them" end
    if not is_one_of(name, allowed) then
      fail("unknown parameter '%s'; known: %s", name, which or listed(allowed))
    end
    if given[name] then fail("the parameter '%s' is given twice", name) end
    if value == "" then fail("the parameter '%s' is empty", name) end
    given[name] = decode(value, "parameter '" .. name .. "'")
  end
  return given
end

-- {user, password, place, path, query} of what follows the scheme's colon; `place` is the host and the port, still
-- encoded.
local function split(rest)
  local authority, after = rest:match "^//([^/?#]*)(.*)$"
  if not authority then authority, after = "", rest end
  if after:find "[@#]" then
    fail("there is an '@' or '#' behind the host: write %%40, %%23, %%2F, %%3F for '@', '#', '/', '?' in the user, " ..
      "the password, the path and parameters")
  end
  local path, query = after:match "^([^?]*)%??(.*)$"
  local credentials, place = authority:match "^(.*)@(.*)$"
  local user, password = (credentials or ""):match "^([^:]*):?(.*)$"
  return {
    user = none_if_empty(decode(user, "user")), password = none_if_empty(decode(password, "password")),
    place = place or authority, path = decode(path, "path"), query = query,
  }
end

--[[ PostgreSQL ]]

-- Those of libpq 14 to 18; for PostgreSQL, ours are beside them.
local OWN_PARAMETERS = "durability replicas timeout"
local LIBPQ_PARAMETERS = "application_name channel_binding client_encoding connect_timeout dbname " ..
  "fallback_application_name gssdelegation gssencmode gsslib host hostaddr keepalives keepalives_count " ..
  "keepalives_idle keepalives_interval krbsrvname load_balance_hosts max_protocol_version min_protocol_version " ..
  "options passfile password port require_auth requirepeer service ssl_max_protocol_version " ..
  "ssl_min_protocol_version sslcert sslcertmode sslcompression sslcrl sslcrldir sslkey sslkeylogfile sslmode " ..
  "sslnegotiation sslpassword sslrootcert sslsni target_session_attrs tcp_user_timeout user " .. OWN_PARAMETERS

-- Reads a value of libpq's words from a position: 'quoted', or up to white space; a backslash takes the next character
-- as it is. Returns it and the position behind it.
local function word_value(words, from)
  local quoted = words:sub(from, from) == "'"
  local value, at = {}, quoted and from + 1 or from
  while at <= #words do
    local character = words:sub(at, at)
    if character == "'" and quoted then return table.concat(value), at + 1 end
    if character:find "%s" and not quoted then break end
    if character == "\\" then
      at = at + 1
      character = words:sub(at, at)
    end
    value[#value + 1], at = character, at + 1
  end
  if quoted then fail "a quotation mark is not closed" end
  return table.concat(value), at
end

local function parse_words(words)
  local given, at, count = {}, 1, 0
  while words:find("%S", at) do
    local name, from = words:match("^%s*(%l[%l_]*)%s*=%s*()", at)
    if not name then fail "words like host=db dbname=x or //USER@HOST:PORT/DBNAME must follow the colon" end
    count = count + 1
    -- not the name: it may be the rest of a password
    if not is_one_of(name, LIBPQ_PARAMETERS) then fail("word %d is not one of libpq's parameters", count) end
    if given[name] then fail("the word '%s' is given twice", name) end
    given[name], at = word_value(words, from)
  end
  return given
end

-- Several hosts, as libpq takes them, have commas between them.
local function hosts_of(place)
  local hosts, ports, has_port = {}, {}, false
  for one in (place .. ","):gmatch "([^,]*)," do
    local host, port = split_host(one)
    has_port = has_port or port ~= nil
    hosts[#hosts + 1], ports[#ports + 1] = host or "", port or ""
  end
  return none_if_empty(table.concat(hosts, ",")), has_port and table.concat(ports, ",") or nil
end

local function parse_postgres_url(rest)
  local parts = split(rest)
  local given = parse_query(parts.query, LIBPQ_PARAMETERS, "those of libpq, durability, replicas, timeout")
  local host, port = hosts_of(parts.place)
  local before = {
    user = parts.user, password = parts.password, host = host, port = port, dbname = none_if_empty(parts.path:sub(2)),
  }
  for name, value in pairs(before) do
    if given[name] then fail("the parameter '%s' is given twice", name) end
    given[name] = value
  end
  return given
end

local function parse_postgres(rest)
  local given = rest:find "^//" and parse_postgres_url(rest) or parse_words(rest)
  for port in (given.port or ""):gmatch "[^,]+" do check_port(port) end
  local parsed = {
    parameters = given, timeout = check_timeout(given.timeout), durability = check_durability(given.durability),
    replicas = check_replicas(given.replicas),
  }
  given.timeout, given.durability, given.replicas = nil, nil, nil
  return parsed
end

--[[ Redis ]]

local REDIS_PARAMETERS = "prefix timeout durability replicas"
local TLS_PARAMETERS = "ca cert key"
local REDIS_WORDS = "host port path user password db " .. REDIS_PARAMETERS

local function check_database(value)
  local number = value:find "^%d+$" and tonumber(value)
  if not (number and number < 2 ^ 31) then fail "the database must be a whole number from 0" end
  return number
end

-- Converts the values that must be numbers.
local function checked(given)
  if (given.cert == nil) ~= (given.key == nil) then fail "cert and key must be given together" end
  return {
    host = given.host, port = given.port and check_port(given.port), path = given.path, user = given.user,
    password = given.password, db = given.db and check_database(given.db), prefix = given.prefix,
    timeout = check_timeout(given.timeout), durability = check_durability(given.durability),
    replicas = check_replicas(given.replicas), ca = given.ca, cert = given.cert, key = given.key,
  }
end

local function parse_redis_words(words)
  local given = {}
  for word in words:gmatch "%S+" do
    local name, value = word:match "^(%l+)=(.+)$"
    -- not the name: it may be the rest of a password
    if not (name and is_one_of(name, REDIS_WORDS)) then
      fail("words like host=127.0.0.1 or //HOST:PORT/DB must follow the colon; known: %s", listed(REDIS_WORDS))
    end
    if given[name] then fail("the word '%s' is given twice", name) end
    given[name] = value
  end
  return given
end

local function parse_redis_url(rest, allowed)
  local parts = split(rest)
  local given = parse_query(parts.query, allowed)
  given.host, given.port = split_host(parts.place)
  given.user, given.password, given.db = parts.user, parts.password, none_if_empty(parts.path:sub(2))
  return given
end

local function parse_redis(rest)
  if not rest:find "^//" then return checked(parse_redis_words(rest)) end
  return checked(parse_redis_url(rest, REDIS_PARAMETERS))
end

local function parse_redis_tls(rest)
  if not rest:find "^//" then fail "write rediss://HOST:PORT/DB" end
  local parsed = checked(parse_redis_url(rest, REDIS_PARAMETERS .. " " .. TLS_PARAMETERS))
  parsed.tls = true
  return parsed
end

local function parse_redis_socket(rest)
  local parts = split(rest)
  local given = parse_query(parts.query, "db " .. REDIS_PARAMETERS)
  if parts.place ~= "" then fail "a socket has a path and no host: write redis+unix:/PATH" end
  if not parts.path:find "^/." then fail "the socket's path must begin with '/': write redis+unix:/PATH" end
  given.path, given.user, given.password = parts.path, parts.user, parts.password
  return checked(given)
end

--[[ All ]]

local function parse_memory()
  fail "the memory inbox has no path: write memory"
end

local function parse_sqlite(path)
  if path == "" then fail "needs a path, as in sqlite:marketplace.db" end
  if path:find "^//" then fail "the path follows the colon, without '//': write sqlite:PATH" end
  return { path = path }
end

local SCHEMES = {
  memory = { "memory", parse_memory }, sqlite = { "sqlite", parse_sqlite },
  postgres = { "postgres", parse_postgres }, postgresql = { "postgres", parse_postgres },
  redis = { "redis", parse_redis }, rediss = { "redis", parse_redis_tls },
  ["redis+unix"] = { "redis", parse_redis_socket },
}

-- What stands before the colon; nil without one, as the text may be a password.
local function scheme_of(value)
  return value:match "^(%a[%w+]*):"
end

local function parse(value)
  if value == "memory" then return { kind = "memory" } end
  local name = scheme_of(value)
  if not name then fail("the inbox URL has no scheme; known: %s", KNOWN) end
  local scheme = SCHEMES[name]
  if not scheme then fail("unknown kind of inbox '%s'; known: %s", name, KNOWN) end
  if value:find "%z" then fail("%s: the URL has a NUL byte", name) end
  local ok, parsed = pcall(scheme[2], value:sub(#name + 2))
  if not ok then
    if getmetatable(parsed) ~= Problem then error(parsed, 0) end
    fail("%s: %s", name, parsed.message)
  end
  parsed.kind = scheme[1]
  return parsed
end

--- Reads an inbox URL.
---@param value string
---@return table|nil parsed {kind = "memory"}; {kind = "sqlite", path = string}; {kind = "postgres", parameters = table
--- of libpq's words, timeout=, durability=, replicas=}; {kind = "redis", host=, port=, path=, user=, password=, db=,
--- prefix=, timeout=, durability=, replicas=, tls=, ca=, cert=, key=}; port, db, timeout and replicas are numbers, tls
--- is true or nil, and what the URL does not give is nil
---@return string? message names the part that is wrong, and what is allowed; quotes no value
function url.parse(value)
  local ok, parsed = pcall(parse, value)
  if ok then return parsed end
  if getmetatable(parsed) ~= Problem then error(parsed, 0) end
  return nil, parsed.message
end

--- Whether a URL names the inbox in memory, which no other process reaches.
---@param value string
---@return boolean
function url.is_memory(value)
  return value == "memory" or scheme_of(value) == "memory"
end

--[[ What can be shown ]]

local function encode(value)
  return (tostring(value):gsub("[^%w%-%._~/,]", function(byte) return ("%%%02X"):format(byte:byte()) end))
end

-- "//user@host:port", with lists of hosts and ports as libpq takes them.
local function shown_authority(user, hosts, ports)
  local next_port = ((ports or "") .. ","):gmatch "([^,]*),"
  local places = {}
  for host in ((hosts or "") .. ","):gmatch "([^,]*)," do
    local port = next_port() or ""
    local shown = host:find(":", 1, true) and "[" .. host .. "]" or encode(host)
    places[#places + 1] = shown .. (port ~= "" and ":" .. port or "")
  end
  return "//" .. (user and encode(user) .. "@" or "") .. table.concat(places, ",")
end

local function with_query(shown, given, names)
  local separator = "?"
  for _, name in ipairs(names) do
    if given[name] then
      shown, separator = shown .. separator .. name .. "=" .. encode(given[name]), "&"
    end
  end
  return shown
end

local SHOW = {}

function SHOW.memory() return "memory" end

function SHOW.sqlite(parsed) return "sqlite:" .. text.safe(parsed.path) end

function SHOW.postgres(parsed)
  local given = parsed.parameters
  local path = given.dbname and "/" .. encode(given.dbname) or ""
  if (given.host or ""):find("/", 1, true) then
    return with_query("postgres:" .. shown_authority(given.user) .. path, given, { "host", "port" })
  end
  return "postgres:" .. shown_authority(given.user, given.host, given.port) .. path
end

function SHOW.redis(parsed)
  if parsed.path then
    local user = parsed.user and "//" .. encode(parsed.user) .. "@" or ""
    return with_query("redis+unix:" .. user .. encode(parsed.path), parsed, { "db", "prefix" })
  end
  local place = shown_authority(parsed.user, parsed.host, parsed.port and ("%d"):format(parsed.port))
  local scheme = parsed.tls and "rediss:" or "redis:"
  return with_query(scheme .. place .. (parsed.db and "/" .. parsed.db or ""), parsed, { "prefix" })
end

--- An inbox URL as a log and a message can show it: without a password, and of PostgreSQL's parameters only the user,
--- the hosts, the ports and the database. If it cannot be read, only its scheme, if that is a known one.
---@param value any
---@return string
function url.redacted(value)
  if type(value) ~= "string" then return "(no inbox URL)" end
  local parsed = url.parse(value)
  if parsed then return SHOW[parsed.kind](parsed) end
  local scheme = scheme_of(value)
  return SCHEMES[scheme] and scheme .. ":(unreadable)" or "(unreadable inbox URL)"
end

return url
