-- Sends distinct notifications of one app, each again and again until it is acknowledged, as App Store Connect does:
-- chaos_sender.lua URL NAME FOLDER PAUSE [COUNT]
-- PAUSE: seconds between two. Ends after COUNT, or once FOLDER/stop exists; writes what was acknowledged to
-- FOLDER/NAME.acknowledged, and how many tries failed to FOLDER/NAME.failed.
local core = require "marketplace.core"
local http = require "marketplace.http"
local marketplace = require "marketplace"
local shell = require "support.shell"

local url, name, folder, pause, most = arg[1], arg[2], arg[3], tonumber(arg[4]), tonumber(arg[5] or math.huge)

local function stop_asked() return shell.exists(folder .. "/stop") end

local function body_of(number)
  return ('{"data":{"type":"AppUnavailable","version":1,"id":"%s-%d","attributes":{"appId":"%s"}}}'):format(
    name, number, name)
end

local function acknowledged_now(request)
  local response = http.exchange(request)
  return response and response.status == 200
end

local acknowledged = assert(io.open(folder .. "/" .. name .. ".acknowledged", "w"))
acknowledged:setvbuf "line"
local failed, number = 0, 0
while number < most and not stop_asked() do
  number = number + 1
  local body = body_of(number)
  local headers = { "x-apple-signature: " .. marketplace.sign(os.getenv "MARKETPLACE_SECRET", body) }
  while not acknowledged_now { method = "POST", url = url, headers = headers, body = body, timeout = 5 } do
    failed = failed + 1
    core.sleep(0.005)
  end
  acknowledged:write(name, "-", number, "\n")
  core.sleep(pause)
end
local file = assert(io.open(folder .. "/" .. name .. ".failed", "w"))
file:write(failed, "\n")
file:close()
