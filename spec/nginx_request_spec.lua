-- How marketplace.nginx.request reads nginx's request and answers it, with an imitated nginx.
local request = require "marketplace.nginx.request"

describe("marketplace.nginx.request", function()
  local asked, ngx

  before_each(function()
    asked = { headers = {}, printed = {} }
    ngx = {
      status = 200, header = {}, ctx = {}, var = { remote_addr = "192.0.2.1" },
      req = {
        get_headers = function(most)
          asked.most = most
          return asked.headers
        end,
        get_method = function() return "POST" end,
        http_version = function() return asked.version or 1.1 end,
        read_body = function() asked.is_read = true end,
        get_body_data = function() return asked.is_read and asked.body or nil end,
        get_body_file = function() return asked.is_read and asked.file or nil end,
      },
      print = function(text) table.insert(asked.printed, text) end,
    }
    rawset(_G, "ngx", ngx)
  end)

  after_each(function() rawset(_G, "ngx", nil) end)

  it("reads the head, however many headers there are", function()
    -- nginx finds others for names that are not there as they are written
    asked.headers = setmetatable({
      ["x-apple-signature"] = "hmacsha256=00", ["content-encoding"] = "gzip", ["content-length"] = "7",
    }, { __index = function() return "another" end })
    local head = request.head()
    assert.same({ "POST", "hmacsha256=00", "gzip", "7" }, { head.method, head.signature, head.encoding, head.length })
    assert.equal("192.0.2.1", head.remote())
    assert.equal(0, asked.most)
    for name in pairs(asked.headers) do asked.headers[name] = nil end
    head = request.head()
    assert.same({}, { head.signature, head.encoding, head.length })
  end)

  it("finds out which requests say not where they end", function()
    local function fault(version, headers)
      asked.version, asked.headers = version, headers
      return request.head().fault
    end
    assert.equal("no_length", fault(1.1, {}))
    assert.equal("no_length", fault(1.0, {}))
    assert.is_nil(fault(1.1, { ["content-length"] = "0" }))
    assert.is_nil(fault(1.1, { ["transfer-encoding"] = "chunked" }))
    assert.is_nil(fault(2.0, {}))
    assert.is_nil(fault(3.0, {}))
  end)

  describe("reads a body", function()
    local path

    before_each(function() path = os.tmpname() end)
    after_each(function() os.remove(path) end)

    local function write(text)
      local file = assert(io.open(path, "wb"))
      file:write(text)
      file:close()
      asked.file = path
    end

    it("from memory", function()
      asked.body = "body"
      assert.same({ "body" }, { request.read_body(100) })
    end)

    it("from the file that nginx put it into", function()
      write "four"
      assert.same({ "four" }, { request.read_body(4) })
    end)

    it("that is empty", function()
      assert.same({ "" }, { request.read_body(100) })
    end)

    it("and says so if it is too large", function()
      write "five!"
      assert.same({ nil, "too_large" }, { request.read_body(4) })
      assert.is_nil((select(3, request.read_body(4))))
    end)

    it("and says why if it cannot", function()
      asked.file = path .. "/none"
      local body, fault, problem = request.read_body(4)
      assert.is_nil(body)
      assert.equal("unreadable", fault)
      assert.matches("/none", problem, 1, true)
    end)
  end)

  describe("answers", function()
    it("200 without a body as nginx does by itself", function()
      request.answer(200, {}, "")
      assert.same({ 200, { ["content-length"] = 0 }, {} }, { ngx.status, ngx.header, asked.printed })
      assert.is_false(request.is_answered())
    end)

    it("200 without a body with the headers that it has", function()
      request.answer(200, { ["cache-control"] = "no-store" }, "")
      assert.same({ 200, { ["content-length"] = 0, ["cache-control"] = "no-store" } }, { ngx.status, ngx.header })
    end)

    it("with a status, headers and a body", function()
      request.answer(503, { ["retry-after"] = "5" }, "later\n")
      assert.same({ 503, { ["content-length"] = 6, ["retry-after"] = "5" }, { "later\n" } },
        { ngx.status, ngx.header, asked.printed })
      assert.is_true(request.is_answered())
    end)

    it("200 with a body, and another status without", function()
      request.answer(200, { ["content-type"] = "text/plain" }, "ok\n")
      assert.same({ ["content-length"] = 3, ["content-type"] = "text/plain" }, ngx.header)
      assert.same({ "ok\n" }, asked.printed)
      request.answer(405, { allow = "POST" }, "")
      assert.same({ 405, "POST", 0 }, { ngx.status, ngx.header.allow, ngx.header["content-length"] })
    end)
  end)
end)
