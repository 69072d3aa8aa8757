--- A function of C may use what it is given in a table only while something keeps it alive: what it makes can run a
--- garbage collection, and so a finalizer of somebody's, which may empty the table. With sanitizers, what is used after
--- it was freed is reported; without them, it has been overwritten by then.
local check_emptied_values = require "support.emptied_values"
local core = require "marketplace.core"
local finalizer = require "support.finalizer"
local http_server = require "marketplace.http_server"
local json = require "marketplace.json"
local peers = require "support.peer"
local package_io = require "marketplace.package_io"
local postgres = require "marketplace.postgres"
local raw = require "support.raw_http"
local redis = require "marketplace.redis"
local shell = require "support.shell"
local sqlite = require "marketplace.sqlite"
local zip = require "marketplace.simulator.zip"

-- A string that nothing else keeps.
local function unique(before, after)
  return before .. core.random_hex(32) .. (after or "")
end

-- Of a string, what tells whether another one is equal to it, and keeps nothing of it.
local function digest(text)
  return core.sha256(text)
end

-- Raises unless it is one of these complaints: of what was not given.
local function expect_complaint(problem, ...)
  for _, pattern in ipairs { ... } do
    if tostring(problem):find(pattern) then return end
  end
  error(problem, 0)
end

describe("a table that a finalizer empties is used as it was, or as one that lacks something:", function()
  local folder, peer

  setup(function() peer = peers.start() end)
  teardown(function() peer:stop() end)
  before_each(function() folder = shell.run "mktemp -d" end)
  after_each(function() shell.run("rm -rf " .. folder) end)

  it("the request of http_start", function()
    local expected
    assert.is_true(finalizer.empties(function()
      local given = { method = "POST", url = unique(peer.url .. "/echo?"), body = unique "body",
        headers = { unique "x-one: ", unique "x-two: " } }
      expected = { url = digest(given.url), body = digest(given.body), ["x-one"] = digest(given.headers[1]),
        ["x-two"] = digest(given.headers[2]) }
      return given
    end, core.http_start, function(_, started, exchange)
      if not started then return expect_complaint(exchange, "field '%l+' is missing", "a header is not a string") end
      repeat core.http_poll(1) until exchange:done()
      local _, _, body = exchange:result()
      local got = json.decode(body)
      assert.equal(expected.url, digest(peer.url .. got.url))
      assert(got.body == "" or digest(got.body) == expected.body, got.body)
      for _, name in ipairs { "x-one", "x-two" } do
        local header = got.headers[name]
        assert(not header or digest(name .. ": " .. header) == expected[name], header)
      end
      exchange:close()
    end) > 1)
  end)

  for _, name in ipairs { "sink", "check" } do
    it("the asset of package_io." .. name, function()
      local bytes = "ab"
      assert.is_true(finalizer.empties(function()
        local path = unique(folder .. "/")
        assert(core.replace_file(path, bytes))
        return { path = path, size = #bytes, chunk_size = 1, digests = { digest "a", digest "b" }, resume = true }
      end, package_io[name], function(_, ok, asset, message, code)
        if not ok then
          return expect_complaint(asset, "field 'path' is missing", "but there are %d", "is not 64 hex digits")
        end
        -- without its size the file has another
        if not asset then return assert.equal("asset_size", code, message) end
        asset:close()
      end) > 0)
    end)
  end

  it("the names of package_io.read_archive", function()
    local made = zip.stored { { name = "a", bytes = "x" } }
    assert.is_true(finalizer.empties(function()
      return { bytes = made .. "", names = { "a" } }
    end, package_io.read_archive, function(_, ok, files, message, code)
      if not ok then
        return expect_complaint(files, "field 'names' must", "a name is not a string", "field 'path' is missing")
      end
      if not files then return assert.equal("archive_invalid", code, message) end
      assert.same({ a = "x" }, files)
    end) > 0)
  end)

  it("the options of the server", function()
    local certificate, key = raw.certificate()
    local number = 0
    assert.is_true(finalizer.empties(function(time)
      number = time % 250 + 1
      return { host = "127.0.1." .. number, tls_cert = unique(certificate), tls_key = unique(key) }
    end, http_server.open, function(_, opened, server, problem)
      if not opened then return expect_complaint(server, "'tls_cert' and 'tls_key' go together") end
      assert(server, problem)
      local address = server:address()
      assert(address == "127.0.1." .. number or address == "127.0.0.1", address)
      server:close()
    end) > 1)
  end)

  it("the responses of the server", function()
    local rig = raw.rig {}
    local requests, expected, client
    assert.is_true(finalizer.empties(function()
      client = rig:client():send(raw.post "x")
      repeat requests = rig.server:poll(1) until requests[1]
      local response = { status = 201, body = unique "body", headers = { [unique "x-a"] = unique "a",
        ["x-list"] = { unique "b", unique "c" } } }
      expected = {}
      for name, value in pairs(response.headers) do
        expected[digest(name)] = digest(type(value) == "table" and value[2] or value)
      end
      expected.body = digest(response.body)
      return { response }
    end, function(given) return rig.server:answer(requests, given) end, function(_, answered, problem)
      if not answered then
        expect_complaint(problem, "as many responses as", "response 1 must be a table", "status must be a number")
        rig.server:answer(requests, { { status = 200 } })
        return rig:run_until_answered(client)
      end
      local answer = rig:run_until_answered(client)[1]
      assert.equal(201, answer.status)
      assert(answer.body == "" or digest(answer.body) == expected.body, answer.body)
      for name, value in pairs(answer.headers) do
        if name:find "^x%-" then assert.equal(expected[digest(name)], digest(value)) end
      end
    end) > 1)
    rig:close()
  end)

  it("the options of SQLite", function()
    local pattern = "^" .. folder .. "/db%x+$"
    assert.is_true(finalizer.empties(function(time)
      local holders = folder .. "/holders" .. time
      shell.run("touch " .. holders)
      return { path = unique(folder .. "/db"), holders = holders, create = true }
    end, sqlite.open, function(_, opened, database, problem)
      if not opened then return expect_complaint(database, "option 'path' is missing or empty") end
      if not database then return expect_complaint(problem:gsub("^there is no such file: ", ""), pattern) end
      database:close()
    end) > 1)
    assert.equal("", shell.run(("ls %s | grep -v '^holders[0-9]*$\\|^db[0-9a-f]\\{64\\}$' || true"):format(folder)))
  end)

  it("the values of a statement of SQLite", function()
    local database = assert(sqlite.open { path = folder .. "/a.db", create = true })
    database:limit(600) -- whole collections take long in a program that has much
    local both = database:prepare "SELECT :a AS a, :b AS b"
    check_emptied_values(function(given) return database:run(both, given) end,
      function(items) return database:each(both, items) end)
    database:close()
  end)

  it("the parameters of PostgreSQL", function()
    local named
    assert.is_true(finalizer.empties(function()
      local host = unique "/nowhere/"
      named = digest(host)
      return { seconds = 5, parameters = { host = host, dbname = unique "db", user = unique "user" } }
    end, postgres.connect, function(_, called, connection, problem)
      if not called then return expect_complaint(connection, "option 'seconds' must", "option 'parameters' must") end
      assert.is_nil(connection)
      local host = problem:match "at (/nowhere/%x+)"
      assert(host and digest(host) == named, problem)
    end) > 1)
  end)

  it("the options of a connection to Redis", function()
    assert.is_true(finalizer.empties(function()
      return { host = unique("", ".invalid"), port = shell.free_port(), path = unique "/nowhere/", ca = unique "/ca/" }
    end, redis.connect, function(_, called, connection, problem)
      assert(called, connection)
      assert(connection or problem:find "No such file or directory" or problem:find "refused", problem)
      if connection then connection:close() end
    end) > 1)
  end)

  it("the words of a command to Redis", function()
    local expected
    assert.is_true(finalizer.empties(function()
      local words = { unique "SET", unique "key", unique "value" }
      expected = digest(("*3\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n"):format(#words[1], words[1],
        #words[2], words[2], #words[3], words[3]))
      return words
    end, redis.format, function(_, formatted, command)
      if not formatted then return expect_complaint(command, "words are expected", "word %d must be a string") end
      assert(digest(command) == expected, command)
    end) > 1)
  end)
end)
