-- How marketplace.nginx.log writes entries, with an imitated nginx.
describe("marketplace.nginx.log", function()
  local target, level, lines

  before_each(function()
    lines = {}
    rawset(_G, "ngx", { ERR = 4, WARN = 5, INFO = 7 })
    package.loaded["ngx.errlog"] = {
      get_sys_filter_level = function() return level end,
      raw_log = function(...) lines[#lines + 1] = { ... } end,
    }
    package.loaded["marketplace.nginx.log"] = nil
    target = require("marketplace.nginx.log").target
  end)

  after_each(function()
    rawset(_G, "ngx", nil)
    package.loaded["ngx.errlog"] = nil
  end)

  local function write_all()
    for _, name in ipairs { "info", "warning", "error" } do
      target.write { level = name, message = name, status = 1 }
    end
    return lines
  end

  it("writes entries at nginx's levels", function()
    level = 7
    assert.same({ { 7, "info status=1" }, { 5, "warning status=1" }, { 4, "error status=1" } }, write_all())
  end)

  it("makes no words for what nginx would not write, and says whether it wants notices", function()
    level = 5
    assert.same({ { 5, "warning status=1" }, { 4, "error status=1" } }, write_all())
    assert.is_false(target.wants_info)
    level = 7
    assert.is_true(target.wants_info)
    assert.is_nil(target.others)
  end)

  it("says so if an entry cannot be written, and does not fail", function()
    level = 7
    local message = setmetatable({}, { __tostring = function() error("a mistake\27", 0) end })
    target.write { level = "error", message = message }
    assert.equal(4, lines[1][1])
    assert.matches("^the log failed: .*a mistake\\x1b", lines[1][2])
  end)
end)
