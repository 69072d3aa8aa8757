-- What the functions of the C modules are called with while allocations fail. A scenario's name is the list of what it
-- covers. `make` prepares, without failures, what `run` is given; `run` gives a string or number that is always the
-- same, or nil, message, code. `codes`: what else may be said where memory is short; `again`: what `make` made serves
-- a second time.
local core = require "marketplace.core"
local http_server = require "marketplace.http_server"
local redis = require "marketplace.redis"

local FOLDER, REDIS = arg[1], arg[2]
local SECRET, OLD = "a secret", "an old secret"
local BODY = '{"data":{"id":"5f0c2a52","type":"alternativeDistributionPackageAvailableUpdated","version":1,' ..
  '"attributes":{"appId":"67","available":false,"territories":["USA","FRA"],"timestamp":"2026-03-14T09:26:53Z",' ..
  '"n":[1,2.5,true,null,{"a":"\\u00e9"}]},"relationships":{"instance":{"data":{"type":"apps","id":"1"}}}}}'
local WITHOUT_ID = '{"data":{"type":"webhookPingCreated"}}'
local NO_JSON = '{"data":'

local scenarios = {}

local function add(name, scenario)
  scenario.name = name
  scenarios[#scenarios + 1] = scenario
end

local function shown(n)
  return table.concat({
    n.id, n.type, n.event, n.app_id, n.timestamp, n.territories[2], tostring(n.time), tostring(n.generation), #n.body,
  }, " ")
end


--[[ Without memory of their own ]]

add("core.now core.monotonic core.process_id core.user_id core.stop_asked core.take_reload core.catch_signals " ..
  "core.hold_standard_streams core.is_utf8 core.is_terminal core.crc32 core.timestamp core.http_date " ..
  "core.retry_after core.sleep", {
    run = function()
      core.hold_standard_streams()
      core.catch_signals()
      core.sleep(0)
      return tostring(core.now() > 0 and core.monotonic() > 0 and core.process_id() > 0 and core.user_id() >= 0) ..
        tostring(core.stop_asked()) .. tostring(core.take_reload()) .. tostring(core.is_utf8 "\195\169") ..
        type(core.is_terminal "stdin") .. core.crc32 "a" .. core.timestamp "1970-01-01T00:00:01Z" ..
        core.http_date "Sun, 06 Nov 1994 08:49:37 GMT" .. core.retry_after("5", 0)
    end,
  })

add("core.random_hex", { run = function() return #core.random_hex(16) end })

--[[ Signatures and notifications ]]

add("core.keyring keyring:sign keyring:verify keyring:receive keyring:close record:__index", {
  make = function()
    return { header = core.keyring(OLD):sign(BODY), without = core.keyring(SECRET):sign(WITHOUT_ID),
      bad = core.keyring(SECRET):sign(NO_JSON) }
  end,
  again = true,
  run = function(state)
    local keyring, message, code = core.keyring(SECRET, OLD)
    if not keyring then return nil, message, code end
    local index = keyring:verify(BODY, state.header)
    local wrong, _, why = keyring:verify(BODY, state.bad)
    local secret, record = keyring:receive(BODY, state.header)
    local _, idless = keyring:receive(WITHOUT_ID, state.without)
    local unread, nothing, _, fault = keyring:receive(NO_JSON, state.bad)
    local signed = keyring:sign(BODY)
    local text = table.concat({
      index, tostring(wrong), why, secret, record.digest, record.event, record.app_id, record.time,
      idless.key == idless.digest and "key" or "", unread, tostring(nothing), fault, #keyring, signed,
    }, " ")
    keyring:close()
    return text
  end,
})

add("core.parse", { run = function()
  local n, message, code = core.parse(BODY)
  if not n then return nil, message, code end
  return shown(n)
end })
add("core.part", { run = function()
  local attributes = core.part(BODY, "attributes")
  return attributes.appId .. attributes.n[2] .. attributes.n[5].a .. #attributes.territories ..
    core.part(BODY, "relationships").instance.data.type
end })
add("core.envelope", { run = function()
  local record, message, code = core.envelope(BODY)
  if not record then return nil, message, code end
  return table.concat({ record.key, record.event, record.digest, record.app_id, record.time, #record.body }, " ")
end })
add("core.sha256", { run = function() return core.sha256(BODY) end })
add("core.parse", { run = function() -- of what is none
  local n, message, code, detail = core.parse(NO_JSON)
  return tostring(n) .. message .. code .. detail.offset
end })

--[[ Keys ]]

add("core.generate_key es256:private_pem es256:public_pem es256:sign es256:verify es256:close core.private_key " ..
  "core.public_key", {
    run = function()
      local key, message, code = core.generate_key()
      if not key then return nil, message, code end
      local private, public = key:private_pem(), key:public_pem()
      local same, other = core.private_key(private), core.public_key(public)
      local signature = same:sign "text"
      local verified, refused = other:verify("text", signature), select(3, other:verify("texts", signature))
      key:close()
      return tostring(verified) .. refused .. #signature
    end,
  })
add("core.private_key", { run = function()
  local key, message, code = core.private_key "no key"
  return tostring(key) .. message .. code
end })
add("core.private_key_file", {
  make = function()
    local path = FOLDER .. "/key.pem"
    assert(core.replace_file(path, core.generate_key():private_pem()))
    return path
  end,
  again = true,
  run = function(path)
    local key, message, code = core.private_key_file(path)
    if not key then return nil, message, code end
    return #key:sign "text"
  end,
})
add("core.base64url core.base64url_decode", { run = function()
  return core.base64url "any bytes" .. core.base64url_decode "YW55IGJ5dGVz" .. tostring((core.base64url_decode "="))
end })

--[[ Files ]]

add("core.replace_file core.stat core.file_id core.real_path core.remove_leftovers", {
  run = function()
    local path = FOLDER .. "/file"
    local written, message, code = core.replace_file(path, "text")
    if not written then return nil, message, code end
    local swept, problem, problem_code = core.remove_leftovers(path)
    if not swept then return nil, problem, problem_code end
    local found = core.stat(path)
    return found.type .. found.size .. #core.real_path(path) .. tostring(found.id == core.file_id(path))
  end,
})
add("core.lock_file core.is_locked lock:close core.replace_locked", {
  run = function()
    local path = FOLDER .. "/lock"
    local lock, message, code = core.lock_file(path)
    if not lock then return nil, message, code end
    local locked = core.is_locked(path)
    lock:close()
    local own
    own, message, code = core.replace_locked(path, "1\n")
    if not own then return nil, message, code end
    own:close()
    return tostring(locked) .. tostring(core.is_locked(path))
  end,
  codes = { locked = true }, -- by a lock that only the garbage collector closes
})

--[[ HTTP ]]

-- The server or the client may drop the exchange where its memory is short.
local DROPPED = { http_failed = true, connect_failed = true, timeout = true, listen_failed = true }

add("http_server.open http_server:address http_server:poll http_server:answer http_server:stats " ..
  "http_server:drain http_server:close core.http_start core.http_poll http_exchange:done http_exchange:head " ..
  "http_exchange:take http_exchange:result http_exchange:close", {
    codes = DROPPED,
    run = function()
      local server, message, code = http_server.open { port = 0, max_connections = 4 }
      if not server then return nil, message, code end
      local _, port = server:address()
      local exchange
      exchange, message, code = core.http_start {
        method = "POST", url = "http://127.0.0.1:" .. port .. "/path", headers = { "X-One: 1" }, body = "body",
        timeout = 0.3, connect_timeout = 0.3,
      }
      if not exchange then return nil, message, code end
      while not exchange:done() do
        core.http_poll(0)
        local requests, problem, problem_code = server:poll(0.001)
        if not requests then return nil, problem, problem_code end
        local answers = {}
        for i = 1, #requests do
          local request = requests[i]
          -- where memory is short the server has put no body there
          answers[i] = { status = request.body and 201 or 503, headers = { ["x-two"] = request.headers["x-one"] },
            body = request.method .. request.path .. (request.body or "") }
        end
        if #requests > 0 then server:answer(requests, answers) end
      end
      local status, headers, body, why = exchange:result()
      if not status then return nil, headers, body end
      if status ~= 201 then return nil, "status " .. status, status == 503 and "http_failed" or why end
      exchange:close()
      server:drain()
      local stats = type(server:stats())
      server:close()
      return status .. headers["x-two"] .. body .. stats
    end,
  })
add("core.http_start http_exchange:head http_exchange:take", {
  run = function()
    local exchange, message, code = core.http_start {
      method = "GET", url = "http://127.0.0.1:1/", headers = {}, stream = true, timeout = 1, connect_timeout = 1,
    }
    if not exchange then return nil, message, code end
    while not exchange:done() do core.http_poll(0.01) end
    local head = exchange:head()
    local taken = exchange:take()
    local status, _, why = exchange:result()
    if why == "out_of_memory" then return nil, "memory", why end
    return tostring(head) .. tostring(taken) .. tostring(status) .. tostring(why)
  end,
})
add("core.http_start", { run = function()
  local exchange, message, code = core.http_start { method = "GET", url = "http://example.com/", headers = {} }
  if code == "out_of_memory" then return nil, message, code end
  return tostring(exchange) .. code
end })

--[[ Redis ]]

add("redis.open redis:command redis:close", {
  codes = { connect_failed = true }, -- hiredis says of memory that it is short, or that the connection is lost
  run = function()
    local connection, message, code = redis.open { path = REDIS, connect_timeout = 2, timeout = 2 }
    if not connection then return nil, message, code end
    local set
    set, message, code = connection:command { "SET", "k", "value" }
    if not set then return nil, message, code end
    local list
    list, message, code = connection:command { "MGET", "k", "none", "k" }
    if not list then return nil, message, code end
    local refused, _, why = connection:command { "NONSENSE" }
    connection:close()
    return set .. list[1] .. tostring(list[2]) .. list[3] .. tostring(refused) .. tostring(why)
  end,
})
add("redis.format redis.reader redis.reader:feed redis.reader:next redis.reader:is_empty", {
  run = function()
    local reader, message, code = redis.reader()
    if not reader then return nil, message, code end
    local fed
    fed, message, code = reader:feed "*3\r\n$3\r\nabc\r\n:7\r\n$-1\r\n+OK\r\n-ERR no\r\n"
    if not fed then return nil, message, code end
    local more, list = reader:next()
    if not more then return nil, list, select(3, reader:next()) end
    local _, ok = reader:next()
    local _, refused, why = reader:next()
    return redis.format { "SET", "k", "v" } .. list[1] .. list[2] .. ok .. tostring(refused) .. tostring(why) ..
      tostring(reader:is_empty())
  end,
})

--[[ The Lua layer over it ]]

local marketplace = require "marketplace"
local token = require "marketplace.token"

add("marketplace.sign marketplace.verify marketplace.parse marketplace.fingerprint marketplace.explain", {
  run = function()
    local header, message, code = marketplace.sign(SECRET, BODY)
    if not header then return nil, message, code end
    local index = marketplace.verify({ OLD, SECRET }, BODY, header)
    local n
    n, message, code = marketplace.parse(BODY)
    if not n then return nil, message, code end
    return index .. n.attributes.appId .. n.relationships.instance.data.id .. marketplace.fingerprint(SECRET)
  end,
})
add("marketplace.token", {
  make = function() return core.generate_key():private_pem() end,
  again = true,
  run = function(pem)
    local made, message, code = token.new { key = pem, key_id = "K", issuer_id = "I", now = 1792915200 }
    if not made then return nil, message, code end
    return made:match "^[^.]+%.[^.]+" .. message
  end,
})

-- A receiver with an inbox in memory. Whatever fails when a notification comes, is claimed or is finished: who sent it
-- sends it again until it is acknowledged, and its callback runs then, also in the order of its app.
local function receiver()
  local state = { ran = {}, now = 1792915200 }
  state.receiver = marketplace.receiver {
    secrets = SECRET, log = function() end, clock = function() return state.now end, random = function() return 0 end,
  }
  state.receiver:on("*", function(n) state.ran[n.id] = true end)
  state.requests = {}
  for i, id in ipairs { "a", "b", "c" } do
    local body = BODY:gsub("5f0c2a52", id):gsub('"67"', i == 3 and '"68"' or '"67"')
    state.requests[i] = { method = "POST", headers = { ["x-apple-signature"] = marketplace.sign(SECRET, body) },
      body = body }
  end
  return state
end

add("receiver:handle receiver:dispatch receiver:counts receiver:waiting receiver:next_at", {
  make = receiver,
  again = true,
  run = function(state)
    for i = 1, 3 do
      local status = state.receiver:handle(state.requests[i])
      if status == 503 then return nil, "not stored", "out_of_memory" end
      if status ~= 200 then return "status " .. status end
    end
    -- what was claimed when memory was short comes again when its lease ends
    state.now = state.now + 120
    local ran, message, code = state.receiver:dispatch()
    if not ran then return nil, message, code end
    local waiting = state.receiver:waiting()
    if waiting > 0 then return nil, waiting .. " wait for another attempt", "out_of_memory" end
    local next_at = state.receiver:next_at()
    return tostring(state.ran.a) .. tostring(state.ran.b) .. tostring(state.ran.c) .. waiting .. tostring(next_at)
  end,
})
add("receiver:handle_many receiver:metrics", {
  make = receiver,
  again = true,
  run = function(state)
    local responses = state.receiver:handle_many(state.requests)
    for i = 1, 3 do
      if responses[i].status ~= 200 then return nil, "not stored", "out_of_memory" end
    end
    state.now = state.now + 120
    local ran, message, code = state.receiver:dispatch()
    if not ran then return nil, message, code end
    local waiting = state.receiver:waiting()
    if waiting > 0 then return nil, waiting .. " wait for another attempt", "out_of_memory" end
    return tostring(state.ran.a) .. tostring(state.ran.b) .. tostring(state.ran.c) ..
      (#state.receiver:metrics() > 1000 and "metrics" or "")
  end,
})

add("the modules themselves", {
  run = function()
    for _, name in ipairs { "marketplace.core", "marketplace.http_server", "marketplace.redis" } do
      package.loaded[name] = nil
      require(name)
    end
    return "done"
  end,
})

return scenarios
