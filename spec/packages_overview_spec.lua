-- What an operator sees of package versions, in a store with rows alone.
local folder = require "marketplace.packages.folder"
local json = require "marketplace.json"
local manifest = require "marketplace.packages.manifest"
local packages = require "support.packages"
local shell = require "support.shell"
local store = require "marketplace.packages.store"

describe("the overview of packages", function()
  local root, now, opened

  before_each(function()
    root, now = shell.run "mktemp -d", 1000
    shell.run(("mkdir -m 700 %s/state"):format(root))
    opened = assert(store.open { folder = folder.new(root), clock = function() return now end })
  end)

  after_each(function()
    opened:close()
    shell.run("rm -rf " .. root)
  end)

  local function stage(id, more)
    assert(opened:stage({ id = id, package = "P" .. id, app = "A" }, assert(manifest.parse(json.encode(
      packages.document({ packages.variant(1, 10, {}), packages.variant(2, 20, {}) }, nil, more))))))
    now = now + 1
  end

  local function publish(id)
    assert(opened:change(id, function(_, change)
      change:published { manifest_sha256 = "m", signature_sha256 = "s" }
      return true
    end))
  end

  -- The ids of all pages, a stroke between two.
  local function ids(filter)
    local pages, most = {}, 20
    repeat
      local page, list = assert(opened:overview(filter)), {}
      for i, row in ipairs(page.rows) do list[i] = row.id or row.package end
      pages[#pages + 1], filter.from = table.concat(list, " "), page.following
    until not page.following or #pages == most
    return table.concat(pages, " | ")
  end

  local function three_and_two_jobs()
    for place, id in ipairs { "v3", "v1", "v2" } do stage(id, { appleVersionId = "1" .. place }) end
    assert(opened:request { version = "j2", app = "B" })
    now = now + 1
    assert(opened:request { package = "j1", app = "B" })
    assert(opened:request { version = "v2" })
  end

  it("has pages: the versions of an app as Apple counted them, then the jobs for what is not known yet", function()
    three_and_two_jobs()
    assert.equal("v3 v1 v2 j2 j1", ids {})
    assert.equal("v3 v1 | v2 j2 | j1", ids { limit = 2 })
    assert.equal("v3 v1 v2 | j2 j1", ids { limit = 3 })
    assert.equal("v3 | v1 | v2 | j2 | j1", ids { limit = 1 })
  end)

  it("selects", function()
    three_and_two_jobs()
    publish "v1"
    assert.equal("v1", ids { current = true })
    assert.equal("v1", ids { state = "published" })
    assert.equal("v3 | v2", ids { state = "staged", limit = 1 })
    assert.equal("v2 | j2 | j1", ids { state = "wanted", limit = 1 })
    assert.equal("", ids { state = "ended" })
    assert.equal("v3 v1 v2", ids { app = "A" })
    assert.equal("v3 v1 v2", ids { app = packages.ITEM })
    assert.equal("j2 j1", ids { app = "B" })
    assert.equal("v1", ids { package = "Pv1" })
    assert.equal("j1", ids { package = "j1" })
    assert.equal("v2", ids { version = "v2" })
    assert.equal("j2", ids { version = "j2" })
    assert.equal("", ids { version = "v9" })
  end)

  it("says how much is here, what is unverified, what is wanted, what holds it and where it is unavailable", function()
    stage "v1"
    local assets = assert(opened:assets "v1")
    assert(opened:asset_done("v1", assets[2].public_id, { proof = "size", checksum = "crc32:1" }))
    assert(opened:request { version = "v1" })
    assert(opened:hold { scope = "app", id = "A", reason = "a complaint" })
    assert(opened:availability { scope = "app", id = "A", available = false, territories = { "FRA", "DEU" } })
    local row = opened:overview({ assets = 1 }).rows[1]
    assert.same({ 30, 20, 1, 1, { "DEU", "FRA" } },
      { row.bytes, row.bytes_here, row.missing, row.unverified, row.unavailable_in })
    assert.matches("gives a fileChecksum of an unknown kind$", row.why_unverified[1])
    assert.same({ "wanted", "a complaint", assets[1].public_id, 1, packages.ITEM .. "/9/v1" },
      { row.job.state, row.hold.reason, row.asset_list[1].public_id, #row.asset_list,
        (row.path:gsub("/%d+/", "/9/")) })
    assert(opened:availability { scope = "app", id = "A", available = false })
    now = now + 1
    assert(opened:availability { scope = "app", id = "A", available = true, territories = { "FRA" } })
    row = opened:overview({}).rows[1]
    assert.same({ nil, nil, { "FRA" } }, { row.asset_list, row.unavailable_in, row.available_in })
  end)

  it("tells of a hold on what is not known yet", function()
    assert(opened:request { package = "p1", app = "B" })
    assert(opened:hold { scope = "package", id = "p1" })
    local row = opened:overview({}).rows[1]
    assert.same({ "wanted", "p1", "package", false }, { row.state, row.package, row.hold.scope, row.is_current })
  end)

  it("goes on from nowhere else than where a page has ended", function()
    three_and_two_jobs()
    for _, from in ipairs {
      "", "x", "{}", "[]", "null", '["versions",1]', '["versions","a","b","c","d"]', '["jobs","a",1]', '["jobs",1]',
      '["other"]', "[[1]]", '["versions","a","b",1,"d","e"]', ("["):rep(1000),
    } do
      local page, message, code = opened:overview { from = from }
      assert.same({ nil, "no page begins there", "cursor_invalid" }, { page, message, code }, from)
    end
    assert.equal("v3 v1 v2 j2 j1", ids { from = '["versions","","' .. ("'"):rep(300) .. '",0,"\\u0000"]' })
  end)
end)
