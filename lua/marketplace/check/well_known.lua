--- The file that tells devices whom to ask, as a device gets it.
local clock = require "marketplace.check.clock"
local json = require "marketplace.json"
local outside = require "marketplace.check.outside"
local shape = require "marketplace.check.well_known_shape"
local well_known_file = require "marketplace.device.well_known"

local well_known = {}

local CHECK = "well_known"
local WITHOUT_BODY = { [401] = true, [403] = true }

local function add_problem(run, url, level, message, action)
  run.findings:add(level, CHECK, url, message, action)
end

-- What is wrong with an answer before it is read.
local function refusal(run, response)
  if WITHOUT_BODY[response.status] then
    return ("the answer is %d"):format(response.status), "let everybody read it: devices do not sign in for it"
  end
  if response.status ~= 200 then return outside.refusal(run, response) end
  local encoding = outside.encoding(response)
  if encoding then
    return "it is encoded, though nobody asked for that: " .. run.findings:shown(encoding),
      "compress only what is asked for with Accept-Encoding"
  end
end

local function judge_type(run, url, response)
  local kind = outside.header(response, "content-type") or "none"
  if kind:lower():find "^application/json%f[^%w]" then return end
  add_problem(run, url, "warning", "its content type is not application/json: " .. run.findings:shown(kind),
    "have the server send that")
end

-- Whether it is another file than this machine's options give, if they are known.
local function differs(run, document)
  local device = run.device
  if not device or type(device.base_url) ~= "string" then return false end
  local ok, is_same = pcall(function()
    return json.encode(json.decode(well_known_file.document(device))) == json.encode(document)
  end)
  return ok and not is_same
end

local function judge_document(run, url, response)
  local document, problem = json.decode(response.body)
  if problem or not json.is_object(document) then
    return add_problem(run, url, "error", "it is not a JSON object: " .. run.findings:shown(response.body:sub(1, 80)),
      "find out what answers in place of marketplace.device")
  end
  local problems, is_broken = shape.problems(document, function(value) return run.findings:shown(value) end), false
  for _, one in ipairs(problems) do
    is_broken = is_broken or one.level == "error"
    add_problem(run, url, one.level, one.problem, one.action)
  end
  if differs(run, document) then
    add_problem(run, url, "warning", "it is not what the device's options here would give",
      "have the server load them: restart or reload it, or check with its own --device-config")
  elseif not is_broken then
    add_problem(run, url, "ok", "it has the shape that devices read, and no redirect is needed for it")
  end
  return document
end

local function tell_failure(run, host, url, failure)
  if failure.is_tls then
    run.findings:add_failure("tls", host, failure)
    return run.findings:add("skipped", CHECK, url, "no device gets it while TLS fails")
  end
  run.findings:add("skipped", "tls", host, "no certificate was seen")
  run.findings:add_failure(CHECK, url, failure)
end

--- Looks at it.
---@param run table with a domain
---@return table|nil document if it is a JSON object
function well_known.run(run)
  local url = ("https://%s%s"):format(run.domain, well_known_file.PATH)
  local response, failure = outside.ask(run, { url = url })
  if not response then return tell_failure(run, run.domain, url, failure) end
  clock.judge_server(run, run.domain, response)
  local message, action = refusal(run, response)
  if message then return add_problem(run, url, "error", message, action) end
  judge_type(run, url, response)
  return judge_document(run, url, response)
end

return well_known
