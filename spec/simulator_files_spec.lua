-- The files of marketplace.simulator's packages: their URLs, ranges, and what goes wrong with them.
local core = require "marketplace.core"
local marketplace = require "marketplace"
local simulation = require "support.simulation"

local FILES = "/simulator/files/"

describe("a file of marketplace.simulator", function()
  local s, url

  local function new(given)
    s = simulation.new(given)
    s.sim:add_package_version { package_version = "v", variants = { { id = "a", size = 1000 } },
      deltas = { { id = "d", size = 10 } } }
  end

  local function fetch(address, headers, method)
    local path, query = address:match "^https://[^/]+([^?]*)%??(.*)$"
    return s.sim:handle { method = method or "GET", path = path, query = query, headers = headers or {} }
  end

  local function url_of(kind, id)
    return s:expect(200, ("GET /v1/alternativeDistributionPackage%s/%s"):format(kind, id)).data.attributes.url
  end

  local function text_of(answer)
    return type(answer.body) == "table" and table.concat(answer.body) or answer.body
  end

  before_each(function()
    new()
    url = url_of("Variants", "a")
  end)

  describe("has URLs", function()
    it("that are other ones each time, and say when they expire", function()
      local first = s:expect(200, "GET /v1/alternativeDistributionPackageVariants/a").data.attributes
      assert.not_equal(url, first.url)
      local seconds = first.url:match "accessKey=(%d+)_"
      assert.equal(s.now + 3600, tonumber(seconds))
      assert.equal(s.now + 3600, core.parse_time(first.urlExpirationDate))
      for _, address in ipairs { url, first.url } do assert.equal(200, fetch(address).status) end
    end)

    it("that expire, cannot be guessed, and take no token", function()
      assert.equal(400, fetch(url, { Authorization = "Bearer " .. s:token() }).status)
      assert.equal(403, fetch((url:gsub("accessKey=1", "accessKey=2"))).status)
      assert.equal(403, fetch((url:gsub("..$", "xx"))).status)
      assert.equal(403, fetch((url:gsub("_%x%x", "_00", 1))).status)
      assert.equal(403, fetch((url:gsub("%?.*$", ""))).status)
      for _, expires in ipairs { "1e300", "1.5", "0x10", ("9"):rep(400), "-1", "" } do
        assert.equal(403, fetch((url:gsub("accessKey=%d+", "accessKey=" .. expires))).status, expires)
      end
      assert.equal(403, fetch((url:gsub("/a%?", "/d?"))).status)
      assert.equal(403, fetch((url:gsub("/variants/", "/deltas/"))).status)
      assert.equal(404, fetch((url:gsub("/variants/a", "/variants"))).status)
      assert.equal(405, fetch(url, nil, "POST").status)
      s.now = s.now + 3599
      assert.equal(200, fetch(url).status)
      s.now = s.now + 1
      assert.equal(403, fetch(url).status)
      assert.equal(200, fetch(url_of("Variants", "a")).status)
    end)

    it("that live as long as the option says", function()
      new { url_lifetime = 5 }
      url = url_of("Deltas", "d")
      s.now = s.now + 4
      assert.equal(200, fetch(url).status)
      s.now = s.now + 1
      assert.equal(403, fetch(url).status)
    end)

    it("that lead nowhere once the version is removed", function()
      s.sim:remove_package_version "v"
      assert.equal(404, fetch(url).status)
    end)
  end)

  it("is counted with its bytes, as they were sent", function()
    local path = FILES .. "variants/a"
    fetch(url)
    fetch(url, { range = "bytes=990-" })
    s.sim:fault { kind = "file_cut", at = 5 }
    fetch(url)
    fetch(url, nil, "HEAD")
    assert.same({ method = "GET", path = path, arrived = 3, executed = 3, bytes = 1015 }, s.sim:requests("GET", path))
    assert.equal(0, s.sim:requests("HEAD", path).bytes)
  end)

  describe("comes in ranges", function()
    local whole

    before_each(function() whole = s.sim:asset_bytes "a" end)

    it("from any byte to any other", function()
      local answer = fetch(url)
      assert.same({ 200, whole, "bytes", "application/octet-stream" },
        { answer.status, answer.body, answer.headers["accept-ranges"], answer.headers["content-type"] })
      for range, expected in pairs {
        ["10-19"] = { 11, 20 }, ["100-"] = { 101, 1000 }, ["999-"] = { 1000, 1000 }, ["20-20"] = { 21, 21 },
        ["20-1000"] = { 21, 1000 }, ["0-"] = { 1, 1000 },
      } do
        local part = fetch(url, { range = "bytes=" .. range })
        assert.same({ 206, whole:sub(expected[1], expected[2]),
          ("bytes %d-%d/1000"):format(expected[1] - 1, expected[2] - 1) },
          { part.status, part.body, part.headers["content-range"] })
      end
      local beyond = fetch(url, { range = "bytes=1000-" })
      assert.same({ 416, "bytes */1000" }, { beyond.status, beyond.headers["content-range"] })
      assert.equal(416, fetch(url, { range = "bytes=20-19" }).status)
      for _, ignored in ipairs { { "bytes=0-1", "bytes=2-3" }, "bytes=-5", "lines=1-2", "bytes=a-" } do
        assert.equal(whole, fetch(url, { range = ignored }).body)
      end
    end)

    it("only if it is still the file that If-Range names", function()
      local etag = fetch(url).headers.etag
      assert.matches('^"%x+"$', etag)
      assert.equal(206, fetch(url, { range = "bytes=5-", ["if-range"] = etag }).status)
      local other = fetch(url, { range = "bytes=5-", ["if-range"] = '"other"' })
      assert.same({ 200, whole }, { other.status, other.body })
      assert.not_equal(etag, fetch(url_of("Deltas", "d")).headers.etag)
    end)

    it("also of an archive", function()
      local archive = s:expect(200, "GET /v1/alternativeDistributionPackageVersions/v").data.attributes.url
      local all = fetch(archive)
      local part = fetch(archive, { range = "bytes=7-9", ["if-range"] = all.headers.etag })
      assert.same({ 206, all.body:sub(8, 10) }, { part.status, part.body })
    end)
  end)

  describe("meets a fault", function()
    it("in place of its answer", function()
      for kind, status in pairs { file_403 = 403, file_404 = 404, file_410 = 410, file_500 = 500, file_503 = 503 } do
        s.sim:fault { kind = kind }
        assert.equal(status, fetch(url).status)
        assert.equal(200, fetch(url).status)
      end
      s.sim:fault { kind = "file_html" }
      local page = fetch(url)
      assert.same({ 200, "text/html" }, { page.status, page.headers["content-type"] })
      assert.matches("^<html>", page.body)
    end)

    it("of all files or of some, and none of the API", function()
      s.sim:fault { kind = "file_410", path = FILES .. "deltas/" }
      assert.equal(200, fetch(url).status)
      assert.equal(410, fetch(url_of("Deltas", "d")).status)
      s.sim:fault { kind = "file_410", path = FILES .. "variants/a" }
      assert.equal(200, fetch(url_of("Deltas", "d")).status)
      assert.equal(410, fetch(url).status)
    end)

    it("and is cut, spoilt, shorter or longer", function()
      local whole = s.sim:asset_bytes "a"
      s.sim:fault { kind = "file_cut" }
      local answer = fetch(url)
      assert.same({ 200, whole:sub(1, 500), 1000 }, { answer.status, text_of(answer), answer.body.length })
      s.sim:fault { kind = "file_cut", at = 7 }
      answer = fetch(url, { range = "bytes=100-" })
      assert.same({ 206, whole:sub(101, 107), 900 }, { answer.status, text_of(answer), answer.body.length })
      s.sim:fault { kind = "file_corrupt" }
      answer = text_of(fetch(url))
      assert.same({ whole:sub(1, 500), whole:sub(502), 1000 }, { answer:sub(1, 500), answer:sub(502), #answer })
      assert.not_equal(whole, answer)
      s.sim:fault { kind = "file_corrupt", at = 200, times = 2 }
      answer = text_of(fetch(url, { range = "bytes=100-" }))
      assert.equal(whole:sub(101, 200), answer:sub(1, 100))
      assert.not_equal(whole:sub(201, 201), answer:sub(101, 101))
      assert.equal(whole:sub(301), text_of(fetch(url, { range = "bytes=300-" })))
      s.sim:fault { kind = "file_short" }
      answer = fetch(url)
      assert.same({ whole:sub(1, 999), nil }, { text_of(answer), answer.body.length })
      s.sim:fault { kind = "file_long" }
      answer = fetch(url)
      assert.same({ whole .. "!", nil }, { text_of(answer), answer.body.length })
      assert.equal(whole, text_of(fetch(url)))
    end)

    it("and is spoilt in one place, wherever its pieces begin", function()
      local size, unit = 17 * 1024 * 1024, 10 * 1024 * 1024
      s.sim:add_package_version { variants = { { id = "big", size = size, checksum = "none" } } }
      local whole = s.sim:asset_bytes "big"
      for _, at in ipairs { 0, unit - 65, unit - 64, unit - 1, unit, size - 1 } do
        s.sim:fault { kind = "file_corrupt", at = at }
        local text = text_of(fetch(url_of("Variants", "big")))
        assert.is_true(text:sub(1, at) == whole:sub(1, at) and text:sub(at + 2) == whole:sub(at + 2), at)
        assert.not_equal(whole:byte(at + 1), text:byte(at + 1))
      end
    end)

    it("and never ends", function()
      s.sim:fault { kind = "file_endless" }
      local body, size = fetch(url).body, 0
      for _, piece in ipairs(body) do size = size + #piece end
      assert.is_false(body.length)
      assert.is_true(size > 1e11)
      assert.equal(s.sim:asset_bytes "a", body[1]:sub(1, 1000))
    end)

    it("and is slow", function()
      s.sim:fault { kind = "file_slow" }
      s.sim:fault { kind = "file_slow", rate = 5 }
      assert.equal(10000, fetch(url).body.rate)
      assert.equal(5, fetch(url).body.rate)
    end)

    it("and gives no range, or another one than was asked for", function()
      s.sim:fault { kind = "file_no_range" }
      assert.equal(200, fetch(url, { range = "bytes=5-" }).status)
      s.sim:fault { kind = "file_wrong_range" }
      local answer = fetch(url, { range = "bytes=5-" })
      assert.same({ 206, "bytes 0-999/1000" }, { answer.status, answer.headers["content-range"] })
    end)

    it("and has another tag, or other bytes, from then on", function()
      local whole, etag = s.sim:asset_bytes "a", fetch(url).headers.etag
      s.sim:fault { kind = "file_etag_change" }
      local answer = fetch(url, { range = "bytes=5-", ["if-range"] = etag })
      assert.same({ 200, whole }, { answer.status, answer.body })
      local tag = answer.headers.etag
      assert.not_equal(etag, tag)
      assert.equal(tag, fetch(url).headers.etag)
      s.sim:fault { kind = "file_change" }
      answer = fetch(url, { range = "bytes=5-", ["if-range"] = tag })
      assert.equal(200, answer.status)
      assert.not_equal(whole, answer.body)
      assert.equal(1000, #answer.body)
      assert.equal(answer.body, s.sim:asset_bytes "a")
      assert.not_equal(tag, answer.headers.etag)
    end)

    it("and leads elsewhere", function()
      s.sim:fault { kind = "file_redirect" }
      s.sim:fault { kind = "file_redirect", location = "http://other.example/" }
      local answer = fetch(url)
      assert.equal(302, answer.status)
      assert.equal("http://other.example/", fetch(url).headers.location)
      assert.equal(200, fetch("https://host" .. answer.headers.location).status)
    end)

    it("and is done with it", function()
      s.sim:fault { kind = "file_403" }
      s.sim:fault { kind = "file_slow", lasts = 1 }
      fetch(url)
      assert.equal(1, #s.sim.faults.list)
      s.now = s.now + 1
      fetch(url)
      assert.same({}, s.sim.faults.list)
    end)

    it("for a while", function()
      s.sim:fault { kind = "403", path = "/v1/alternativeDistribution", lasts = 60 }
      local target = "GET /v1/alternativeDistributionPackageVariants/a"
      for _ = 1, 3 do s:expect(403, target) end
      s.now = s.now + 59
      s:expect(403, target)
      s.now = s.now + 1
      s:expect(200, target)
      assert.has_error(function() s.sim:fault { kind = "403", lasts = -1 } end)
      assert.has_error(function() s.sim:fault { kind = "file_slow", rate = 0 } end)
      assert.has_error(function() s.sim:fault { kind = "file_cut", at = -1 } end)
    end)
  end)

  describe("fetched in the same process", function()
    local function download(given)
      local client = assert(marketplace.client {
        key = simulation.PRIVATE, key_id = simulation.KEY_ID, issuer_id = simulation.ISSUER,
        base_url = "https://api.appstoreconnect.apple.com", transport = s.sim:transport(), sleep = function() end,
        clock = function() return s.now end,
      })
      local pieces = {}
      local settings = { sink = function(piece) pieces[#pieces + 1] = piece end }
      for name, value in pairs(given or {}) do settings[name] = value end
      local result, message, code = client:download(url, settings)
      return result and table.concat(pieces), message, code
    end

    it("arrives, also after a redirect", function()
      assert.equal(s.sim:asset_bytes "a", download())
      s.sim:fault { kind = "file_redirect" }
      assert.equal(s.sim:asset_bytes "a", download())
    end)

    it("fails if it is cut, endless or too slow", function()
      for kind, code in pairs { file_cut = "http_failed", file_endless = "too_large", file_slow = "timeout" } do
        s.sim:fault { kind = kind, rate = 1 }
        local result, _, why = download { max_bytes = 1e7, timeout = 10 }
        assert.is_nil(result)
        assert.equal(code, why)
      end
    end)
  end)
end)
