-- Whether `marketplace serve` stays what it is under full load: soak.lua MINUTES
--
-- wrk sends signed notifications over 32 connections, each with another id, as fast as they are answered. They are
-- stored in SQLite, as `serve` does it (each commit synced), and run by a callback, which fails for one in a thousand
-- the first time. Their bodies go as soon as they are done. Every ten seconds a line: answers a second, milliseconds
-- within which 99 of 100 came, the resident memory and the open descriptors of the process; at the end the first, the
-- last and the greatest of each. Status 1 if an answer was not 200, if there were more descriptors in the second half
-- than in the first, or if memory grew in it by more than the bound below.
local core = require "marketplace.core"
local shell = require "support.shell"
local socket = require "socket"
local unpack = require("marketplace.runtime").unpack

local MINUTES = tonumber(arg[1]) or 30
local SLICE_SECONDS = 10
local MOST_GROWTH = 16 -- MiB, from the third quarter's median to the last one's
local NUMBERS = 10000000 -- of requests, for each slice: more than it sends

local SECRET = "the secret of soak.lua"
local HANDLERS = [[return function(receiver)
  local runs = 0
  receiver:on("version_available", function(n, ctx)
    runs = runs + 1
    if runs % 1000 == 0 and ctx.attempt == 1 then return nil, "not now" end
    assert(n.app_id and n.package_version_id)
  end)
end]]

local COLUMNS = {
  { "answers", "answers a second", "%.0f" }, { "p99", "99% within, ms", "%.1f" }, { "memory", "memory, MiB", "%.1f" },
  { "descriptors", "descriptors", "%.0f" },
}

--[[ Figures ]]

local function resident_memory(pid)
  local status = assert(core.read_file(("/proc/%d/status"):format(pid)))
  return tonumber(status:match "VmRSS:%s+(%d+) kB") / 1024
end

local function open_descriptors(pid)
  return tonumber(shell.run(("ls /proc/%d/fd | wc -l"):format(pid)))
end

local function slice(url, pid, number)
  local command = ("MARKETPLACE_SECRET='%s' LUA_PATH='lua/?.lua;lua/?/init.lua;;' LUA_CPATH='build/jit/?.so;;' " ..
    "wrk -t1 -c32 -d %ds -s bench/server/endless.lua %s -- %d | tail -n 1"):format(SECRET, SLICE_SECONDS, url,
    number * NUMBERS)
  local wrk = assert(io.popen(command))
  core.sleep(SLICE_SECONDS / 2)
  local figures = { memory = resident_memory(pid), descriptors = open_descriptors(pid) }
  local line = wrk:read "*a"
  wrk:close()
  local rate, p99, errors, count = line:match "^(%S+) (%S+) (%d+) (%d+)"
  assert(rate, "wrk failed: " .. line)
  figures.answers, figures.p99, figures.errors = tonumber(rate), tonumber(p99), tonumber(errors)
  figures.count = tonumber(count)
  return figures
end

local function show(name, figures)
  local words = { ("%8s"):format(name) }
  for _, column in ipairs(COLUMNS) do words[#words + 1] = column[2] .. " " .. column[3]:format(figures[column[1]]) end
  print(table.concat(words, "  "))
  io.stdout:flush()
end

--[[ Verdict ]]

local function values(list, name, from, to)
  local found = {}
  for i = math.floor(#list * from) + 1, math.floor(#list * to) do found[#found + 1] = list[i][name] end
  return found
end

local function median(numbers)
  table.sort(numbers)
  return numbers[math.ceil(#numbers / 2)]
end

local function largest(numbers)
  return math.max(unpack(numbers))
end

local function sum(list, name)
  local total = 0
  for _, figures in ipairs(list) do total = total + figures[name] end
  return total
end

local function problems(list)
  local found = {}
  local function check(is_fine, ...)
    if not is_fine then found[#found + 1] = string.format(...) end
  end
  local errors = sum(list, "errors")
  check(errors == 0, "%d answers were not 200, or did not come", errors)
  local before, after = largest(values(list, "descriptors", 0, 0.5)), largest(values(list, "descriptors", 0.5, 1))
  check(after <= before, "%d descriptors in the second half, %d in the first", after, before)
  local growth = median(values(list, "memory", 0.75, 1)) - median(values(list, "memory", 0.5, 0.75))
  print(("memory grew by %.1f MiB from the third to the last quarter; %d MiB are allowed"):format(growth, MOST_GROWTH))
  check(growth <= MOST_GROWTH, "memory grew by %.1f MiB", growth)
  return found
end

local function report(list)
  local greatest = {}
  for _, column in ipairs(COLUMNS) do greatest[column[1]] = largest(values(list, column[1], 0, 1)) end
  show("first", list[1])
  show("last", list[#list])
  show("greatest", greatest)
  print(("%d answers in %d slices of %d s"):format(sum(list, "count"), #list, SLICE_SECONDS))
  return problems(list)
end

--[[ The run ]]

local function start(folder)
  local port = shell.free_port()
  assert(core.replace_file(folder .. "/handlers.lua", HANDLERS))
  local command = shell.marketplace(("serve %s/handlers.lua --port %d --keep 0s --inbox sqlite:%s/inbox.db"):format(
    folder, port, folder), ("env MARKETPLACE_SECRET='%s'"):format(SECRET))
  local pid = tonumber(shell.run(("%s > /dev/null 2> %s/errors & echo $!"):format(command, folder)))
  while not socket.connect("127.0.0.1", port) do
    assert(shell.is_alive(pid), core.read_file(folder .. "/errors"))
    core.sleep(0.01)
  end
  return pid, "http://127.0.0.1:" .. port
end

local function soak(pid, url)
  local list, stop = {}, core.monotonic() + MINUTES * 60
  repeat
    list[#list + 1] = slice(url, pid, #list + 1)
    show(("%d s"):format(#list * SLICE_SECONDS), list[#list])
  until core.monotonic() >= stop and #list >= 8
  return report(list)
end

local folder = shell.run "mktemp -d"
local pid, url = start(folder)
local ok, found = pcall(soak, pid, url)
shell.run("kill -TERM " .. pid)
while shell.is_alive(pid) do core.sleep(0.01) end
shell.run("rm -r " .. folder)
if not ok then error(found, 0) end
for _, problem in ipairs(found) do print("failed: " .. problem) end
os.exit(#found == 0 and 0 or 1)
