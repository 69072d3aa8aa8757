--- Faults of files: what a content delivery network, and the network to it, do from time to time.
local bodies = require "marketplace.simulator.bodies"
local files = require "marketplace.simulator.packages.files"

local file_faults = {
  --- The requests that they affect unless a path is given.
  PATH = "/simulator/files/",
}

local NORMAL_RATE = 10000 -- bytes a second
local ENDLESS = 100000 -- times the body
local LEAST_ENDLESS_PIECE = 1024 * 1024 -- bytes
local HTML = "<html><head><title>Please log in</title></head><body>Please log in</body></html>\n"

local function refusal(status, why)
  return function()
    return { status = status, body = why .. "\n", headers = { ["content-type"] = "text/plain" } }
  end
end

--- In place of an answer.
file_faults.INSTEAD = {
  file_403 = refusal(403, "access denied"),
  file_404 = refusal(404, "not found"),
  file_410 = refusal(410, "gone"),
  file_500 = refusal(500, "internal error"),
  file_503 = refusal(503, "slow down"),
  file_html = function() return { status = 200, body = HTML, headers = { ["content-type"] = "text/html" } } end,
}

--- Before the request is answered: each takes the fault, the simulator and the request.
file_faults.BEFORE = {
  file_no_range = function(_, _, request) request.headers.range = nil end,
  -- answers with another range than the one that is asked for
  file_wrong_range = function(_, _, request) request.headers.range = "bytes=0-" end,
  file_etag_change = function(_, sim, request)
    local asset = files.asset(sim, request.path)
    if asset then asset.etag_number = (asset.etag_number or 0) + 1 end
  end,
  -- the file has other bytes from now on
  file_change = function(_, sim, request)
    local asset = files.asset(sim, request.path)
    if asset then asset.seed = asset.seed .. "'" end
  end,
}

local function is_served(answer)
  return answer.status == 200 or answer.status == 206
end

local function cut(fault, answer)
  local size = bodies.size(answer.body)
  local body = bodies.first(answer.body, fault.at or math.floor(size / 2))
  body.length = size
  return body
end

local function corrupt(fault, answer)
  local size = bodies.size(answer.body)
  return bodies.corrupt(answer.body, fault.at and fault.at - answer.first or math.floor(size / 2))
end

local function shorter(fault, answer)
  return bodies.first(answer.body, fault.at or bodies.size(answer.body) - 1)
end

local function longer(_, answer)
  local body = bodies.list(answer.body)
  body[#body + 1] = "!"
  return body
end

local function slow(fault, answer)
  local body = bodies.list(answer.body)
  body.rate = fault.rate or NORMAL_RATE
  return body
end

local function endless(_, answer)
  local text, body = bodies.list(answer.body)[1] or "", { length = false }
  if #text < LEAST_ENDLESS_PIECE then text = (text .. "endless "):rep(math.ceil(LEAST_ENDLESS_PIECE / (#text + 8))) end
  for i = 1, ENDLESS do body[i] = text end
  return body
end

-- Each gives another body in place of the answer's.
local BODIES = {
  file_cut = cut, file_corrupt = corrupt, file_short = shorter, file_long = longer, file_slow = slow,
  file_endless = endless,
}

--- After the request was answered: each takes the fault, the time, the answer and the request.
file_faults.AFTERWARDS = {
  file_redirect = function(fault, _, _, request)
    local same = ("%s?%s&redirected=1"):format(request.path, request.query or "")
    return { status = 302, body = "", headers = { location = fault.location or same } }
  end,
}

for kind, change in pairs(BODIES) do
  file_faults.AFTERWARDS[kind] = function(fault, _, answer)
    if is_served(answer) then answer.body = change(fault, answer) end
    return answer
  end
end

return file_faults
