-- Senders that never finish their bodies, beside one who sends notifications: attack.lua [MB [MB_PER_SECOND]]
--
-- 70 connections, one after another, send all but the last byte of 1 MiB, as fast as they are told to, hold it, and
-- begin again as soon as they are closed, until so much is sent or for 40 seconds: to `serve`, and to nginx with what
-- the example says of clients, with a header that has the form of a signature, and without one. Prints how
-- notifications fared meanwhile; status 1 if one was refused.
local core = require "marketplace.core"
local nginx_server = require "support.nginx_server"
local raw = require "support.raw_http"
local samples = require "marketplace.samples"
local shell = require "support.shell"
local socket = require "socket"

local MEGABYTES, RATE = tonumber(arg[1]) or 200, tonumber(arg[2]) or 23 -- MB/s, ten times what sufficed once
local ATTACKERS, BODY, PIECE = 70, 1048576, 16384
local EVERY_SECONDS = 0.1 -- a notification
local MOST_SECONDS = 40
local SECRET = "the secret of attack.lua"
local FORGED = "X-Apple-Signature: hmacsha256=" .. ("0a"):rep(32)
local ATTACKERS_ADDRESS, SENDERS_ADDRESS = "127.0.0.2", "127.0.0.1"

local piece = ("a"):rep(PIECE)

local function connect(address, port)
  local client = socket.tcp4()
  assert(client:bind(address, 0))
  client:settimeout(0)
  client:connect("127.0.0.1", port)
  return client
end

--[[ Attackers ]]

local function begin_attack(attacker, run)
  attacker.socket, attacker.sent = connect(ATTACKERS_ADDRESS, run.port), 0
  attacker.head = ("POST /notifications HTTP/1.1\r\nHost: a\r\n%sContent-Length: %d\r\n\r\n"):format(run.header, BODY)
  run.begun = run.begun + 1
end

local function end_attack(attacker)
  attacker.socket:close()
  attacker.socket = nil
end

local function send_some(attacker, run)
  local bytes = attacker.head or piece:sub(1, math.min(PIECE, BODY - 1 - attacker.sent, run.allowance))
  local sent, why, partly = attacker.socket:send(bytes)
  local count = sent or partly or 0
  if attacker.head then
    attacker.head = count < #bytes and bytes:sub(count + 1) or nil
  else
    attacker.sent, run.sent, run.allowance = attacker.sent + count, run.sent + count, run.allowance - count
  end
  return sent ~= nil or why == "timeout"
end

local function is_answered(attacker)
  local _, why, part = attacker.socket:receive(1024)
  return why == "closed" or part ~= nil and part ~= ""
end

-- One that lacks the last byte only is held for as long as the server keeps it.
local function attack(attacker, run)
  if not attacker.socket then begin_attack(attacker, run) end
  local goes_on = true
  while goes_on and attacker.sent < BODY - 1 and run.allowance >= 1 do
    local before = run.allowance
    goes_on = send_some(attacker, run)
    if run.allowance == before then break end
  end
  if not goes_on or is_answered(attacker) then end_attack(attacker) end
end

--[[ The sender of notifications ]]

