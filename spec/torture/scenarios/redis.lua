--- Scenarios of marketplace.redis, against a stub that answers everything alike, and over TLS against a server.
local certificates = require "support.certificates"
local redis = require "marketplace.redis"
local redis_server = require "support.redis_server"

local torture = _G.torture
local CODES = { "out_of_memory", "connect_failed" }
local ANSWER = "*4\r\n$3\r\none\r\n:2\r\n$-1\r\n*1\r\n$5\r\nthree\r\n"

return {
  { covers = { "redis.format" }, run = function() return redis.format { "SET", "key", ("x"):rep(1000) } end },
  { covers = { "redis.reader", "redis.reader:feed", "redis.reader:next", "redis.reader:is_empty" }, codes = CODES,
    run = function()
      local reader, message, code = redis.reader()
      if not reader then return reader, message, code end
      local fed, problem, its_code = reader:feed(ANSWER .. "-ERR no\r\n")
      if not fed then return fed, problem, its_code end
      local whole, list, list_code = reader:next()
      if not whole then return whole, list, list_code end
      local also, refused, why, why_code = reader:next()
      if not also then return also, refused, why end
      return list, refused, why, why_code, reader:is_empty()
    end },
  { covers = { "redis.connect", "redis:limit", "redis:send", "redis:receive", "redis:is_alive", "redis:close" },
    codes = CODES, setup = function() return torture.redis_stub() end,
    run = function(port)
      local connection, message, code = redis.connect { port = port, seconds = 60 }
      if not connection then return connection, message, code end
      connection:limit(60)
      local sent, problem, its_code = connection:send { "PING", "word" }
      local answer
      if sent then answer, problem, its_code = connection:receive() end
      local is_alive = connection:is_alive()
      connection:close()
      return answer, problem, its_code, answer and is_alive
    end },
  { covers = { "redis.connect", "redis:send", "redis:receive", "redis:close" },
    codes = { "out_of_memory", "connect_failed", "tls_failed" },
    setup = function()
      return redis_server.start_with_tls(certificates.VALID, "--tls-auth-clients yes")
    end,
    teardown = function(server) server:remove() end,
    run = function(server)
      local connection, message, code = redis.connect {
        host = "localhost", port = server.tls_port, seconds = 60, tls = true, ca = server.folder .. "/ca.crt",
        cert = server.folder .. "/server.crt", key = server.folder .. "/server.key",
      }
      if not connection then return connection, message, code end
      local sent, problem, its_code = connection:send { "ECHO", "word" }
      local answer
      if sent then answer, problem, its_code = connection:receive() end
      connection:close()
      return answer, problem, its_code
    end },
}
