-- HTTP over a Unix socket: the server's side and the client's.
local http = require "marketplace.http"
local http_server = require "marketplace.http_server"
local shell = require "support.shell"

describe("a Unix socket", function()
  local folder, path

  before_each(function()
    folder = shell.run "mktemp -d"
    path = folder .. "/a.sock"
  end)

  after_each(function() shell.run("rm -r " .. folder) end)

  local function open()
    return http_server.open { host = "unix:" .. path, port = 0 }
  end

  local function answered(server, one)
    local seen
    while not one:done() do
      http.poll(0)
      local requests, answers = server:poll(0.01), {}
      for i, request in ipairs(requests) do
        seen, answers[i] = request, { status = 200, headers = { ["x-a"] = "b" }, body = "answer" }
      end
      server:answer(requests, answers)
    end
    return seen, assert(one:result())
  end

  it("carries requests and answers", function()
    local server = assert(open())
    finally(function() server:close() end)
    assert.same({ "unix", 0 }, { server:address() })
    for _ = 1, 3 do
      local request, response = answered(server, assert(http.start {
        method = "POST", url = "http://localhost/a", body = "question", unix_socket = path,
      }))
      assert.same({ "POST", "/a", "question", "localhost", "" },
        { request.method, request.path, request.body, request.headers.host, request.remote })
      assert.same({ 200, "b", "answer" }, { response.status, response.headers["x-a"], response.body })
    end
  end)

  it("is asked whatever host the URL names, and whatever was asked before", function()
    local server = assert(open())
    local other = assert(http_server.open { host = "127.0.0.1", port = 0 })
    finally(function()
      server:close()
      other:close()
    end)
    local _, port = other:address()
    local url = ("http://127.0.0.1:%d/"):format(port)
    assert.is_truthy(answered(other, assert(http.start { method = "GET", url = url })))
    assert.is_truthy(answered(server, assert(http.start { method = "GET", url = url, unix_socket = path })))
    assert.is_truthy(answered(other, assert(http.start { method = "GET", url = url })))
  end)

  it("at which nobody listens is an error at once", function()
    local _, _, code = http.exchange { method = "GET", url = "http://localhost/", unix_socket = path }
    assert.equal("connect_failed", code)
    _, _, code = http.exchange { method = "GET", url = "http://localhost/", unix_socket = ("x"):rep(200) }
    assert.equal("connect_failed", code)
  end)

  it("takes the place of one at which nobody listens any more, and of nothing else", function()
    assert(open()):close()
    local server = assert(open())
    finally(function() server:close() end)
    assert.same({ nil, ("cannot listen on %s: Address already in use"):format(path), "listen_failed" }, { open() })
    server:close()
    os.remove(path)
    shell.run("touch " .. path)
    assert.equal("listen_failed", (select(3, open())))
    assert.equal(path, shell.run("ls " .. path))
  end)

  it("has a path of 1 to 107 bytes", function()
    for _, name in ipairs { "", "/" .. ("x"):rep(107) } do
      assert.same({ nil, "the path of a Unix socket has 1 to 107 bytes", "listen_failed" },
        { http_server.open { host = "unix:" .. name, port = 0 } })
    end
  end)
end)