local function send_notification(run)
  local body = samples.body("app_unavailable", { id = ("attacked-%d"):format(run.notified) })
  local bytes = raw.notification(SECRET, body, { "Connection: close" })
  local client = connect(SENDERS_ADDRESS, run.port)
  run.pending[#run.pending + 1] = { socket = client, bytes = bytes, got = "", at = core.monotonic() }
  run.notified = run.notified + 1
end

local function note_answer(run, sender, status)
  run.statuses[status] = (run.statuses[status] or 0) + 1
  run.worst = math.max(run.worst, core.monotonic() - sender.at)
end

-- Whether its answer, or the end of its connection, has come.
local function go_on(run, sender)
  if sender.bytes then
    local sent, _, partly = sender.socket:send(sender.bytes)
    local count = sent or partly or 0
    sender.bytes = count < #sender.bytes and sender.bytes:sub(count + 1) or nil
  end
  local all, why, part = sender.socket:receive(4096)
  sender.got = sender.got .. (all or part or "")
  local status = sender.got:match "^HTTP/1%.1 (%d%d%d)"
  if not status and why ~= "closed" then return false end
  note_answer(run, sender, status or "no answer")
  sender.socket:close()
  return true
end

local function go_on_with_all(run)
  local left = {}
  for _, sender in ipairs(run.pending) do
    if not go_on(run, sender) then left[#left + 1] = sender end
  end
  run.pending = left
end

--[[ The run ]]

local function turn(run, attackers, begun_at)
  local now = core.monotonic()
  local allowed = (now - begun_at) * RATE * 1e6
  run.allowance = math.max(math.floor(allowed) - run.sent, 0)
  -- the first ones first: they fill the room that there is to the last bytes
  for _, attacker in ipairs(attackers) do attack(attacker, run) end
  if now >= run.next_at then
    run.next_at = now + EVERY_SECONDS
    send_notification(run)
  end
  go_on_with_all(run)
  core.sleep(0.0005)
end

local function new_run(port, header)
  return {
    port = port, header = header, begun = 0, sent = 0, pending = {}, notified = 0, next_at = 0, worst = 0,
    statuses = {}, allowance = 0,
  }
end

local function run_against(port, header)
  local run, attackers, begun_at = new_run(port, header), {}, core.monotonic()
  for i = 1, ATTACKERS do attackers[i] = {} end
  while run.sent < MEGABYTES * 1e6 and core.monotonic() - begun_at < MOST_SECONDS do
    turn(run, attackers, begun_at)
  end
  run.took = core.monotonic() - begun_at
  while #run.pending > 0 and core.monotonic() - begun_at < run.took + 30 do go_on_with_all(run) end
  for _, attacker in ipairs(attackers) do
    if attacker.socket then end_attack(attacker) end
  end
  return run
end

local refused = 0

local function report(name, run)
  local fine = run.statuses["200"] or 0
  refused = refused + run.notified - fine
  print(("%s: %.0f MB in %d bodies, none whole, in %.0f s"):format(name, run.sent / 1e6, run.begun, run.took))
  print(("  of %d notifications %d were stored, the slowest in %.0f ms"):format(run.notified, fine, run.worst * 1000))
  for status, count in pairs(run.statuses) do
    if status ~= "200" then print(("  %s: %d"):format(status, count)) end
  end
end

local HEADERS = { { "with the header of a signature", FORGED .. "\r\n" }, { "without", "" } }

local function attack_serve()
  local handlers = shell.file "return function() end"
  local inbox = os.tmpname()
  os.remove(inbox)
  for _, header in ipairs(HEADERS) do
    local command = shell.marketplace(("serve %s --port 0 --json --inbox sqlite:%s"):format(handlers, inbox),
      ("env MARKETPLACE_SECRET='%s'"):format(SECRET))
    shell.with_server(command, function(url)
      report("serve, " .. header[1], run_against(tonumber(url:match ":(%d+)/"), header[2]))
    end)
  end
  os.execute(("rm -f %s %s*"):format(handlers, inbox))
end

local OF_CLIENTS = { "^client_[%w_]+_size$", "^client_[%w_]+_timeout$", "^limit_conn", "^reset_timedout_connection$" }

-- What the example says of clients: directives for the http block, and for the server.
local function directives_of_the_example()
  local http, inside = {}, {}
  for line in raw.read_file "examples/nginx/nginx.conf":gmatch "[^\n]+" do
    local name = line:match "^%s*([%w_]+)"
    for _, pattern in ipairs(name and OF_CLIENTS or {}) do
      if name:find(pattern) then table.insert(name == "limit_conn_zone" and http or inside, line) end
    end
  end
  return table.concat(http, "\n"), table.concat(inside, "\n")
end

local function attack_nginx()
  local http, inside = directives_of_the_example()
  for _, header in ipairs(HEADERS) do
    local server = assert(nginx_server.start {
      level = "error",
      files = { ["handlers.lua"] = "return function() end", secrets = SECRET .. "\n" },
      main = "thread_pool marketplace threads=4;\n",
      http = http .. [[

        lua_shared_dict marketplace 1m;
        init_by_lua_block {
          require("marketplace.nginx").init {
            handlers = "<folder>/handlers.lua", secret_file = "<folder>/secrets", inbox = "sqlite:<folder>/inbox.db",
          }
        }
        init_worker_by_lua_block { require("marketplace.nginx").init_worker() }
      ]],
      server = inside .. [[

        location = /notifications { content_by_lua_block { require("marketplace.nginx").handle() } }
      ]],
    })
    report("nginx, " .. header[1], run_against(server.port, header[2]))
    server:stop()
  end
end

attack_serve()
attack_nginx()
os.exit(refused == 0 and 0 or 1)
