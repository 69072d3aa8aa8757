-- Large catalogues for Spotlight: an index of sitemaps, each app once, read by indexes, and written into files.
local core = require "marketplace.core"
local marketplace = require "marketplace"
local shell = require "support.shell"
local support = require "support.device"

local BASE = "https://market.example"

-- As many apps as there are, without a manifest for each.
local MULTIPLY = [[
WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < %d)
INSERT INTO versions (id, package, app, item_id, apple_version_id, revision, bundle_id, version, build, platforms,
  minimum_systems, capabilities, bytes, state, ordinal, staged_at, published_at)
SELECT 'v' || (6000000000 + n), 'P' || n, 'A' || n, 6000000000 + n, 1, revision, bundle_id, version, build, platforms,
  minimum_systems, capabilities, bytes, state, 1 + n, staged_at, published_at FROM versions, number WHERE id = 'first';
INSERT INTO current SELECT item_id, apple_version_id, id, published_at FROM versions WHERE id <> 'first';
]]

describe("a large catalogue #full", function()
  local setup_, spotty

  local function open(apps)
    setup_ = support.open()
    setup_:publish("first", { appleItemId = "6000000000", appleVersionId = "1" })
    local output, status = shell.capture(('sqlite3 %s/state/store.db "%s"'):format(setup_.root,
      MULTIPLY:format(apps - 1)))
    assert.equal(0, status, output)
    spotty = assert(marketplace.spotlight { packages = setup_.packages, base_url = BASE })
  end

  after_each(function() setup_:close() end)

  local function get(path)
    local status, _, body = spotty:handle { method = "GET", path = path }
    assert.equal(200, status)
    return body
  end

  it("is an index of sitemaps that have each app once", function()
    open(60000)
    local seen, count = {}, 0
    for sitemap in get "/sitemap.xml":gmatch "<loc>https://market.example(/apps/sitemap%-%d+%-%d+%.xml)</loc>" do
      local body = get(sitemap)
      assert.is_true(#body < 50 * 1024 * 1024)
      for url in body:gmatch "<loc>(.-)</loc>" do
        assert.is_nil(seen[url])
        seen[url], count = true, count + 1
      end
    end
    assert.equal(60000, count)
    assert.matches('"value":"6000012345"', get "/apps/6000012345.html", 1, true)
  end)

  it("is read by the keys of its tables", function()
    open(5000)
    local plans = {}
    setup_.store.database.connection:use(function(link)
      local run = link.run
      local spying = setmetatable({ run = function(_, statement, values)
        plans[statement] = plans[statement] or run(link, "EXPLAIN QUERY PLAN " .. statement, values)
        return run(link, statement, values)
      end }, { __index = link })
      setup_.store.read = function(_, work) return work(spying) end
      assert(setup_.store:catalogue { territories = { "DEU" }, versions = 100, first = "6000000007", limit = 3 })
      assert(setup_.store:catalogue_pages(2000))
      setup_.store.read = nil
      return true
    end)
    local count = 0
    for statement, plan in pairs(plans) do
      count = count + 1
      for _, step in ipairs(plan) do
        local table_read = step.detail:match "^SCAN ([a-z]+)$"
        assert.is_nil(table_read, statement .. ": " .. step.detail)
      end
    end
    assert.equal(5, count)
  end)

  it("becomes files, of which the next run changes none", function()
    open(1200)
    local folder = setup_.root .. "/site"
    assert.same({ apps = 1200, written = 1203, unchanged = 0, removed = 0 }, spotty:write(folder))
    assert.same({ apps = 1200, written = 0, unchanged = 1203, removed = 0 }, spotty:write(folder))
    local output, status = shell.capture(("python3 spec/support/read_catalogue.py %s %s"):format(folder, BASE))
    assert.equal(0, status)
    assert.equal(1200, select(2, output:gsub('"https://market.example/apps/%d+.html": %[{', "")))
    assert.is_truthy(core.stat(folder .. "/apps/6000001199.html"))
  end)
end)
