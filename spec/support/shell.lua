--- Commands as a user types them, and servers started beside the specs.
local core = require "marketplace.core"
local socket = require "socket"

local shell = {}

shell.LUA = os.getenv "MARKETPLACE_LUA" or "lua5.4"

--- Runs a command; its output, both streams, and its exit status.
function shell.capture(command)
  local pipe = assert(io.popen("{ " .. command .. "\n} 2>&1; printf '\\n%s' $?", "r"))
  local text = pipe:read "*a"
  pipe:close()
  local output, status = text:match "^(.*)\n(%d+)$"
  return output, tonumber(status)
end

--- Runs a command that must succeed; its output without white space at the end.
function shell.run(command)
  local output, status = shell.capture(command)
  assert(status == 0, command .. "\n" .. output)
  return (output:gsub("%s+$", ""))
end

--- Starts a command beside the specs, whose process it becomes.
---@return file* pipe of its output
---@return integer pid
function shell.in_background(command)
  local pipe = assert(io.popen(("exec sh -c 'echo $$; exec %s'"):format(command:gsub("'", "'\\''"))))
  return pipe, assert(tonumber(pipe:read "*l"))
end

-- Below the ports that the system gives to whoever connects, so that none is taken between here and its use. Specs that
-- run side by side begin at different ones.
local LOWEST_PORT, PORTS = 10000, 20000
local next_port = core.process_id() * 61 % PORTS

--- A port of 127.0.0.1 on which nobody listens.
function shell.free_port()
  for _ = 1, PORTS do
    local port = LOWEST_PORT + next_port
    next_port = (next_port + 1) % PORTS
    local probe = socket.bind("127.0.0.1", port)
    if probe then
      probe:close()
      return port
    end
  end
  error "no port is free"
end

--- Whether a process runs; one that has ended and waits for its parent does not.
function shell.is_alive(pid)
  local status = io.open(("/proc/%s/status"):format(pid))
  if not status then return false end
  local text = status:read "*a" -- nil if it has ended since
  status:close()
  local state = text and text:match "State:%s(%a)"
  return state ~= nil and state ~= "Z"
end

--- The command in this checkout, on this Lua.
function shell.marketplace(arguments, environment)
  return ("%s %s bin/marketplace %s"):format(environment or "", shell.LUA, arguments)
end

--- Starts a server, calls `use(url, pid, pipe, before)` once it listens, and stops it with SIGTERM; `before`: the lines
--- that it wrote until then. Gives what it wrote after that and its exit status. The command's last process becomes the
--- server.
function shell.with_server(command, use)
  local quoted = command:gsub("'", "'\\''")
  local pipe = assert(io.popen(("sh -c 'echo $$; exec %s' 2>&1; status=$?; echo; echo $status"):format(quoted), "r"))
  local pid, url = assert(tonumber(pipe:read "*l")), nil
  local before = {}
  for line in pipe:lines() do
    before[#before + 1] = line
    url = line:match '"url":"([^"]+)"' or line:match "url=(%S+)"
    if url then break end
  end
  local ok, problem = true, "the server did not start: " .. command .. "\n" .. table.concat(before, "\n")
  if url then ok, problem = pcall(use, (url:gsub("\\/", "/")), pid, pipe, before) end
  if url then os.execute("kill -TERM " .. pid .. " 2> /dev/null") end
  local rest = pipe:read "*a"
  pipe:close()
  assert(url and ok, problem)
  local output, status = rest:match "^(.-)\n?(%d+)\n$"
  return output, tonumber(status)
end

--- Whether there is such a file.
function shell.exists(path)
  local file = io.open(path)
  if file then file:close() end
  return file ~= nil
end

--- The lines of a file; of one that is not there, none.
function shell.lines(path)
  local list = {}
  local file = io.open(path)
  if not file then return list end
  for line in file:lines() do list[#list + 1] = line end
  file:close()
  return list
end

--- A new temporary file with this text.
function shell.file(text)
  local path = os.tmpname()
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
  return path
end

return shell
