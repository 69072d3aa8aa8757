-- The catalogue for Spotlight as files of a static site: what is written, what is left alone, what goes, and what
-- becomes of it if the disk is full.
local core = require "marketplace.core"
local json = require "marketplace.json"
local marketplace = require "marketplace"
local package_io = require "marketplace.package_io"
local raw = require "support.raw_http"
local shell = require "support.shell"
local sitemap = require "marketplace.spotlight.sitemap"
local support = require "support.device"

local BASE = "https://market.example"
local MOST = sitemap.MOST

describe("the catalogue as files #full", function()
  local setup_, folder, entries

  local function open(more)
    local given = {
      packages = setup_.packages, base_url = BASE, log = function(entry) entries[#entries + 1] = entry end,
    }
    for name, value in pairs(more or {}) do given[name] = value end
    return assert(marketplace.spotlight(given))
  end

  before_each(function()
    setup_, entries = support.open(), {}
    folder = setup_.root .. "/site"
    for _, item in ipairs { "1", "2", "3" } do
      setup_:publish("v" .. item, { appleItemId = item, appleVersionId = "1", bundleId = "com.example." .. item })
    end
  end)

  after_each(function()
    sitemap.MOST = MOST
    setup_:close()
  end)

  local function take_down(item)
    assert(setup_.store:availability { scope = "app", id = item, available = false })
  end

  local later = 4000000000

  local function bring_back(item)
    later = later + 1
    assert(setup_.store:availability { scope = "app", id = item, available = true, at = later })
    setup_:publish("v" .. item, { appleItemId = item })
  end

  local function files()
    return shell.run(("cd %s && find . -type f | LC_ALL=C sort"):format(folder)):gsub("%./", ""):gsub("\n", " ")
  end

  it("are without what is taken down while they are written", function()
    local outcome = assert(open { app = function(version)
      if version.item_id == "2" then take_down "3" end
      return {}
    end }:write(folder))
    assert.equal("apps/1.html apps/2.html sitemap.xml", (files():gsub("%s+$", "")))
    assert.is_nil(raw.read_file(folder .. "/sitemap.xml"):find("3.html", 1, true))
    assert.equal(1, outcome.removed)
  end)

  -- As a crawler of somebody else's finds it: {url = documents}.
  local function crawl()
    local output, status = shell.capture(("python3 spec/support/read_catalogue.py %s %s"):format(folder, BASE))
    assert.equal(0, status, output)
    local found, urls = json.decode(output), {}
    for url in pairs(found) do urls[#urls + 1] = url:sub(#BASE + 2) end
    table.sort(urls)
    return table.concat(urls, " "), found
  end

  it("are what the responder answers", function()
    local spotty = open { app = function(version) return { name = "</script>\226\128\168" .. version.item_id } end }
    assert.same({ apps = 3, written = 4, unchanged = 0, removed = 0 }, spotty:write(folder))
    assert.equal("apps/1.html apps/2.html apps/3.html sitemap.xml", files())
    for name in files():gmatch "%S+" do
      local status, _, body = spotty:handle { method = "GET", path = "/" .. name }
      assert.same({ 200, body }, { status, raw.read_file(("%s/%s"):format(folder, name)) })
    end
    local urls, found = crawl()
    assert.equal("apps/1.html apps/2.html apps/3.html", urls)
    assert.equal("</script>\226\128\1682", found[BASE .. "/apps/2.html"][1].name)
  end)

  it("are left alone if they are the same", function()
    local spotty = open()
    assert(spotty:write(folder))
    local before = core.file_id(folder .. "/apps/1.html")
    assert.same({ apps = 3, written = 0, unchanged = 4, removed = 0 }, spotty:write(folder))
    assert.equal(before, core.file_id(folder .. "/apps/1.html"))
  end)

  it("go with what is taken down, held, or no longer in the operator's catalogue", function()
    local names = { ["1"] = {}, ["2"] = {}, ["3"] = {} }
    local spotty = open { app = names }
    assert(spotty:write(folder))
    take_down "1"
    assert.same({ apps = 2, written = 1, unchanged = 2, removed = 1 }, spotty:write(folder))
    assert.equal("apps/2.html apps/3.html", (crawl()))
    names["2"] = nil
    assert.equal(1, spotty:write(folder).removed)
    assert(setup_.store:hold { scope = "app", id = "3" })
    assert.same({ apps = 0, written = 1, unchanged = 0, removed = 1 }, spotty:write(folder))
    assert.equal("sitemap.xml", files())
    assert.matches("<urlset[^>]*>\n</urlset>", raw.read_file(folder .. "/sitemap.xml"))
    bring_back "1"
    assert(spotty:write(folder))
    assert.equal("apps/1.html", (crawl()))
  end)

  it("are several sitemaps if there are many apps, and one again", function()
    sitemap.MOST = 2
    local spotty = open()
    assert.same({ apps = 3, written = 6, unchanged = 0, removed = 0 }, spotty:write(folder))
    assert.equal("apps/1.html apps/2.html apps/3.html apps/sitemap-1-2.xml apps/sitemap-3-3.xml sitemap.xml", files())
    assert.equal("apps/1.html apps/2.html apps/3.html", (crawl()))
    take_down "1"
    assert.same({ apps = 2, written = 1, unchanged = 2, removed = 3 }, spotty:write(folder))
    assert.equal("apps/2.html apps/3.html", (crawl()))
    assert.equal("apps/2.html apps/3.html sitemap.xml", files())
  end)

  it("are not made of apps that have a page elsewhere", function()
    local pages = {}
    local spotty = open { app = function(version) return { page = pages[version.item_id] } end }
    assert(spotty:write(folder))
    pages["2"] = BASE .. "/two"
    assert.same({ apps = 3, written = 1, unchanged = 2, removed = 1 }, spotty:write(folder))
    assert.equal("apps/1.html apps/3.html sitemap.xml", files())
    assert.matches("<loc>" .. BASE .. "/two</loc>", raw.read_file(folder .. "/sitemap.xml"), 1, true)
  end)

  it("leave other files alone, and replace none", function()
    shell.run(("mkdir -p %s/apps && cd %s && echo mine | tee robots.txt apps/7.html apps/index.html " ..
      "apps/sitemap-1-2.xml"):format(folder, folder))
    assert(open():write(folder))
    assert.equal("apps/1.html apps/2.html apps/3.html apps/7.html apps/index.html apps/sitemap-1-2.xml " ..
      "robots.txt sitemap.xml", files())
    shell.run(("echo mine > %s/apps/2.html"):format(folder))
    local none, message, code = open():write(folder)
    assert.same({ nil, "file_exists" }, { none, code })
    assert.matches("apps/2.html is not a file that this makes: move it away, or choose another folder", message, 1,
      true)
    assert.equal("mine\n", raw.read_file(folder .. "/apps/2.html"))
  end)

  it("are free of what a killed process left", function()
    local spotty = open()
    assert(spotty:write(folder))
    local left = { "apps/.1.html.0123456789abcdef.tmp", ".sitemap.xml.0123456789abcdef.tmp" }
    for _, name in ipairs(left) do shell.run(("echo half > %s/%s"):format(folder, name)) end
    shell.run(("echo damaged > %s/apps/.keep.tmp"):format(folder))
    assert(spotty:write(folder))
    assert.equal("apps/.keep.tmp apps/1.html apps/2.html apps/3.html sitemap.xml", files())
  end)

  it("are written by one process at a time", function()
    local spotty = open()
    assert(spotty:write(folder))
    local lock = assert(core.lock_file(folder .. "/.marketplace-spotlight.lock"))
    local none, message, code = spotty:write(folder)
    lock:close()
    assert.same({ nil, "locked" }, { none, code })
    assert.matches("another process writes there: " .. folder, message, 1, true)
    assert.equal(4, spotty:write(folder).unchanged)
  end)

  it("lose what is taken down although the catalogue cannot be asked", function()
    local is_down
    local spotty = open { app = function()
      if is_down then error("the database is down", 0) end
      return {}
    end }
    assert(spotty:write(folder))
    take_down "2"
    is_down = true
    local none, message, code = spotty:write(folder)
    assert.same({ nil, "catalogue_failed" }, { none, code })
    assert.matches("option 'app' failed for app 1: the database is down", message, 1, true)
    assert.equal("apps/1.html apps/3.html", (crawl()))
  end)

  it("say so if the folder cannot be written, or the store fails", function()
    local none, _, code = open():write "/proc/site"
    assert.same({ nil, "file_failed" }, { none, code })
    shell.run(("mv %s/state/store.db %s/state/away"):format(setup_.root, setup_.root))
    none, _, code = open():write(folder)
    assert.same({ nil, "store_unavailable" }, { none, code })
    shell.run(("mv %s/state/away %s/state/store.db"):format(setup_.root, setup_.root))
  end)

  describe("on a disk that is full", function()
    -- Has the step with this number fail; gives how many there were.
    local function count_steps(object, name, number, failing, work)
      local original, steps = object[name], 0
      object[name] = function(...)
        steps = steps + 1
        if steps == number then return failing(original(...)) end
        return original(...)
      end
      local ok, problem = pcall(work)
      object[name] = original
      assert(ok, problem)
      return steps
    end

    local function full() return nil, "no space left on device", "file_failed" end

    local function count_failures(spotty, object, name, step)
      return count_steps(object, name, step, full, function()
        local none, message, code = spotty:write(folder)
        assert.same({ nil, "no space left on device", "file_failed" }, { none, message, code })
      end)
    end

    it("are each whole at any moment, and complete once there is room", function()
      local spelling = 1
      local spotty = open { app = function(about)
        return { name = ("app %s, spelling %d"):format(about.item_id, spelling), changed_at = 4000000000 + spelling }
      end }
      sitemap.MOST = 1
      assert(spotty:write(folder))
      -- a sitemap without what is taken down, two pages, two sitemaps, their index; to sync also the folder, four times
      for _, case in ipairs { { os, "rename", { 1, 2, 3, 4, 5, 6 } }, { package_io, "sync", { 1, 6, 10 } } } do
        for _, step in ipairs(case[3]) do
          spelling = spelling + 1
          take_down "2"
          assert.equal(step, count_failures(spotty, case[1], case[2], step))
          assert.is_nil(files():find "tmp")
          assert.is_nil(files():find "apps/2.html")
          if case[1] == os and step > 1 then assert.is_nil(crawl():find "apps/2.html") end
          bring_back "2"
          assert(spotty:write(folder))
        end
      end
      assert.equal("apps/1.html apps/2.html apps/3.html", (crawl()))
    end)

    it("leave nothing half behind if a file cannot be filled", function()
      local spotty = open()
      assert(spotty:write(folder))
      setup_:publish("v4", { appleItemId = "4" })
      local before = files()
      local function full_file(file)
        file:close()
        return { write = function() return nil, "No space left on device" end, close = function() return true end }
      end
      -- to look whose the sitemap is, which mode files have, and whose each page is; to write the new one
      count_steps(io, "open", 6, full_file, function()
        local none, message, code = spotty:write(folder)
        assert.same({ nil, "file_failed" }, { none, code })
        assert.matches("apps/%.4%.html%.%x+%.tmp: No space left on device$", message)
      end)
      assert.equal(before, files())
      assert(spotty:write(folder))
      assert.equal("apps/1.html apps/2.html apps/3.html apps/4.html", (crawl()))
    end)
  end)
end)
