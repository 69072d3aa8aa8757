--- Scenarios of marketplace.http_server and of exchanges with it.
local core = require "marketplace.core"
local http_server = require "marketplace.http_server"
local package_io = require "marketplace.package_io"

local unpack = require("marketplace.runtime").unpack

local CODES = { "out_of_memory", "connect_failed", "listen_failed", "timeout", "http_failed" }

local SINK_CODES = { "file_failed", "disk_full", "crypto_failed", "asset_size", unpack(CODES) }

local function open()
  local server = assert(http_server.open {})
  local _, port = server:address()
  return { server = server, url = ("http://127.0.0.1:%d/a?b=c"):format(port), requests = {}, seen = "" }
end

local function open_unix()
  local path = os.tmpname()
  os.remove(path)
  return {
    server = assert(http_server.open { host = "unix:" .. path }), url = "http://localhost/", path = path, requests = {},
  }
end

-- While nobody polls it, it refuses requests by itself, more than it hands out.
local function open_refusing()
  local server = assert(http_server.open { path = "/hook", routes = { { path = "/device/", max_body = 1 } } })
  local _, port = server:address()
  for i = 1, 40 do
    local url = ("http://127.0.0.1:%d/%s"):format(port, i > 20 and "device/" or "")
    local one = assert(core.http_start { method = "POST", url = url, body = "xy", plain = true, timeout = 5 })
    while not one:done() do core.http_poll(0.01) end
    one:close()
  end
  return { server = server }
end

local function close(context)
  context.server:close()
  if context.path then os.remove(context.path) end
end

local RESPONSE = { status = 200, headers = { ["X-A"] = { "1", "2" }, B = "3" }, body = "yes" }
local LONG = ("long"):rep(2000)
local IN_PIECES = { status = 200, body = { "yes", LONG, "no", LONG } }

local function answer_requests(context)
  context.requests = context.server:poll(0)
  for i, request in ipairs(context.requests) do
    context.seen, context.is_abandoned = request.body, context.server:is_abandoned(request)
    context.server:answer({ request }, { context.response or RESPONSE })
    context.requests[i] = false
  end
end

--- Answers what an exchange that failed has left.
local function settle(context)
  for _, request in ipairs(context.requests) do
    if request then pcall(context.server.answer, context.server, { request }, { RESPONSE }) end
  end
  for _ = 1, 3 do answer_requests(context) end
end

local function exchange(context, sink)
  local request = { method = "POST", url = context.url, body = "a body", headers = { "X-One: 1" }, plain = true,
    sink = sink, timeout = 5, unix_socket = context.path }
  local one, message, code = core.http_start(request)
  if not one then return one, message, code end
  one:limit(0)
  while not one:done() do
    core.http_poll(0)
    answer_requests(context)
  end
  return one
end

local function answered(context)
  settle(context)
  local one, message, code = exchange(context)
  if not one then return one, message, code end
  local status, headers, body = one:result()
  one:close()
  return status, headers, body
end

return {
  { covers = { "http_server.open", "http_server:close", "http_server:address" }, codes = CODES,
    run = function()
      local server, message, code = http_server.open {
        host = "127.0.0.1", port = 0, max_body = 10, path = "/hook",
        routes = { { path = "/device/", max_body = 1 }, { path = "/.well-known/marketplace-kit", max_body = 1 } },
      }
      if not server then return server, message, code end
      local host = server:address()
      server:close()
      return host
    end },
  { covers = { "http_server:stats", "http_server:drain" }, setup = open, teardown = close,
    run = function(context)
      local stats = context.server:stats()
      context.server:drain()
      return stats
    end },
  { covers = { "http_server:refused" }, setup = open_refusing, teardown = close,
    run = function(context)
      local first, second = unpack(context.server:refused())
      return first.code, first.status, first.count, first.route, second.code, second.count, second.route
    end },
  { covers = { "core.http_start", "http_exchange:done", "http_exchange:result", "http_exchange:close",
      "http_exchange:limit", "http_server:poll", "http_server:answer", "http_server:is_abandoned" },
    codes = CODES, setup = open, teardown = close, recovers = 3,
    run = function(context)
      local status, headers, body = answered(context)
      if not status then return status, headers, body end
      headers.date = nil
      return status, headers, body, context.seen, context.is_abandoned
    end },
  -- over a Unix socket
  { covers = { "core.http_start", "http_server.open" },
    codes = CODES, setup = open_unix, teardown = close, recovers = 3,
    run = function(context)
      local status, headers, body = answered(context)
      if not status then return status, headers, body end
      return status, body, context.seen
    end },
  -- an answer in pieces
  { covers = { "http_server:answer" }, codes = CODES, setup = open, teardown = close, recovers = 3,
    run = function(context)
      context.response = IN_PIECES
      local status, headers, body = answered(context)
      if not status then return status, headers, body end
      return status, body == table.concat(IN_PIECES.body)
    end },
  { covers = { "http_exchange:head", "http_exchange:take" },
    codes = CODES, setup = open, teardown = close, recovers = 3,
    run = function(context)
      settle(context)
      local one, message, code = exchange(context, true)
      if not one then return one, message, code end
      local status, headers = one:head()
      local body = one:take()
      if not status then
        local _, problem, its_code = one:result()
        return nil, problem, its_code
      end
      headers.date = nil
      local result, problem, its_code = one:result()
      if not result then return result, problem, its_code end
      return status, headers, body
    end },
  { covers = { "package_io.sink", "package_io.sink:offset", "package_io.sink:finish", "package_io.sink:close" },
    codes = SINK_CODES, recovers = 3,
    setup = function()
      local context = open()
      context.path = os.tmpname()
      return context
    end,
    run = function(context)
      settle(context)
      local sink, message, code = package_io.sink { path = context.path, size = 3, sha256 = true }
      if not sink then return sink, message, code end
      local one, problem, its_code = exchange(context, sink)
      if not one then return one, problem, its_code end
      local status, failed, why = one:result()
      one:close()
      if not status then return status, failed, why end
      return sink:finish()
    end,
    teardown = function(context)
      close(context)
      os.remove(context.path)
    end },
}
