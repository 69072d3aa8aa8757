-- wrk's load: signed notifications, no two with one id. Each thread takes its own part of the file of requests,
-- and begins again at its end (the ids are then duplicates, which costs every server about the same).
local requests, at = {}, 0
local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(arguments)
  local path, parts = arguments[1], tonumber(arguments[2])
  local line_number = 0
  for line in io.lines(path) do
    if line_number % parts == number then
      local signature, body = line:match("^(%S+) (.*)$")
      requests[#requests + 1] = wrk.format("POST", "/notifications", {
        ["x-apple-signature"] = signature, ["content-type"] = "application/json",
      }, body)
    end
    line_number = line_number + 1
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local errors = 0
  for _, count in pairs(summary.errors) do errors = errors + count end
  io.write(("%.0f %.2f %d\n"):format(summary.requests / summary.duration * 1e6, latency:percentile(99) / 1000, errors))
end
