--- Scenarios of the dashboard: a page that cannot be made is no page, and the next one is.
local marketplace = require "marketplace"
local memory = require "marketplace.inbox.memory"

local TOKEN = ("t"):rep(32)
local NOW = 1e9

local function clock() return NOW end

local function dashboard(inbox)
  return marketplace.dashboard { inbox = inbox, token = TOKEN, clock = clock, log = function() end }
end

local function with_notification()
  local context = { inbox = memory.new { clock = clock } }
  assert(context.inbox:put { { key = "a", digest = "d", body = "{}", event = "other", app_id = "<1>" } })
  context.dashboard = assert(dashboard(context.inbox))
  context.cookie = context.dashboard.sessions:cookie(1, "/", false):match "^[^;]+"
  return context
end

local function close(context)
  context.dashboard:close()
  context.inbox:close()
end

-- The answer, if it has this status.
local function ask(context, request, wanted)
  request.headers.host = "localhost"
  local status, headers, body = context.dashboard:handle(request)
  if status ~= wanted then return nil, "answered " .. status, "unavailable" end
  return status, headers, body
end

local function page_of(context, path)
  local request = { method = "GET", path = path, headers = { cookie = context.cookie } }
  local status, message, body = ask(context, request, 200)
  if not status then return nil, message, "unavailable" end
  return status, #body
end

return {
  { covers = { "marketplace.dashboard" }, codes = { "token_invalid", "out_of_memory" }, raises = "HMAC",
    setup = function() return { inbox = memory.new { clock = clock } } end,
    run = function(context)
      local made, message, code = dashboard(context.inbox)
      if not made then return made, message, code end
      made:close()
      return #made:paths(), made:answers "/live"
    end },
  { covers = { "dashboard:handle" }, codes = { "unavailable" }, raises = "HMAC", setup = with_notification,
    teardown = close, run = function(context) return page_of(context, "/") end },
  { covers = { "dashboard:handle" }, codes = { "unavailable" }, raises = "HMAC", setup = with_notification,
    teardown = close, run = function(context) return page_of(context, "/live") end },
  { covers = { "dashboard:handle" }, codes = { "unavailable" }, raises = "HMAC", setup = with_notification,
    teardown = close,
    run = function(context)
      local status, message = ask(context, {
        method = "POST", path = "/login", body = "token=" .. TOKEN,
        headers = { ["content-type"] = "application/x-www-form-urlencoded" },
      }, 303)
      if not status then return nil, message, "unavailable" end
      return status -- each session is another one
    end },
}
