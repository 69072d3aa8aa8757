-- fetch URL FOLDER COUNT SIZE DIGESTS [whole]: fetches URL/1 to URL/COUNT into FOLDER, all at once; the file DIGESTS
-- has SHA-256 of each 10 MiB, which all have; with `whole` SHA-256 and MD5 of each whole file are computed, too.
-- check FOLDER COUNT SIZE DIGESTS: reads the files again.
-- Writes seconds, and the most memory that was resident, in KB.
local core = require "marketplace.core"
local http = require "marketplace.http"
local package_io = require "marketplace.package_io"
local runtime = require "marketplace.runtime"

local CHUNK = 10485760
local STEP = 64 * 1024 * 1024

local function assets(folder, count, size, path, whole)
  local digests, list = {}, {}
  for line in io.lines(path) do digests[#digests + 1] = line:match "^%x+" end
  for i = 1, count do
    list[i] = {
      path = folder .. "/" .. i, size = tonumber(size), chunk_size = CHUNK, digests = digests,
      sha256 = whole ~= nil, md5 = whole ~= nil,
    }
  end
  return list
end

local function fetch(url, folder, count, ...)
  local running = {}
  for i, asset in ipairs(assets(folder, tonumber(count), ...)) do
    local sink = assert(package_io.sink(asset))
    local request = { method = "GET", url = url .. "/" .. i, sink = sink, timeout = 0 }
    running[i] = { sink = sink, exchange = assert(http.start(request)) }
  end
  while http.poll(1) > 0 do end
  for _, one in ipairs(running) do
    assert(one.exchange:result())
    assert(one.sink:finish())
  end
end

local function check(folder, count, ...)
  for _, asset in ipairs(assets(folder, tonumber(count), ...)) do
    local one = assert(package_io.check(asset))
    local done, message
    repeat
      done, message = one:step(STEP)
      assert(done ~= nil, message)
    until done
    assert(one:result())
  end
end

local function most_memory()
  for line in io.lines "/proc/self/status" do
    local kilobytes = line:match "^VmHWM:%s*(%d+)"
    if kilobytes then return kilobytes end
  end
end

local began = core.monotonic()
local work = arg[1] == "fetch" and fetch or check
work(select(2, runtime.unpack(arg)))
print(("%.3f %s"):format(core.monotonic() - began, most_memory()))
