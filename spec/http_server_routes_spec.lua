-- What marketplace.http_server receives beside notifications.
local finalizer = require "support.finalizer"
local http_server = require "marketplace.http_server"
local raw = require "support.raw_http"
local socket = require "socket"

describe("marketplace.http_server, with routes,", function()
  local rig

  local function open(options)
    options = options or {}
    options.path = options.path or "/hook"
    options.routes = options.routes or { { path = "/updates", max_body = 10 }, { path = "/apps/", max_body = 1 } }
    rig = raw.rig(options)
    return rig
  end

  after_each(function()
    if rig then rig:close() end
    rig = nil
  end)

  local function post(path, body) return raw.post(body, nil, path) end

  local function request_of(bytes)
    local client = rig:client():send(bytes)
    rig:run_until_answered(client)
    return rig.requests[#rig.requests]
  end

  it("hands out bodies up to the bound of each", function()
    open()
    assert.equal("0123456789", request_of(post("/updates?a=b", "0123456789")).body)
    assert.equal("too_large", request_of(post("/updates", "0123456789a")).fault)
    assert.equal("x", request_of(post("/apps/1/2", "x")).body)
    assert.equal("too_large", request_of(post("/apps/", "xy")).fault)
    assert.equal("unread", request_of(post("/apps", "x")).fault)
    assert.equal("unread", request_of(post("/elsewhere", "x")).fault)
  end)

  it("answers many on one connection, whatever they are", function()
    open()
    local bytes = { post("/updates", "one"), "GET /apps/1 HTTP/1.1\r\nHost: a\r\n\r\n", post("/apps/2", "x") }
    local client = rig:client():send(table.concat(bytes))
    rig:run_until_answered(client, 3)
    assert.same({ "one", "", "x" }, { rig.requests[1].body, rig.requests[2].body, rig.requests[3].body })
  end)

  it("refuses routes that cannot be used", function()
    for pattern, routes in pairs {
      ["option 'routes' must be a table, not a string"] = "/updates",
      ["option 'routes' must be a list of tables"] = { "/updates" },
      ["option 'routes' must have a path in each"] = { { max_body = 1 } },
      ["option 'max_body' must be between 1 and"] = { { path = "/updates" } },
      ["option 'max_body' must be a whole number"] = { { path = "/updates", max_body = 1.5 } },
      ["option 'path' has a NUL byte"] = { { path = "/up\0dates", max_body = 1 } },
    } do
      local ok, problem = pcall(http_server.open, { path = "/hook", routes = routes })
      assert.is_false(ok, pattern)
      assert.is_truthy(problem:find(pattern, 1, true), problem)
    end
    local many = {}
    for i = 1, 1001 do many[i] = { path = "/" .. i, max_body = 1 } end
    local ok, problem = pcall(http_server.open, { path = "/hook", routes = many })
    assert.is_false(ok)
    assert.matches("option 'routes' must have at most 1000", problem)
    many[1001] = nil
    open { routes = many }
    assert.equal("x", request_of(post("/1000", "x")).body)
  end)

  -- The body that a server without a rig receives.
  local function body_at(server, path)
    local client = socket.tcp4()
    client:settimeout(5)
    assert(client:connect(server:address()))
    assert(client:send(post(path, "x")))
    local request
    repeat request = server:poll(1)[1] until request
    client:close()
    return request.body
  end

  it("has its routes whatever a finalizer does to the options meanwhile", function()
    local path
    local was_read = false
    local function make(time)
      path = "/" .. ("longer than a short string, and another each time "):gsub(" ", "_"):rep(2) .. time
      return { path = "/hook", routes = { { path = path:sub(1, 20) .. path:sub(21), max_body = 1 } } }
    end
    local complaints = { "'routes' must be", "'routes' must have a path", "'max_body' must be between" }
    assert.is_true(finalizer.empties(make, http_server.open, function(_, opened, server)
      if opened then
        local takes_all = body_at(server, "/elsewhere") == "x" -- as its path is gone
        local body = body_at(server, path)
        server:close()
        if takes_all then return end
        -- once one was read before it was emptied, those that are emptied later are, too
        was_read = was_read or body == "x"
        return assert.equal(was_read and "x" or nil, body)
      end
      local known = false
      for _, complaint in ipairs(complaints) do known = known or server:find(complaint, 1, true) ~= nil end
      assert.is_true(known, server)
    end) > 1)
    assert.is_true(was_read)
  end)

  describe("tells whether a request is abandoned, which it is", function()
    local function held()
      open().respond = function() end
      local client = rig:client():send(post("/updates", "x"))
      rig:run(function() return #rig.held > 0 end)
      return client, rig.held[1]
    end

    it("once its client has closed the connection", function()
      local client, request = held()
      assert.is_false(rig.server:is_abandoned(request))
      rig:turn()
      assert.is_false(rig.server:is_abandoned(request))
      client:close()
      rig:run(function() return rig.server:is_abandoned(request) end)
      rig.server:answer({ request }, { { status = 444 } })
      assert.is_true(rig.server:is_abandoned(request))
    end)

    it("once it was answered, and if there is none", function()
      local client, request = held()
      rig.server:answer({ request }, { { status = 200 } })
      assert.is_true(rig.server:is_abandoned(request))
      assert.is_true(rig.server:is_abandoned {})
      assert.is_true(rig.server:is_abandoned { handle = -1 })
      assert.is_true(rig.server:is_abandoned { handle = 2 ^ 60 })
      assert.has_error(function() rig.server:is_abandoned() end)
      rig:run_until_answered(client)
    end)
  end)
end)
