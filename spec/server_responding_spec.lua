-- In which order `serve` goes through the requests of responders, and which of them it begins.
local responding = require "marketplace.server.responding"

describe("marketplace.server.responding", function()
  local own, gone, begun, answered, refused

  before_each(function()
    gone, begun, answered, refused = {}, {}, {}, {}
    local responder = {
      max_body = 1,
      handle = function(_, request)
        begun[#begun + 1] = request.path
        return 200, {}, ""
      end,
      refused = function(_, path, status) refused[#refused + 1] = { path, status } end,
    }
    local http = {
      is_abandoned = function(_, request) return gone[request.path] or false end,
      answer = function(_, requests, answers)
        for i, request in ipairs(requests) do answered[request.path] = answers[i].status end
      end,
    }
    local receiver = { responders = { find = function() return responder end }, show_refused = function() end }
    own = responding.new { http = http, receiver = receiver, most_waiting = 1 }
    for _, path in ipairs { "/a", "/b", "/c" } do own:takes { method = "GET", path = path, headers = {} } end
  end)

  local function turn_until_empty()
    repeat own:turn(0) until own:count() == 0 -- one is begun in each
  end

  it("begins what came first first", function()
    turn_until_empty()
    assert.same({ "/a", "/b", "/c" }, begun)
    assert.same({ ["/a"] = 200, ["/b"] = 200, ["/c"] = 200 }, answered)
  end)

  it("begins nothing for a client that has gone while others were answered", function()
    gone["/b"] = true
    turn_until_empty()
    assert.same({ "/a", "/c" }, begun)
    assert.same({ ["/a"] = 200, ["/b"] = 444, ["/c"] = 200 }, answered)
    assert.same({ { "/b", 499 } }, refused)
  end)
end)
