--- marketplace send: signs a notification and posts it as App Store Connect would.
local check = require "marketplace.cli.support.options"
local core = require "marketplace.core"
local inputs = require "marketplace.cli.support.inputs"
local notification = require "marketplace.notification"
local output = require "marketplace.cli.support.output"
local samples = require "marketplace.samples"
local signature = require "marketplace.signature"
local signed = require "marketplace.cli.support.signed"

local send = {}

function send.describe(command)
  command:argument("sample", "documented notification to send, by event or by Apple's type name; see --list")
    :args("?"):argname("SAMPLE")
  command:mutex(
    command:flag("--list", "list the samples, and send nothing"),
    command:flag("--print", "write the sample's body, and send nothing"),
    command:option("--file", "send the bytes of this file (-: standard input) in place of a sample"):argname("FILE")
  )
  command:option("--generation", "generation of the sample (without it: the first that fits)"):choices { "1", "2" }
    :argname("1|2")
  command:option("--id", "id of the sample: letters, digits and - (without it: a new one)"):argname("ID")
  command:option("--app", "app that the sample is about (without it: a made-up one)"):argname("ID")
  command:option("--url", "post to this URL"):default("http://127.0.0.1:8080/notifications"):argname("URL")
  command:option("--signature", "send this in place of the right signature, to see a forgery refused")
    :argname("VALUE")
  command:option("--ca-file", "certificates to trust in place of the system's, PEM"):argname("PATH")
  command:option("--timeout", "give up after this many seconds"):default("10"):argname("SECONDS")
  inputs.describe_secrets(command)
  output.describe_list(command)
end

local SAMPLE_COLUMNS = {
  { "EVENT", "event" },
  { "GENERATION", "generation" },
  { "TYPE", "type" },
  { "MEANING", "meaning" },
}

-- What is wrong with the options, if anything. Converts the numbers.
local function usage_problem(options)
  local problem = check.seconds_problem(options, "timeout")
  if problem then return problem end
  if options.file and (options.sample or options.generation or options.id or options.app) then
    return "--file is sent as it is: SAMPLE, --generation, --id and --app do not go with it"
  end
  if not options.file and not options.sample then return "nothing says what to send: name a SAMPLE, or give --file" end
  if options.id and not options.id:find("^[%w-]+$") then
    return "--id must consist of letters, digits and -"
  end
  if not options.url:find("^https?://%S+$") then return "--url must be an http or https URL" end
  if options.signature and options.signature:find "%c" then return "--signature must be one line" end
  if options.app and not options.app:find("^[%w._-]+$") then
    return "--app must consist of letters, digits, full stops, _ and -"
  end
end

-- The bytes to send, or nil, an exit status and a message.
local function body_of(options)
  if options.file then
    local body, message = inputs.read(options.file)
    return body, 1, message
  end
  local body = samples.body(options.sample, {
    generation = tonumber(options.generation), id = options.id, app_id = options.app,
  })
  if body and options.app and notification.parse(body).app_id ~= options.app then
    return nil, 2, ("--app does not go with %s, which is about no app"):format(options.sample)
  end
  return body, 2, ("unknown sample '%s'%s; the samples: marketplace send --list"):format(options.sample,
    options.generation and " of generation " .. options.generation or "")
end

local function report(options, body, status, answer, took)
  local n = notification.parse(body) or {}
  local first_line = answer:match("^[^\r\n]*")
  local text = ("%d %s%s in %.1f ms: %s"):format(status, n.type or "no notification", n.id and " " .. n.id or "",
    took * 1000, status == 200 and "acknowledged" or first_line)
  output.write(options.json, text,
    { status = status, type = n.type, id = n.id, url = options.url, took = took, answer = first_line })
end

local function post(options, body, header)
  local started = core.monotonic()
  local response, message = signed.post(options.url, body, header, options.timeout, options.ca_file)
  if not response then return 1, ("%s does not answer: %s"):format(options.url, message) end
  report(options, body, response.status, response.body, core.monotonic() - started)
  return response.status == 200 and 0 or 1
end

function send.run(options)
  if options.list then
    output.list(options, SAMPLE_COLUMNS, samples.list())
    return 0
  end
  local usage = usage_problem(options)
  if usage then return 2, usage end
  local body, status, problem = body_of(options)
  if not body then return status, problem end
  if options.print then
    output.raw(body)
    return 0
  end
  if options.signature then return post(options, body, options.signature) end
  local list, message = inputs.secrets(options.secret_file)
  if not list then return 1, message end
  local header, sign_problem = signature.sign(list[1], body)
  if not header then return 1, sign_problem end
  return post(options, body, header)
end

return send
