-- Who may do something at once and who waits, in marketplace.nginx.line, in an imitated nginx.
local imitated_nginx = require "support.imitated_nginx"

describe("marketplace.nginx.line", function()
  local nginx, line, order

  before_each(function()
    nginx = imitated_nginx.install()
    nginx.ngx.on_abort = function() end
    line = nginx.require("marketplace.nginx.line").new { most = 2, most_waiting = 2, seconds = 5, turn_seconds = 60 }
    order = {}
  end)

  after_each(function() nginx:remove() end)

  local function note(form, name)
    order[#order + 1] = form:format(name, nginx.now - 1000)
  end

  -- One that needs so many seconds, or is ended by nginx in the middle.
  local function come(name, seconds, is_ended)
    nginx:spawn(function()
      local turn = line:enter()
      if not turn then return note("%s refused at %g", name) end
      note("%s at %g", name)
      nginx.ngx.sleep(is_ended and math.huge or seconds)
      line:leave(turn)
    end)
  end

  it("lets so many in, and the others in the order in which they came", function()
    for i, name in ipairs { "a", "b", "c", "d" } do come(name, i) end
    assert.same({ "a at 0", "b at 0" }, order)
    nginx:advance(3)
    assert.same({ "a at 0", "b at 0", "c at 1", "d at 2" }, order)
  end)

  it("lets nobody in before those that wait", function()
    come("a", 1)
    come("b", 1)
    come("c", 1)
    nginx:advance(0.5)
    come("d", 1)
    nginx:advance(2)
    assert.same({ "a at 0", "b at 0", "c at 1", "d at 1" }, order)
  end)

  it("refuses whoever would be one too many to wait", function()
    for _, name in ipairs { "a", "b", "c", "d", "e" } do come(name, 1) end
    assert.same({ "a at 0", "b at 0", "e refused at 0" }, order)
    nginx:advance(1)
    come("f", 1)
    nginx:advance(1)
    assert.same({ "c at 1", "d at 1", "f at 2" }, { order[4], order[5], order[6] })
  end)

  it("refuses whoever has waited for too long", function()
    come("a", 30)
    come("b", 30)
    come("c", 1)
    nginx:advance(10)
    assert.same({ "a at 0", "b at 0", "c refused at 5" }, order)
  end)

  it("takes a turn as over that nobody gives back", function()
    come("a", 0, true)
    come("b", 0, true)
    nginx:advance(58)
    come("c", 1)
    nginx:advance(3)
    assert.same({ "a at 0", "b at 0", "c at 60" }, order)
  end)

  it("ends a turn once", function()
    local turn
    nginx:spawn(function() turn = line:enter() end)
    line:leave(turn)
    line:leave(turn)
    for _, name in ipairs { "a", "b", "c" } do come(name, 1) end
    assert.same({ "a at 0", "b at 0" }, order)
  end)
end)
