-- What becomes of the SQLite inbox's files and leases as nginx's workers come and go, in a real nginx.
local marketplace = require "marketplace"
local nginx_inbox = require "support.nginx_inbox"
local record = require("support.shared_inbox").record
local shell = require "support.shell"

local LEASE = 3600
local WAITS = { 5 }

describe("the SQLite inbox in nginx #full", function()
  local nginx, folder, path, inner, outer

  before_each(function()
    folder = shell.run "mktemp -d"
    path = folder .. "/inbox.db"
    -- opened by the master
    nginx = nginx_inbox.start {
      http = ('init_by_lua_block { box = assert(require("marketplace.nginx.inbox").open "sqlite:%s") }'):format(path),
      server = [[ location = /claim {
        content_by_lua_block { ngx.print(#assert(box:claim(1, 3600))) }
      } ]],
    }
    inner = assert(nginx_inbox.open(nginx, "sqlite:" .. path))
    inner:put { record "a", record "b" }
    outer = assert(marketplace.inbox("sqlite:" .. path))
  end)

  after_each(function()
    nginx:stop()
    outer:close()
    shell.run("rm -rf " .. folder)
  end)

  -- How many descriptors of a file a process has.
  local function descriptors(pid, file)
    return tonumber(shell.run(("ls -l /proc/%s/fd | grep -c ' %s$' || true"):format(pid, file)))
  end

  local function claim_in_nginx()
    local answer = assert(require("marketplace.http").exchange { method = "GET", url = nginx.url .. "/claim" })
    assert.equal("1", answer.body)
  end

  it("has what is claimed held by the worker: one descriptor, however many threads it has", function()
    for _ = 1, 2 do claim_in_nginx() end
    local worker = nginx:workers()[1]
    assert.equal(1, descriptors(worker, path .. "-holders"))
    assert.is_true(descriptors(worker, path) >= 1)
    for _, file in ipairs { path, path .. "-wal", path .. "-holders" } do
      assert.equal(0, descriptors(nginx.pid, file))
    end
    assert.equal(0, outer:recover(WAITS))
    assert.equal(0, inner:recover(WAITS))
  end)

  it("has it released at once when the worker ends after a reload", function()
    claim_in_nginx()
    assert.equal(0, outer:recover(WAITS))
    nginx:reload()
    assert.equal(1, outer:recover(WAITS))
    claim_in_nginx()
    assert.equal(0, outer:recover(WAITS))
  end)

  it("has it released at once when the worker is killed, and another takes its place", function()
    claim_in_nginx()
    local worker = nginx:workers()[1]
    shell.run("kill -KILL " .. worker)
    nginx:wait(function()
      local now = nginx:workers()
      return #now == 1 and now[1] ~= worker
    end, "another worker")
    assert.equal(1, inner:recover(WAITS))
    assert.equal(2, #assert(outer:claim(2, LEASE)) + #assert(outer:claim(2, LEASE)))
  end)

  it("closes its connections when the worker ends: the log of writes is emptied into the file", function()
    outer:close()
    nginx:quit()
    assert.same({}, { shell.capture(("ls %s | grep -e -wal -e -shm"):format(folder)):match "%S+" })
    outer = assert(marketplace.inbox("sqlite:" .. path))
    assert.equal(2, outer:counts().ready)
  end)

  it("keeps what a killed worker has stored", function()
    outer:close()
    shell.run("kill -KILL " .. nginx:workers()[1])
    nginx:quit()
    outer = assert(marketplace.inbox("sqlite:" .. path))
    assert.equal(2, outer:counts().ready)
  end)
end)
