-- What a carrier answers beside notifications: how responders are added, found, and what they are not given.
local marketplace = require "marketplace"
local memory = require "marketplace.inbox.memory"
local responders = require "marketplace.responders"

local function responder(paths, more)
  local made = { max_body = 100 }
  function made.paths() return paths end
  function made.answers(_, path)
    for _, own in ipairs(paths) do
      if path == own or own:sub(-1) == "/" and path:sub(1, #own) == own then return true end
    end
    return false
  end
  function made.handle() return 200, {}, "" end
  for name, value in pairs(more or {}) do made[name] = value end
  return made
end

local function receiver()
  return marketplace.receiver { secrets = "k", log = function() end }
end

describe("add_responder", function()
  it("gives a path's requests to the first that answers it", function()
    local made, first, second = receiver(), responder { "/a", "/b/" }, responder { "/a", "/c" }
    assert.equal(made, made:add_responder(first))
    made:add_responder(second)
    assert.equal(first, made.responders:find "/a")
    assert.equal(first, made.responders:find "/b/anything")
    assert.equal(second, made.responders:find "/c")
    assert.is_nil(made.responders:find "/b")
    assert.is_nil(made.responders:find "/")
  end)

  it("tells carriers each path and the largest body there", function()
    local made, first, second = receiver(), responder { "/a", "/b/" }, responder({ "/c" }, { max_body = 5 })
    made:add_responder(first):add_responder(second)
    assert.same({
      { path = "/a", max_body = 100, responder = first }, { path = "/b/", max_body = 100, responder = first },
      { path = "/c", max_body = 5, responder = second },
    }, made.responders.routes)
    assert.equal("/c", made.responders:taken { "/healthz", "/c" })
    assert.is_nil(made.responders:taken { "/healthz", "/readyz" })
  end)

  it("refuses what is none", function()
    for pattern, given in pairs {
      ["receiver:add_responder: a responder is expected, not a nil"] = { nil },
      ["a responder is expected, not a string"] = { "device" },
      ["the responder has no method 'paths': use assert(marketplace.device{...})"] = { {} },
      ["the responder has no method 'handle'"] = { responder({ "/a" }, { handle = false }) },
      ["max_body must be from 1 to 16777216 bytes"] = { responder({ "/a" }, { max_body = 0 }) },
      ["max_body must be from"] = { responder({ "/a" }, { max_body = 1.5 }) },
      ["paths() must return a list of paths"] = { responder {} },
      ["path \"a\" must begin with a slash"] = { responder { "a" } },
      ["path \"/a b\" must begin"] = { responder { "/a b" } },
      ["path \"/a?b\" must begin"] = { responder { "/a?b" } },
    } do
      local ok, problem = pcall(function() receiver():add_responder(given[1]) end)
      assert.is_false(ok, pattern)
      assert.is_truthy(problem:find(pattern, 1, true), problem)
    end
  end)

  it("is checked and no more by a dispatcher, so that one handlers file runs everywhere", function()
    local runs = marketplace.dispatcher { inbox = memory.new() }
    assert.equal(runs, runs:add_responder(responder { "/a" }))
    assert.has_error(function() runs:add_responder {} end)
  end)

  it("has what they count among the receiver's metrics, and closes what can be closed", function()
    local closed = 0
    local made = receiver()
    made:add_responder(responder({ "/a" }, {
      metrics = function() return "# HELP x X\n# TYPE x counter\nx 1\n" end, close = function() closed = closed + 1 end,
    }))
    made:add_responder(responder { "/b" })
    assert.is_truthy(made:metrics():find("\n# HELP x X\n# TYPE x counter\nx 1\n#", 1, true))
    assert.is_truthy(made:counters():find("\nx 1\n", 1, true))
    made:close()
    assert.equal(1, closed)
  end)
end)

describe("marketplace.responders.fault_answer", function()
  local function status(request)
    request.headers = request.headers or {}
    local answer = responders.fault_answer(request, 100)
    return answer and answer.status
  end

  it("is nil if the responder is to be given the request", function()
    assert.is_nil(status { method = "POST", body = "x" })
    assert.is_nil(status { method = "GET", headers = { ["content-encoding"] = "identity" } })
    assert.is_nil(status { method = "POST", headers = { ["content-length"] = "100" } })
  end)

  it("says what was wrong with the body", function()
    assert.equal(411, status { fault = "no_length" })
    assert.equal(408, status { fault = "timeout" })
    assert.equal(413, status { fault = "too_large" })
    assert.equal(503, status { fault = "overloaded" })
    assert.equal(400, status { fault = "malformed" })
    assert.equal(405, status { fault = "unread" })
    assert.equal(415, status { fault = "unread", headers = { ["content-encoding"] = "gzip" } })
  end)

  it("judges by the head alone, in the order of what the sender can mend", function()
    assert.equal(413, status { headers = { ["content-length"] = "101" } })
    assert.equal(415, status { headers = { ["content-length"] = "101", ["content-encoding"] = "br" } })
    assert.equal(415, status { headers = { ["content-encoding"] = { "identity", "identity" } } })
    assert.equal(413, status { fault = "unread", headers = { ["content-length"] = "101" } })
  end)
end)
