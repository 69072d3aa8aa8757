--- No request's body is ever read as another request: the shapes of support/smuggling.lua against the server itself,
--- and behind an nginx that shares its connections to it among all clients.
local marketplace = require "marketplace"
local nginx_server = require "support.nginx_server"
local raw = require "support.raw_http"
local server = require "marketplace.server"
local smuggling = require "support.smuggling"
local socket = require "socket"

local SECONDS = 10 -- that no passing spec takes

describe("the server", function()
  local listener, entries, receiver, received

  before_each(function()
    entries, received = {}, {}
    receiver = marketplace.receiver { secrets = "secret", log = function(entry) entries[#entries + 1] = entry end }
    local receive_many = receiver.receive_many
    function receiver:receive_many(requests)
      for _, request in ipairs(requests) do received[#received + 1] = request end
      return receive_many(self, requests)
    end
    listener = assert(server.open { receiver = receiver, log = function(entry) entries[#entries + 1] = entry end })
  end)

  after_each(function() listener:close() end)

  local function connect(port)
    local client = socket.tcp4()
    client:settimeout(5)
    assert(client:connect("127.0.0.1", port))
    client:settimeout(0)
    return { socket = client, got = "" }
  end

  local function pump(client)
    listener:step(0.001)
    local all, why, part = client.socket:receive(65536)
    client.got = client.got .. (all or part or "")
    client.is_closed = client.is_closed or why == "closed"
  end

  local function pump_until(client, is_so, name)
    local stop = socket.gettime() + SECONDS
    while not client.is_closed and not is_so() do
      if socket.gettime() > stop then error(name .. ": it did not happen in time; so far: " .. client.got, 2) end
      pump(client)
    end
  end

  local function never() return false end

  -- Without 100 Continue, which need not come if the body is there.
  local function statuses(client)
    local list = {}
    for _, response in ipairs(raw.responses(client.got)) do
      if response.status ~= 100 then list[#list + 1] = response.status end
    end
    return list
  end

  -- What a connection with these bytes gets. It ends its side once `enough` answers are there.
  local function exchange(port, shape, enough)
    local client = connect(port)
    assert(client.socket:send(shape.bytes))
    if enough then
      pump_until(client, function() return #statuses(client) >= enough end, shape.name)
      client.socket:shutdown "send"
    end
    pump_until(client, never, shape.name)
    client.socket:close()
    local _, heads = client.got:gsub("HTTP/1%.[01] %d%d%d", "")
    assert.equal(#raw.responses(client.got), heads, shape.name .. ": " .. client.got)
    return statuses(client)
  end

  local function bodies()
    local list = {}
    for _, request in ipairs(received) do
      if not request.fault then list[#list + 1] = request.body end
    end
    return list
  end

  local function canaries()
    local count = 0
    for _, entry in ipairs(entries) do
      if entry.reason and entry.reason:find("canary", 1, true) then count = count + 1 end
    end
    return count
  end

  local function expect_refusal(shape, got, least)
    assert.is_true(#got >= least and #got <= 1, ("%s: %d answers"):format(shape.name, #got))
    local status = got[1] or 400
    assert.is_true(status >= 400 and status <= 505 and status ~= 404, ("%s: %d"):format(shape.name, status))
    assert.same({}, bodies(), shape.name)
  end

  -- How many answers to wait for before the client ends its side; nil if it must not have to.
  local function enough_for(shape)
    if shape.answers == "any" or shape.answers == "at_most_refused" then return 0 end
    return type(shape.answers) == "table" and #shape.answers or nil
  end

  -- libmicrohttpd 1.0 takes no chunk extensions.
  local function has_strict_parser()
    local bytes = "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0;x\r\n\r\n"
    return exchange(select(2, listener:address()), { name = "probe", bytes = bytes }, 0)[1] == 400
  end

  local function expect(shape)
    local got = exchange(select(2, listener:address()), shape, enough_for(shape))
    if shape.answers == "refused" or shape.answers == "at_most_refused" then
      expect_refusal(shape, got, shape.answers == "refused" and 1 or 0)
    elseif shape.answers == "any" then
      assert.is_true(#got <= 1, shape.name)
    else
      assert.same(shape.answers, got, shape.name)
      assert.same(shape.bodies, bodies(), shape.name)
    end
    assert.equal(0, canaries(), shape.name)
  end

  for _, shape in ipairs(smuggling.shapes) do
    it("reads in one way only: " .. shape.name:gsub("%c", "?"), function()
      if not shape.is_lax or has_strict_parser() then return expect(shape) end
      exchange(select(2, listener:address()), shape, 1)
      assert.equal(0, canaries(), shape.name)
    end)
  end

  describe("behind nginx", function()
    local proxy

    local LOCATION = [[
      location / {
        proxy_pass http://server;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header X-Proxied $request_id;
        proxy_request_buffering %s;
      }
    ]]

    local function start(buffering)
      local port = select(2, listener:address())
      proxy = assert(nginx_server.start {
        http = ("upstream server { server 127.0.0.1:%d max_fails=0; keepalive 4; }"):format(port),
        server = LOCATION:format(buffering),
      })
    end

    after_each(function()
      if proxy then proxy:stop() end
      proxy = nil
    end)

    -- A request through nginx that finds the server as if nobody else had been there.
    local function expect_undisturbed(name)
      local bytes = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
      assert.same({ 200 }, exchange(proxy.port, { name = name, bytes = bytes }, 1), name)
    end

    -- nginx gives each request that it sends an id; what the server read out of a body has none.
    local function expect_proxied(name)
      local ids = {}
      for _, request in ipairs(received) do
        local id = request.headers["x-proxied"]
        assert.is_true(request.fault ~= nil or type(id) == "string" and not ids[id], name)
        ids[id or ""] = true
      end
    end

    for _, buffering in ipairs { "on", "off" } do
      it("with its request buffering " .. buffering .. " reads in one way only, whoever sent what before", function()
        start(buffering)
        for _, shape in ipairs(smuggling.shapes) do
          exchange(proxy.port, shape, 0)
          expect_undisturbed(shape.name)
          expect_proxied(shape.name)
        end
      end)
    end
  end)
end)
