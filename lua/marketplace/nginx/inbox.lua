--- The inbox that a URL names, for nginx: none of its methods blocks the worker, all of them may yield. The contract
--- is marketplace.inbox's.
---
--- The methods can be called where cosockets can be used: in rewrite_by_lua, access_by_lua, content_by_lua and timers.
--- `open` can be called in init_by_lua and init_worker_by_lua too: it connects to nothing.
local from_prefix = require "marketplace.nginx.from_prefix"
local group_commit = require "marketplace.nginx.group_commit"
local nginx_log = require "marketplace.nginx.log"
local options = require "marketplace.options"
local safe = require("marketplace.text").safe
local url = require "marketplace.inbox.url"

local inbox = {}

local PASSWORD = "REDISCLI_AUTH"

local LONGER_THAN_A_COMMIT = 30 -- seconds beside the time that the URL gives a call

-- Whether nginx was started with a password for Redis.
local has_password = false

local function unavailable(message)
  return nil, message, "inbox_unavailable"
end

local KINDS = {}

function KINDS.memory(_, settings)
  return require("marketplace.inbox.memory").new { clock = settings.clock }
end

function KINDS.sqlite(place, settings)
  return require("marketplace.nginx.sqlite").open(from_prefix(place.path), {
    thread_pool = settings.thread_pool, must_exist = settings.must_exist, clock = settings.clock,
    warn = nginx_log.advise,
  })
end

function KINDS.redis(place, settings)
  if place.ca or place.cert then
    return unavailable("redis: ca, cert and key are not for nginx: write lua_ssl_trusted_certificate FILE; " ..
      "lua_ssl_conf_command Certificate FILE; lua_ssl_conf_command PrivateKey FILE; in its http instead")
  end
  has_password = not place.password and (os.getenv(PASSWORD) or "") ~= ""
  return require("marketplace.inbox.redis").open(place, {
    clock = settings.clock, durability = settings.durability, warn = nginx_log.advise,
    engine = require("marketplace.nginx.redis").engine(),
  })
end

function KINDS.postgres()
  return unavailable("there is no PostgreSQL inbox inside nginx, as it would block the worker: use an inbox in " ..
    "Redis or SQLite, or receive with `marketplace serve --inbox postgres:...` behind nginx")
end

---@class marketplace.NginxInboxOptions
---@field thread_pool? string for SQLite: a thread_pool of nginx's configuration, default "marketplace"
---@field must_exist? boolean do not make a new SQLite file, default false
---@field clock? fun(): number see marketplace.InboxOptions
---@field durability? "strict"|"relaxed" see marketplace.RedisInboxOptions
local OPTIONS = { thread_pool = "string", must_exist = "boolean", clock = "function", durability = "string" }

--- The inbox that a URL names. Its `place` is the URL without a password.
---@param text string see marketplace.inbox.url: "sqlite:PATH", "redis://HOST:PORT/DB", "rediss://HOST:PORT/DB",
--- "redis+unix:/PATH", or "memory": each worker's own, for trying things out
---@param settings? marketplace.NginxInboxOptions
---@return table|nil inbox
---@return string? message
---@return string? code inbox_unavailable
function inbox.open(text, settings)
  settings = settings or {}
  if type(text) ~= "string" then error("marketplace.nginx.inbox: the URL must be a string, not a " .. type(text), 2) end
  options.check("marketplace.nginx.inbox.open", settings, OPTIONS)
  local parsed, problem = url.parse(text)
  if not parsed then return unavailable(problem) end
  local opened, message, code = KINDS[parsed.kind](parsed, settings)
  if not opened then return nil, message, code end
  opened.place = url.redacted(text)
  if opened.durable then group_commit.install(opened, (parsed.timeout or 0) + LONGER_THAN_A_COMMIT) end
  return opened
end

-- nginx's workers keep only those environment variables that its configuration names, and so does an nginx that takes
-- over from a running one, as it does when Debian's package is upgraded.
local function check_password()
  if not has_password or os.getenv(PASSWORD) or ngx.worker.id() ~= 0 then return end
  ngx.log(ngx.ERR, "marketplace: Redis's password will be lost: ", "write env ", PASSWORD,
    "; at the top of nginx's configuration, or nginx forgets it when it is upgraded while it runs")
end

--- Probes the inbox once a worker runs, and logs why it cannot be reached, or what would keep it from being reached
--- later. Call it in init_worker_by_lua.
---@param opened table
function inbox.probe(opened)
  check_password()
  local function probe(is_ending)
    if is_ending then return end
    local _, message = opened:backlog()
    if message then ngx.log(ngx.ERR, "marketplace: the inbox cannot be reached: ", safe(message)) end
  end
  local started, problem = ngx.timer.at(0, probe)
  if not started then ngx.log(ngx.ERR, "marketplace: no timer: ", problem) end
end

return inbox
