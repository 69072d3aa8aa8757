-- Senders without a signature who keep their connections while a callback runs, and a full disk, beside probes and a
-- sender of notifications: attack_waiting.lua
--
-- A callback takes ten seconds. Meanwhile 600 connections, more than `serve` takes, each send a whole request and wait
-- for the answer; then another one takes its place. Every 100 ms /healthz and /readyz are asked, and a notification is
-- sent, each over a connection of its own. Prints how they fared. Status 1 if a probe was not answered
-- within a second or, unless the attackers make up the header of a signature, a notification was not stored.
local core = require "marketplace.core"
local raw = require "support.raw_http"
local samples = require "marketplace.samples"
local shell = require "support.shell"
local socket = require "socket"

local SECRET = "the secret of attack_waiting.lua"
local ATTACKERS, SECONDS, EVERY_SECONDS = 600, 10, 0.1
local MOST_SECONDS_OF_PROBE = 1
local MOST_SECONDS_AFTER = 5 -- once the callback has ended, until all is answered
local FORM = "X-Apple-Signature: hmacsha256=" .. ("0a"):rep(32) .. "\r\n"

local UNSIGNED = raw.post "{}"
local FORGED = UNSIGNED:gsub("\r\n", "\r\n" .. FORM, 1)
local ASKS_READY = "GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n"

local HANDLERS = [[
local core = require "marketplace.core"
return function(receiver)
  receiver:on("*", function(n)
    if n.id ~= "slow" then return end
    io.open("%s/begun", "w"):close()
    core.sleep(%d)
  end)
end]]

--[[ Exchanges of bytes, none of which waits ]]

local function begin(port, bytes)
  local client = socket.tcp4()
  client:settimeout(0)
  client:connect("127.0.0.1", port)
  return { socket = client, unsent = bytes, got = "", at = core.monotonic() }
end

-- The status of its answer, "none" if there will be none, or nil.
local function go_on(exchange)
  if exchange.unsent then
    local sent, why, partly = exchange.socket:send(exchange.unsent)
    local count = sent or partly or 0
    exchange.unsent = count < #exchange.unsent and exchange.unsent:sub(count + 1) or nil
    if why == "closed" then return "none" end
  end
  local all, why, part = exchange.socket:receive(4096)
  exchange.got = exchange.got .. (all or part or "")
  return exchange.got:match "^HTTP/1%.1 (%d%d%d)" or why == "closed" and "none" or nil
end

--[[ Those whose answers count ]]

local function new_kind(name, bytes_of)
  return { name = name, bytes_of = bytes_of, open = {}, sent = 0, statuses = {}, worst = 0 }
end

