-- name_server_process.lua: a DNS server on a free loopback port, which it prints. Every name has the address 127.0.0.1.
local socket = require "socket"

local server = assert(socket.udp4())
assert(server:setsockname("127.0.0.1", 0))
io.write(select(2, server:getsockname()), "\n")
io.flush()

-- RFC 1035, 4: the identifier, that this is an answer, one question, answers, nothing more; the question; an answer
-- points to its name, and has type A, class IN, a minute, four bytes.
local function answer(query)
  local question = query:sub(13, (query:find("\0", 13, true)) + 4)
  local is_for_address = question:sub(-4, -3) == "\0\1"
  local header = query:sub(1, 2) .. "\129\128" .. "\0\1" .. (is_for_address and "\0\1" or "\0\0") .. "\0\0\0\0"
  local address = is_for_address and "\192\12\0\1\0\1\0\0\0\60\0\4\127\0\0\1" or ""
  return header .. question .. address
end

while true do
  local query, host, port = server:receivefrom()
  if query then server:sendto(answer(query), host, port) end
end
