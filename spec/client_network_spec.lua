-- The client over a real network: several calls at once, and in a caller's own loop.
local http = require "marketplace.http"
local marketplace = require "marketplace"
local peers = require "support.peer"
local shell = require "support.shell"

local KEY = shell.run "openssl ecparam -name prime256v1 -genkey -noout" .. "\n"

describe("marketplace.client on a network", function()
  local peer

  setup(function() peer = peers.start() end)
  teardown(function() peer:stop() end)

  local function client(more)
    local given = { key = KEY, key_id = "K1", issuer_id = "I1", base_url = peer.url, timeout = 10 }
    for name, value in pairs(more or {}) do given[name] = value end
    return assert(marketplace.client(given))
  end

  it("has several calls under way at once", function()
    local one = client()
    local path = "/meet/3?several"
    local results = one:parallel {
      { "GET", path }, { "POST", path, { body = {} } },
      function() return one:request("PATCH", path, { body = {} }) end,
    }
    for i = 1, 3 do assert.equal(marketplace.null, assert(results[i][1], results[i][2]).data) end
  end)

  it("has no more of them than it was told", function()
    local waits = { "GET", "/meet/4?limited" }
    local results = client { timeout = 0.5, retries = 0 }:parallel({ waits, waits, waits, { "GET", "/status/404" } },
      { at_once = 3 })
    for i = 1, 3 do assert.equal("timeout", results[i][3]) end
    assert.equal(404, results[4][4].status)
  end)

  it("waits in the caller's loop, which goes on meanwhile", function()
    local one = client { pause = function(seconds) coroutine.yield(seconds) end }
    local threads, results, turns = {}, {}, 0
    for i = 1, 2 do
      threads[i] = coroutine.create(function() results[i] = { one:request("GET", "/meet/2?loop") } end)
    end
    while not (results[1] and results[2]) do
      for _, thread in ipairs(threads) do
        if coroutine.status(thread) == "suspended" then
          local ok, seconds = coroutine.resume(thread)
          assert.is_true(ok, seconds)
          turns = turns + 1
        end
      end
      http.poll(0.01)
    end
    assert.is_true(turns > 2)
    for i = 1, 2 do assert.equal(marketplace.null, results[i][1].data, results[i][2]) end
  end)

  it("ends what is under way if one of several raises", function()
    local one = client()
    assert.error_matches(function()
      one:parallel { { "GET", "/hang/there" }, function() error "a mistake" end }
    end, "a mistake")
    assert.equal(0, http.poll(0))
    local closed = assert(http.start { method = "GET", url = peer.url .. "/hang" })
    closed:close()
    assert.has_error(function()
      one:parallel { { "GET", "/hang/there" }, function() coroutine.yield(nil, closed) end }
    end)
    assert.equal(0, http.poll(0))
  end)

  it("downloads a large file", function()
    local path = os.tmpname()
    local result = assert(client():download(peer.url .. "/redirect/%2Fbytes%2F3000000", { file = path }))
    assert.equal(3000000, result.bytes)
    assert.equal("3000000", shell.run("stat -c %s " .. path))
    os.remove(path)
    local got, message = client():download(peer.url .. "/half", { file = path })
    assert.is_nil(got)
    assert.is_string(message)
    assert.equal("", shell.run(("ls -d %s* 2>/dev/null; true"):format(path)))
    local _, refusal = client():download(peer.url .. "/bytes/3", { file = "/dev/null" })
    assert.matches("not a regular file", refusal)
  end)

  it("has all of a downloaded file on the disk before it has its name", function()
    local folder = shell.run "mktemp -d"
    finally(function() shell.run("rm -rf " .. folder) end)
    local script = ([[
      local marketplace = require "marketplace"
      local client = assert(marketplace.client { key_file = "%s/key", key_id = "K1", issuer_id = "I1" })
      print(assert(client:download("%s/bytes/300000", { file = "%s/package" })).bytes)
    ]]):format(folder, peer.url, folder)
    for name, text in pairs { key = KEY, ["script.lua"] = script } do
      local file = assert(io.open(folder .. "/" .. name, "w"))
      file:write(text)
      file:close()
    end
    local run = ("LUA_PATH='%s' LUA_CPATH='%s' LD_PRELOAD=build/test/lost_writes.so " ..
      "LOST_WRITES_FOLDER=%s %s %s/script.lua")
      :format(package.path, package.cpath, folder, shell.LUA, folder)
    assert.equal("300000", shell.run(run))
    -- what was on the disk, under the name that it had then
    local synced = shell.run(("ls %s/*.synced"):format(folder))
    assert.matches("/package%.%x+%.part%.synced$", synced)
    shell.run(("cmp %s %s/package"):format(synced, folder))
  end)
end)