local function send(kind, port)
  kind.sent = kind.sent + 1
  kind.open[#kind.open + 1] = begin(port, kind.bytes_of(kind.sent))
end

local function note(kind, exchange, status)
  kind.statuses[status] = (kind.statuses[status] or 0) + 1
  kind.worst = math.max(kind.worst, core.monotonic() - exchange.at)
  exchange.socket:close()
end

local function receive(kind)
  local left = {}
  for _, exchange in ipairs(kind.open) do
    local status = go_on(exchange)
    if status then note(kind, exchange, status) else left[#left + 1] = exchange end
  end
  kind.open = left
end

local function give_up(kind)
  for _, exchange in ipairs(kind.open) do note(kind, exchange, "none") end
  kind.open = {}
end

local function get(path)
  return function() return ("GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"):format(path) end
end

local function notification(id)
  return raw.notification(SECRET, samples.body("app_unavailable", { id = id }), { "Connection: close" })
end

local function new_kinds()
  return {
    new_kind("/healthz", get "/healthz"), new_kind("/readyz", get "/readyz"),
    new_kind("notifications", function(number) return notification("n" .. number) end),
  }
end

--[[ Attackers ]]

local function attack(attackers, port, bytes, run)
  for i = 1, ATTACKERS do
    local attacker = attackers[i]
    local status = attacker and go_on(attacker)
    if status then
      run.answers[status] = (run.answers[status] or 0) + 1
      attacker.socket:close()
    end
    if not attacker or status then attackers[i] = begin(port, bytes) end
  end
end

--[[ A run ]]

local function is_waiting(kinds)
  return #kinds[1].open + #kinds[2].open + #kinds[3].open > 0
end

local function turn(run, port, bytes, is_over)
  local now = core.monotonic()
  if bytes and not is_over then attack(run.attackers, port, bytes, run) end
  if now >= run.next_at and not is_over then
    run.next_at = now + EVERY_SECONDS
    for _, kind in ipairs(run.kinds) do send(kind, port) end
  end
  for _, kind in ipairs(run.kinds) do receive(kind) end
  core.sleep(0.001)
end

local function run_beside(port, bytes)
  local run = { attackers = {}, answers = {}, kinds = new_kinds(), next_at = 0 }
  local stop = core.monotonic() + SECONDS - 0.5 -- the callback began a moment ago
  while core.monotonic() < stop do turn(run, port, bytes) end
  for _, attacker in ipairs(run.attackers) do attacker.socket:close() end
  stop = core.monotonic() + MOST_SECONDS_AFTER
  while is_waiting(run.kinds) and core.monotonic() < stop do turn(run, port, bytes, true) end
  for _, kind in ipairs(run.kinds) do give_up(kind) end
  return run
end

--[[ The report ]]

local failures = 0

local function expect(is_fine)
  if not is_fine then failures = failures + 1 end
end

local function counts_of(statuses)
  local words = {}
  for status, count in pairs(statuses) do words[#words + 1] = ("%d × %s"):format(count, status) end
  table.sort(words)
  return table.concat(words, ", ")
end

local function report(name, run, takes_notifications)
  print(("%s: %s"):format(name, next(run.answers) and "answered " .. counts_of(run.answers) or "no answers"))
  for i, kind in ipairs(run.kinds) do
    print(("  %s: %s, the slowest in %.0f ms"):format(kind.name, counts_of(kind.statuses), kind.worst * 1000))
    local is_probe = i < 3
    if is_probe then expect(not kind.statuses.none and kind.worst <= MOST_SECONDS_OF_PROBE) end
  end
  expect((run.kinds[1].statuses["200"] or 0) == run.kinds[1].sent)
  if takes_notifications then expect((run.kinds[3].statuses["200"] or 0) == run.kinds[3].sent) end
end

local function with_serve(environment, use)
  local folder = shell.run "mktemp -d"
  assert(core.replace_file(folder .. "/handlers.lua", HANDLERS:format(folder, SECONDS)))
  local command = shell.marketplace(("serve %s/handlers.lua --port 0 --json --inbox sqlite:%s/inbox.db"):format(folder,
    folder), ("env MARKETPLACE_SECRET='%s' %s"):format(SECRET, environment:gsub("<folder>", folder)))
  shell.with_server(command, function(url) use(tonumber(url:match ":(%d+)/"), folder) end)
  os.execute("rm -r " .. folder)
end

local function begin_callback(port, folder)
  local exchange = begin(port, notification "slow")
  repeat core.sleep(0.001) until go_on(exchange)
  exchange.socket:close()
  repeat core.sleep(0.001) until shell.exists(folder .. "/begun")
end

for _, case in ipairs {
  { "no attack", nil, true }, { "unsigned requests", UNSIGNED, true }, { "requests for /readyz", ASKS_READY, true },
  { "forged signatures", FORGED, false },
} do
  with_serve("", function(port, folder)
    begin_callback(port, folder)
    report("while a callback runs, " .. case[1], run_beside(port, case[2]), case[3])
  end)
end

with_serve("LD_PRELOAD=build/test/failing_disk.so FAILING_DISK=<folder>/disk", function(port, folder)
  assert(core.replace_file(folder .. "/disk", "full"))
  local run = run_beside(port, nil)
  report("while the disk is full", run, false)
  expect((run.kinds[2].statuses["503"] or 0) == run.kinds[2].sent)
end)

os.exit(failures == 0 and 0 or 1)
