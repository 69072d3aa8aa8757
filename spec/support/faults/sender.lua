-- Sends notifications at a steady rate, whatever becomes of those before, and asks GET /healthz beside it:
-- sender.lua ORIGIN FOLDER RATE APPS
-- An app's next notification follows once the one before is acknowledged, and until then that is sent again, as App
-- Store Connect does, only sooner. Writes a line to FOLDER/answers for each request that has ended: when, by the
-- monotonic clock; what; the id; the status, or why there was no answer; how long it took. Once FOLDER/stop exists it
-- sends only what is not acknowledged yet, and ends when all is; the last line is how late this process was at most.
local core = require "marketplace.core"
local http = require "marketplace.http"
local marketplace = require "marketplace"
local shell = require "support.shell"

local TIMEOUT = 20           -- seconds: far longer than any answer may take, so that a hang is seen as one
local HEALTH_SECONDS = 0.1   -- between two times that /healthz is asked
local LONGEST_POLL = 0.01    -- the precision of what is measured

local origin, folder, rate, app_count = arg[1], arg[2], tonumber(arg[3]), tonumber(arg[4])
local secret = os.getenv "MARKETPLACE_SECRET"

local answers = assert(io.open(folder .. "/answers", "w"))
answers:setvbuf "line"
local apps, under_way, next_app, latest = {}, {}, 1, 0
for i = 1, app_count do apps[i] = { name = "app" .. i, number = 0, is_acknowledged = true } end

local function begin(request, kind, app)
  request.timeout, request.connect_timeout, request.url = TIMEOUT, TIMEOUT, origin .. request.url
  local exchange = assert(http.start(request))
  under_way[#under_way + 1] = {
    exchange = exchange, kind = kind, app = app, id = app and app.id or "-", began_at = core.monotonic(),
  }
end

local function send(app)
  app.is_under_way = true
  local body = ('{"data":{"type":"AppUnavailable","version":1,"id":"%s","attributes":{"appId":"%s"}}}'):format(
    app.id, app.name)
  begin({ method = "POST", url = "/notifications", body = body,
    headers = { "x-apple-signature: " .. marketplace.sign(secret, body) } }, "notification", app)
end

local function note(request)
  local response, _, code = request.exchange:result()
  local now, status = core.monotonic(), response and response.status or code
  answers:write(("%.6f %s %s %s %.6f\n"):format(now, request.kind, request.id, status, now - request.began_at))
  if not request.app then return end
  request.app.is_under_way = false
  if status == 200 then request.app.is_acknowledged = true end
end

local function note_ended()
  for i = #under_way, 1, -1 do
    if under_way[i].exchange:done() then note(table.remove(under_way, i)) end
  end
end

-- Whether the app has something to send; makes its next notification if it has none and one is wanted.
local function has_one(app, is_stopping)
  if app.is_under_way then return false end
  if not app.is_acknowledged then return true end
  if is_stopping then return false end
  app.number, app.is_acknowledged = app.number + 1, false
  app.id = app.name .. "-" .. app.number
  return true
end

local function send_next(is_stopping)
  for _ = 1, app_count do
    local app = apps[next_app]
    next_app = next_app % app_count + 1
    if has_one(app, is_stopping) then return send(app) end
  end
end

local function all_acknowledged()
  for _, app in ipairs(apps) do
    if not app.is_acknowledged then return false end
  end
  return true
end

local started = core.monotonic()
local send_at, ask_at, is_stopping = started, started, false
repeat
  local looked_at = core.monotonic()
  if #under_way > 0 then http.poll(LONGEST_POLL) else core.sleep(LONGEST_POLL) end
  local now = core.monotonic()
  latest = math.max(latest, now - looked_at - LONGEST_POLL)
  note_ended()
  is_stopping = is_stopping or shell.exists(folder .. "/stop")
  if now >= send_at then
    send_next(is_stopping)
    send_at = send_at + 1 / rate
  end
  if now >= ask_at then
    begin({ method = "GET", url = "/healthz" }, "health")
    ask_at = ask_at + HEALTH_SECONDS
  end
until is_stopping and all_acknowledged()
answers:write(("late %.6f\n"):format(latest))
answers:close()
