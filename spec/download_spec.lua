local core = require "marketplace.core"
local download = require "marketplace.client.download"
local shell = require "support.shell"

describe("marketplace.client.download", function()
  local requests

  before_each(function() requests = {} end)

  local function redirect(status, location)
    return { status = status, headers = { location = location } }
  end

  -- Answers from a list; a string is a file's bytes.
  local function fetch(answers, given, address)
    local function transport(request, pause)
      assert.equal("pause", pause)
      requests[#requests + 1] = request
      local answer = answers[#requests]
      if type(answer) ~= "string" then return answer, "no answer", "timeout", { sent = true } end
      for piece in answer:gmatch "..?" do
        if request.sink(piece) == false then return nil, "the sink ended it", "http_failed", { sent = true } end
      end
      return { status = 200, headers = { etag = "e" } }
    end
    given = given or {}
    if not given.file then given.sink = given.sink or function() end end
    return download.fetch(transport, address or "https://cdn.example/a/b?c", given, "ca.pem", "pause")
  end

  it("hands over the bytes piece by piece, and counts them", function()
    local pieces = {}
    local result = fetch({ "abcde" }, { sink = function(piece) pieces[#pieces + 1] = piece end })
    assert.same({ status = 200, bytes = 5, headers = { etag = "e" } }, result)
    assert.same({ "ab", "cd", "e" }, pieces)
  end)

  it("has limits, which can be set", function()
    fetch { "" }
    local request = requests[1]
    assert.same({ "GET", "https://cdn.example/a/b?c", "ca.pem" }, { request.method, request.url, request.ca_file })
    assert.same({ 3600, 16 * 2 ^ 30, 1024, 30 },
      { request.timeout, request.max_response, request.low_speed_limit, request.low_speed_time })
    requests = {}
    fetch({ "" }, { timeout = 1, max_bytes = 2 })
    assert.same({ 1, 2 }, { requests[1].timeout, requests[1].max_response })
  end)

  it("follows each kind of redirect, to a path or to a URL", function()
    for _, status in ipairs { 301, 302, 303, 307, 308 } do
      requests = {}
      assert.is_table((fetch { redirect(status, "/x?y"), redirect(status, "https://other.example:1/z"), "" }))
      assert.same({ "https://cdn.example/x?y", "https://other.example:1/z" }, { requests[2].url, requests[3].url })
    end
  end)

  it("follows no other", function()
    for message, answer in pairs {
      ["the answer redirects to something that is not a URL"] = {
        redirect(302, "x"), redirect(302, "//other.example/x"), redirect(302, ""),
        redirect(302, { "/a", "/b" }), redirect(302) },
      ["the answer redirects away from https://"] = { redirect(302, "http://cdn.example/"), redirect(302, "ftp://a/") },
      ["the file cannot be fetched: 304"] = { redirect(304, "/x") },
      ["the file cannot be fetched: 300"] = { redirect(300, "/x") },
      ["the file cannot be fetched: 206"] = { { status = 206, headers = {} } },
      ["the file cannot be fetched: 403"] = { { status = 403, headers = {} } },
    } do
      for _, one in ipairs(answer) do
        requests = {}
        assert.same({ nil, message, "http_failed", { status = one.status } }, { fetch { one, "" } })
        assert.equal(1, #requests)
      end
    end
  end)

  it("stays on http:// if it began there, and may go to https://", function()
    assert.is_table((fetch({ redirect(302, "http://b/"), redirect(302, "HTTPS://c/"), "" }, nil, "http://a/")))
    requests = {}
    assert.is_nil((fetch({ redirect(302, "https://b/"), redirect(302, "http://c/"), "" }, nil, "http://a/")))
  end)

  it("follows five redirects, and no sixth", function()
    local answers = {}
    for i = 1, 5 do answers[i] = redirect(302, "/" .. i) end
    answers[6] = "x"
    assert.equal(1, fetch(answers).bytes)
    requests, answers[6], answers[7] = {}, redirect(302, "/6"), "x"
    assert.same({ nil, "more than 5 redirects", "http_failed", {} }, { fetch(answers) })
  end)

  it("passes on what the transport fails with", function()
    assert.equal("the sink ended it", (select(2, fetch({ "abc" }, { sink = function() return false end }))))
    requests = {}
    assert.same({ nil, "no answer", "timeout", { sent = true } }, { fetch {} })
  end)

  describe("into a file", function()
    local folder, path

    before_each(function()
      folder = shell.run "mktemp -d"
      path = folder .. "/file"
    end)
    after_each(function() shell.run("rm -rf " .. folder) end)

    it("replaces it once it is complete", function()
      assert(core.replace_file(path, "before"))
      local result = fetch({ "abcde" }, { file = path })
      assert.equal(5, result.bytes)
      assert.equal("abcde", core.read_file(path))
      assert.equal("file", shell.run("ls -A " .. folder))
    end)

    it("leaves it as it was if something fails", function()
      assert(core.replace_file(path, "before"))
      assert.equal("timeout", (select(3, fetch({}, { file = path }))))
      assert.equal("before", core.read_file(path))
      assert.equal("file", shell.run("ls -A " .. folder))
    end)

    it("leaves it as it was if the disk fills up", function()
      assert(core.replace_file(path, "before"))
      local function outcome(file)
        local open = io.open
        rawset(io, "open", function(name, ...)
          assert(open(name, ...)):close()
          return file
        end)
        local result = { pcall(fetch, { "abcde" }, { file = path }) }
        rawset(io, "open", open)
        requests = {}
        return result
      end
      local function full() return nil, "No space left on device" end
      local expected = { true, nil, "cannot write No space left on device", "file_failed", {} }
      assert.same(expected, outcome { write = full, close = function() return true end })
      assert.same(expected, outcome { write = function(self) return self end, close = full })
      local in_place = stub(core, "put_in_place", full)
      local result = { fetch({ "abcde" }, { file = path }) }
      in_place:revert()
      assert.same({ nil, "cannot write No space left on device", "file_failed", {} }, result)
      assert.equal("before", core.read_file(path))
      assert.equal("file", shell.run("ls -A " .. folder))
    end)

    it("says what it cannot write", function()
      shell.run("mkdir " .. path)
      assert.same({ nil, ("cannot write %s: it is not a regular file"):format(path), "file_failed", {} },
        { fetch({ "a" }, { file = path }) })
      local _, message, code = fetch({ "a" }, { file = folder .. "/none/file" })
      assert.matches("^cannot write " .. folder:gsub("%p", "%%%0") .. "/none/file%.%x+%.part: No such file", message)
      assert.equal("file_failed", code)
      assert.equal(0, #requests)
    end)
  end)
end)
