-- The files of packages as they arrive: written, hashed and compared on the way, by real exchanges.
local core = require "marketplace.core"
local http = require "marketplace.http"
local io_of_packages = require "marketplace.package_io"
local marketplace = require "marketplace"
local peers = require "support.peer"
local raw = require "support.raw_http"
local shell = require "support.shell"

local CHUNK = 400000
local SIZE = 1000000 -- two chunks and a half

describe("marketplace.package_io", function()
  local peer, folder, path, source, whole, digests, client

  -- Of the source's bytes from `first` to below `last`.
  local function sha256(first, last)
    return shell.run(("head -c %d %s | tail -c %d | sha256sum"):format(last, source, last - first)):match "^%x+"
  end

  setup(function()
    peer = peers.start()
    folder = shell.run "mktemp -d"
    source, path = folder .. "/source", folder .. "/asset.part"
    shell.run(("head -c %d /dev/urandom > %s"):format(SIZE, source))
    whole = {
      sha256 = shell.run("sha256sum < " .. source):match "^%x+", md5 = shell.run("md5sum < " .. source):match "^%x+",
    }
    digests = {}
    for i = 0, 2 do
      digests[i + 1] = sha256(i * CHUNK, math.min((i + 1) * CHUNK, SIZE))
    end
    local key = shell.run "openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 2>/dev/null"
    client = assert(marketplace.client { key_id = "K", issuer_id = "I", key = key, base_url = peer.url })
  end)

  teardown(function()
    peer:stop()
    shell.run("rm -rf " .. folder)
  end)

  before_each(function() os.remove(path) end)

  local function sink_of(more)
    local asset = { path = path, size = SIZE }
    for name, value in pairs(more or {}) do asset[name] = value end
    return io_of_packages.sink(asset)
  end

  local function in_chunks(more)
    local asset = { chunk_size = CHUNK, digests = digests }
    for name, value in pairs(more or {}) do asset[name] = value end
    return assert(sink_of(asset))
  end

  local function address(parameters)
    local escaped = source:gsub("/", "%%2F")
    return ("%s/file/%s?%s"):format(peer.url, escaped, parameters or "")
  end

  local function download(sink, parameters, more)
    local given = { sink = sink }
    for name, value in pairs(more or {}) do given[name] = value end
    return client:download(address(parameters), given)
  end

  local function size() return core.stat(path).size end

  local function is_whole() return os.execute(("cmp -s %s %s"):format(source, path)) end

  local function check_whole()
    local same = is_whole()
    assert.is_true(same == true or same == 0)
  end

  -- What an interrupted run leaves: the beginning, with bytes that are not right at these places.
  local function leave(bytes, ...)
    shell.run(("head -c %d %s > %s"):format(bytes, source, path))
    for _, place in ipairs { ... } do
      local file = assert(io.open(path, "r+b"))
      file:seek("set", place)
      local byte = file:read(1):byte()
      file:seek("set", place)
      file:write(string.char((byte + 1) % 256))
      file:close()
    end
  end

  describe("a sink", function()
    it("has the file on the disk, and its digests", function()
      local sink = in_chunks { sha256 = true, md5 = true }
      local result = assert(download(sink))
      assert.same({ 200, SIZE }, { result.status, result.bytes })
      assert.same({ size = SIZE, chunks = 3, sha256 = whole.sha256, md5 = whole.md5 }, sink:finish())
      assert.is_true(sink:ready())
      sink:close()
      check_whole()
      assert.equal(420, core.stat(path).mode) -- 0644
    end)

    it("computes no digest that nobody asks for", function()
      local sink = assert(sink_of())
      assert(download(sink))
      assert.same({ size = SIZE, chunks = 0 }, sink:finish())
      check_whole()
    end)

    it("has one computation for a file that is one chunk", function()
      local sink = assert(sink_of { chunk_size = SIZE, digests = { whole.sha256:upper() }, sha256 = true, md5 = true })
      assert(download(sink))
      assert.same({ size = SIZE, chunks = 1, sha256 = whole.sha256, md5 = whole.md5 }, sink:finish())
    end)

    it("takes empty files, and chunks of all sizes", function()
      local empty = assert(io_of_packages.sink { path = path, size = 0, sha256 = true })
      assert.equal("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", empty:finish().sha256)
      empty:close()
      for _, length in ipairs { 65536, 262144, 262145, SIZE - 1, SIZE } do
        local list = {}
        for at = 0, SIZE - 1, length do
          list[#list + 1] = sha256(at, math.min(at + length, SIZE))
        end
        local sink = assert(sink_of { chunk_size = length, digests = list, sha256 = true })
        assert(download(sink))
        assert.same({ size = SIZE, chunks = #list, sha256 = whole.sha256 }, sink:finish())
        sink:close()
      end
    end)

    it("goes on after a transfer that was cut", function()
      local sink = in_chunks { sha256 = true, md5 = true }
      assert.equal("http_failed", (select(3, download(sink, "cut=550000&etag=one"))))
      local offset = sink:offset()
      assert.equal(550000, offset)
      assert.equal("asset_size", (select(3, sink:finish())))
      local result = assert(download(sink, "etag=one", { etag = "one" }))
      assert.same({ 206, SIZE - offset }, { result.status, result.bytes })
      assert.same({ size = SIZE, chunks = 3, sha256 = whole.sha256, md5 = whole.md5 }, sink:finish())
      check_whole()
    end)

    it("begins again if the server sends all of it", function()
      for parameters, etag in pairs { ["range=no"] = false, ["etag=two"] = "one", ["etag=W/x"] = "W/x" } do
        os.remove(path)
        local sink = in_chunks { sha256 = true, md5 = true }
        assert.is_nil((download(sink, "cut=550000")))
        local result = assert(download(sink, parameters, { etag = etag or nil }))
        assert.same({ 200, SIZE }, { result.status, result.bytes })
        assert.same({ size = SIZE, chunks = 3, sha256 = whole.sha256, md5 = whole.md5 }, sink:finish())
        sink:close()
        check_whole()
      end
    end)

    it("refuses a part of another file, or of another place", function()
      local sink = assert(sink_of())
      assert.is_nil((download(sink, "cut=550000")))
      local _, message, code = download(sink, "deaf&etag=two", { etag = "one" })
      assert.equal("http_failed", code)
      assert.matches("the file changed on the server", message)
      assert.equal(0, sink:offset())
      assert.is_nil((download(sink, "cut=550000")))
      for parameters, expected in pairs {
        ["from=549999"] = "has 450000 bytes from byte 549999 on, which do not make 1000000",
        ["from=2000000&chunked"] = "from byte 2000000 on, which does not make 1000000",
        ["from=549999&chunked"] = "begins at byte 549999, not at byte 550000",
        ["from="] = "does not tell of what", ["from=x"] = "does not tell of what",
        ["from=-1"] = "does not tell of what", ["from=9999999999999999999"] = "does not tell of what",
      } do
        _, message, code = download(sink, parameters)
        assert.equal(expected:find "make" and "asset_size" or "http_failed", code)
        assert.matches(expected, message, 1, true)
        assert.equal(550000, sink:offset())
      end
      assert(download(sink))
      assert.is_table(sink:finish())
      check_whole()
    end)

    it("leaves alone what it has if the answer is no file, or another", function()
      local sink = in_chunks()
      assert.is_nil((download(sink, "cut=550000")))
      for parameters, expected in pairs {
        ["as=404"] = "http_failed", ["as=204"] = "http_failed", ["as=203"] = "http_failed",
        ["range=no&more=1"] = "asset_size", ["more=5"] = "asset_size",
      } do
        local got, message, code = download(sink, parameters)
        assert.is_nil(got, parameters)
        assert.equal(expected, code, message)
        assert.equal(550000, sink:offset())
      end
      assert(download(sink))
      assert.is_table(sink:finish())
    end)

    it("takes no byte more than the file has", function()
      local sink = assert(sink_of())
      local _, message, code = download(sink, "chunked&more=1")
      assert.equal("asset_size", code)
      assert.matches("asset.part: the answer goes on after 1000000 bytes", message)
      assert.same({ nil, message, code }, { sink:finish() })
      assert.is_true(sink:restart())
      assert(download(sink, "chunked"))
      assert.is_table(sink:finish())
      check_whole()
    end)

    it("says how much is missing", function()
      local sink = assert(sink_of { size = SIZE + 1 })
      assert(download(sink, "chunked"))
      local _, message, code = sink:finish()
      assert.equal("asset_size", code)
      assert.matches("1000000 of 1000001 bytes are there", message)
    end)

    it("ends the transfer as soon as a chunk is wrong, and names it", function()
      local sink = in_chunks { sha256 = true }
      local _, message, code = download(sink, "flip=450000")
      if code == nil then _, message, code = sink:finish() end -- the rest was faster
      assert.equal("asset_corrupt", code)
      assert.matches("asset.part: chunk 2 of 3 does not have the SHA%-256", message)
      assert.same({ nil, message, code }, { sink:offset() })
      assert.same({ nil, message, code }, { sink:finish() })
      assert.same({ nil, message, code, { sent = false } }, { download(sink) })
      sink:close()
      sink = in_chunks { sha256 = true, resume = true }
      assert.equal(CHUNK, sink:offset())
      assert.equal(206, download(sink).status)
      assert.same({ size = SIZE, chunks = 3, sha256 = whole.sha256 }, sink:finish())
      check_whole()
    end)

    it("goes on with what an earlier run has left, up to the first wrong chunk", function()
      for _, case in ipairs {
        { left = 0, offset = 0 }, { left = 1, offset = 1 }, { left = CHUNK, offset = CHUNK },
        { left = 450000, offset = 450000 }, { left = SIZE, offset = SIZE }, { left = SIZE, flip = 1, offset = 0 },
        { left = SIZE, flip = CHUNK - 1, offset = 0 }, { left = SIZE, flip = CHUNK, offset = CHUNK },
        { left = SIZE, flip = SIZE - 1, offset = 2 * CHUNK },
      } do
        leave(case.left, case.flip)
        local sink = in_chunks { sha256 = true, md5 = true, resume = true }
        assert.equal(case.offset, sink:offset())
        assert.equal(case.offset, sink:written())
        assert.equal(case.offset, size())
        if case.offset < SIZE then assert.equal(SIZE - case.offset, assert(download(sink)).bytes) end
        assert.same({ size = SIZE, chunks = 3, sha256 = whole.sha256, md5 = whole.md5 }, sink:finish())
        sink:close()
        check_whole()
      end
    end)

    it("keeps all that is there if there is nothing to compare it with, but no hole", function()
      leave(550000)
      local sink = assert(sink_of { resume = true, sha256 = true, md5 = true })
      assert.equal(550000, sink:offset())
      assert(download(sink))
      assert.same({ size = SIZE, chunks = 0, sha256 = whole.sha256, md5 = whole.md5 }, sink:finish())
      sink:close()
      leave(4096)
      shell.run("truncate -s 900000 " .. path) -- as after a crash of the machine
      sink = assert(sink_of { resume = true })
      assert.equal(4096, sink:offset())
      sink:close()
      shell.run(("cat %s %s > %s"):format(source, source, path))
      sink = assert(sink_of { resume = true, sha256 = true })
      assert.equal(whole.sha256, sink:finish().sha256)
      assert.equal(SIZE, size())
    end)

    it("begins a file anew unless it is to go on", function()
      leave(SIZE)
      local sink = assert(sink_of())
      assert.same({ 0, 0 }, { sink:offset(), size() })
    end)

    it("goes on from the beginning if it is restarted, whatever has happened", function()
      local sink = in_chunks { sha256 = true }
      assert(download(sink))
      assert.is_table(sink:finish())
      assert.is_true(sink:restart())
      assert.same({ 0, 0 }, { sink:offset(), size() })
      assert(download(sink))
      assert.equal(whole.sha256, sink:finish().sha256)
    end)

    it("keeps what it has taken if it is closed", function()
      local sink = in_chunks()
      assert.is_nil((download(sink, "cut=450000")))
      sink:close()
      sink:close()
      assert.equal(450000, size())
      for _, method in ipairs { "ready", "offset", "written", "restart", "finish" } do
        assert.error_matches(function() sink[method](sink) end, "the sink is closed")
      end
    end)

    local function started(sink)
      return assert(http.start { method = "GET", url = address(), sink = sink })
    end

    local function ended(exchange)
      while not exchange:done() do http.poll(1) end
      return exchange:result()
    end

    it("may be closed while a transfer goes on", function()
      local sink = in_chunks()
      local exchange = started(sink)
      sink:close()
      local _, message, code = ended(exchange)
      assert.same({ "http_failed", "the sink was closed" }, { code, message })
    end)

    it("stays while a transfer needs it", function()
      local function transfer()
        local exchange = started(in_chunks())
        collectgarbage()
        collectgarbage()
        assert.equal(200, assert(ended(exchange)).status)
      end
      transfer()
      -- the sink is closed then, and what it has taken is written
      collectgarbage()
      collectgarbage()
      check_whole()
    end)

    it("may be left alone in the middle of a transfer", function()
      for _ = 1, 3 do
        local exchange = started(in_chunks())
        http.poll(1)
        exchange:close()
      end
      local lost = started(in_chunks()) -- luacheck: ignore
      lost = nil -- luacheck: ignore
      collectgarbage()
      collectgarbage()
      local sink = in_chunks()
      assert(download(sink))
      assert.is_table(sink:finish())
    end)

    it("is for one transfer at a time", function()
      local sink = in_chunks()
      local exchange = started(sink)
      assert.error_matches(function() started(sink) end, "the sink is in use by another exchange")
      exchange:close()
      assert(download(sink))
      assert.is_table(sink:finish())
    end)

    it("is not restarted under a transfer, whose bytes would be taken for the first ones", function()
      local sink = in_chunks()
      local exchange = started(sink)
      assert.error_matches(function() sink:restart() end, "the sink is in use by an exchange")
      assert.equal(200, assert(ended(exchange)).status)
      assert.is_table(sink:finish())
      assert.is_true(sink:restart())
    end)

    it("takes several files at once", function()
      local sinks, tasks = {}, {}
      for i = 1, 8 do
        sinks[i] = in_chunks { path = ("%s/at_once_%d"):format(folder, i), sha256 = true }
        tasks[i] = function() return download(sinks[i], i % 2 == 0 and "chunked" or nil) end
      end
      for i, result in ipairs(client:parallel(tasks, { at_once = 8 })) do
        assert.is_table(result[1])
        assert.equal(whole.sha256, sinks[i]:finish().sha256)
      end
    end)

    it("takes several files over one connection of HTTP/2", function()
      local running, sinks = {}, {}
      for i = 1, 4 do
        sinks[i] = in_chunks { path = ("%s/at_once_%d"):format(folder, i), sha256 = true }
        running[i] = assert(http.start {
          method = "GET", url = address():gsub("^http://[^/]+", peer.tls_url), ca_file = peer.ca_file, sink = sinks[i],
        })
      end
      for i = 1, 4 do
        assert.equal(200, assert(ended(running[i])).status)
        assert.equal(whole.sha256, sinks[i]:finish().sha256)
      end
    end)

    it("goes slowly if asked to", function()
      local sink = assert(sink_of())
      assert.equal("timeout", (select(3, download(sink, nil, { max_bytes_per_second = 1000, timeout = 0.5 }))))
    end)

    it("refuses what it must not write to", function()
      local victim = folder .. "/victim"
      assert(core.replace_file(victim, "kept"))
      for make, expected in pairs {
        ["ln -s victim %s"] = "asset.part: it cannot be opened: Too many levels",
        ["ln %s/victim %%s"] = "asset.part: it has another name too",
        ["mkfifo %s"] = "asset.part: it is not a regular file",
        ["mkdir %s"] = "asset.part: it cannot be opened: Is a directory",
      } do
        shell.run("rm -rf " .. path)
        shell.run((make:find "%%%%" and make:format(folder) or make):format(path))
        for _, resume in ipairs { true, false } do
          local _, message, code = sink_of { resume = resume }
          assert.equal("file_failed", code)
          assert.matches(expected, message, 1, true)
        end
      end
      shell.run("rm -rf " .. path)
      assert.equal("kept", core.read_file(victim))
      assert.equal("file_failed", (select(3, io_of_packages.sink { path = folder .. "/none/x", size = 1 })))
    end)

    it("checks what it is given", function()
      local many = {}
      for i = 1, 262145 do many[i] = "" end
      for message, asset in pairs {
        ["field 'path' is missing"] = { size = 1 }, ["field 'path' has a NUL byte"] = { path = "a\0b", size = 1 },
        ["field 'size' must be a number"] = { path = path, size = -1 },
        ["field 'size' must be an integer"] = { path = path, size = 0.5 },
        ["field 'chunk_size' must be a number"] = { path = path, size = 1, chunk_size = 0 / 0 },
        ["field 'digests' must be a list"] = { path = path, size = 1, chunk_size = 1, digests = "x" },
        ["field 'digests' has 1, but there are 2"] = { path = path, size = 2, chunk_size = 1, digests = { "a" } },
        ["field 'digests' has 1, but there are 0"] = { path = path, size = 2, digests = { "a" } },
        ["digest 1 is not 64 hex digits"] = { path = path, size = 1, chunk_size = 1, digests = { ("g"):rep(64) } },
        ["digest 2 is not 64 hex digits"] =
          { path = path, size = 2, chunk_size = 1, digests = { ("0"):rep(64), ("0"):rep(63) } },
        ["more than 262144 chunks"] = { path = path, size = 262145, chunk_size = 1, digests = many },
        ["digest 1 is not 64 hex digits "] = { path = path, size = 1, chunk_size = 1, digests = { 7 } },
      } do
        assert.error_matches(function() io_of_packages.sink(asset) end, message:gsub(" $", ""), 1, true)
        assert.error_matches(function() io_of_packages.check(asset) end, message:gsub(" $", ""), 1, true)
      end
      for _, sink in ipairs { io.stdout, core.lock_file(folder .. "/lock") } do
        assert.error_matches(function() http.start { method = "GET", url = peer.url, sink = sink } end,
          "field 'sink' must be a function, or a sink of marketplace.package_io", 1, true)
      end
    end)
  end)

  describe("a check", function()
    local function check_of(more)
      local asset = { path = path, size = SIZE }
      for name, value in pairs(more or {}) do asset[name] = value end
      return io_of_packages.check(asset)
    end

    it("reads a file once, so much at a time", function()
      leave(SIZE)
      local check = assert(check_of { chunk_size = CHUNK, digests = digests, sha256 = true, md5 = true })
      local steps = 0
      repeat
        assert.error_matches(function() check:result() end, "the check is not done")
        steps = steps + 1
        local done = assert.is_boolean(check:step(300001)) and check:step(1)
      until done
      assert.equal(4, steps)
      assert.same({ size = SIZE, chunks = 3, sha256 = whole.sha256, md5 = whole.md5 }, check:result())
      assert.error_matches(function() check:step(1) end, "the check is closed")
      check:close()
    end)

    it("tells what is wrong", function()
      local function outcome(more)
        local check, message, code = check_of(more)
        if not check then return code, message end
        local done, problem, why = check:step(2 * SIZE)
        if done then return check:result() end
        assert.error_matches(function() check:step(1) end, "the check is closed")
        return why, problem
      end
      assert.equal("file_missing", outcome())
      leave(SIZE - 1)
      local code, message = outcome()
      assert.equal("asset_size", code)
      assert.matches("asset.part: it has 999999 bytes, not 1000000", message)
      leave(SIZE, CHUNK)
      code, message = outcome { chunk_size = CHUNK, digests = digests }
      assert.equal("asset_corrupt", code)
      assert.matches("asset.part: chunk 2 of 3", message)
      assert.same({ size = SIZE, chunks = 0 }, outcome())
      os.remove(path)
      shell.run("ln -s source " .. path)
      assert.equal("file_failed", outcome())
      assert.equal("file_failed", (select(3, io_of_packages.check { path = folder, size = 0 })))
    end)

    it("notices a file that becomes shorter", function()
      leave(SIZE)
      local check = assert(check_of())
      assert.is_false(check:step(SIZE / 2))
      leave(SIZE - 1)
      assert.equal("asset_size", (select(3, check:step(SIZE))))
    end)
  end)

  teardown(raw.remove_files)
end)
