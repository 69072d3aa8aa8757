-- The dashboard's views of packages, and what an operator decides there.
local forms = require "marketplace.dashboard.forms"
local json = require "marketplace.json"
local manifest = require "marketplace.packages.manifest"
local packages = require "marketplace.packages"
local shell = require "support.shell"
local simulated = require "support.packages"
local support = require "support.dashboard"

local SCRIPT = "<script>alert(1)</script>"
local BIDI = "\226\128\174"

describe("the dashboard's packages", function()
  local root, opened, browser

  before_each(function()
    root, browser = shell.run "mktemp -d", support.open()
    opened = assert(packages.new { folder = root, log = function() end, clock = function() return browser.now end })
    browser.dashboard.packages = opened
    browser:sign_in()
  end)

  after_each(function()
    browser:close()
    opened:close()
    shell.run("rm -rf " .. root)
  end)

  local function stage(id, more)
    assert(opened.store:stage({ id = id, package = "P", app = "A" }, assert(manifest.parse(json.encode(
      simulated.document({ simulated.variant(1, 1000, {}), simulated.variant(2, 2000, {}) }, nil, more))))))
  end

  local function publish(id)
    assert(opened.store:change(id, function(_, change)
      change:published { manifest_sha256 = "m", signature_sha256 = "s" }
      return true
    end))
  end

  local function page(path, query)
    local answer = browser:get(path .. forms.query(query))
    assert.equal(200, answer.status, answer.body)
    return answer.body
  end

  local function has(body, words)
    assert.is_truthy(body:find(words, 1, true), words .. " is not in " .. body)
  end

  local function has_not(body, words)
    assert.is_nil(body:find(words, 1, true), words)
  end

  -- Posts what a question's form would, and returns what the next page says.
  local function decide(query, fields)
    local answer = browser:post("/change" .. forms.query(query), fields)
    assert.equal(303, answer.status, answer.body)
    return browser:follow(answer).body:match 'role="status"><p>(.-)</p>', answer.headers.location
  end

  it("are not there without a folder", function()
    browser.dashboard.packages = nil
    has(page "/packages", "start it with --packages FOLDER")
    assert.equal(404, browser:get("/version?id=v1").status)
    assert.equal(404, browser:get("/change?do=hold").status)
    has_not(page "/", 'href="/packages"')
  end)

  it("are nothing at first", function()
    has(page "/packages", "No package version is wanted or here yet.")
    has(page("/packages", { state = "ended" }), "No package version fits.")
    has(page "/", 'href="/packages"')
  end)

  it("are listed with how far they are, what is wrong and what is next", function()
    stage "v1"
    local assets = assert(opened.store:assets "v1")
    assert(opened.store:asset_done("v1", assets[1].public_id, { proof = "chunks" }))
    assert(opened:request { version = "v1" })
    assert(opened.store:job_failed(opened:jobs({})[1], { code = "api_error", message = "403: no agreement" }))
    assert(opened:request { package = "p9" })
    local body = page "/packages"
    has(body, "1.00 kB of 3.00 kB, 1 of 2 assets")
    has(body, "403: no agreement")
    has(body, 'href="/version?id=v1"')
    has(body, 'href="/packages?package=p9"')
    has(body, 'wanted <span class="value">2</span>')
    has_not(page("/packages", { state = "ended" }), "v1")
    has_not(page("/packages", { app = "A" }), "p9")
  end)

  it("are listed by pages", function()
    for i = 1, 51 do assert(opened:request { version = ("v%03d"):format(i) }) end
    local body = page "/packages"
    has(body, "v050")
    has_not(body, "v051")
    local address = body:match('href="([^"]*)" rel="next"'):gsub("&amp;", "&")
    body = browser:get(address).body
    has(body, "v051")
    has_not(body, "v050")
    has(body, 'rel="first"')
    assert.equal(400, browser:get("/packages?from=x").status)
  end)

  it("are shown one by one, with what proves each asset", function()
    stage "v1"
    local assets = assert(opened.store:assets "v1")
    assert(opened.store:asset_done("v1", assets[1].public_id, { proof = "chunks" }))
    assert(opened.store:asset_done("v1", assets[2].public_id, { proof = "size" }))
    publish "v1"
    assert(opened:withdraw { app = "A", territories = { "FRA" } })
    local body = page("/version", { id = "v1" })
    has(body, '<span class="badge good">published</span> <span class="badge good">current</span>')
    has(body, "Apple&#39;s events keep it from <code>FRA</code>")
    has(body, "each chunk")
    has(body, "1 of 2 assets unverified: the manifest has no digests of it, and App Store Connect gives no ")
    has(body, 'href="/packages?app=A"')
    assert.equal(404, browser:get("/version?id=v9").status)
    assert.equal(404, browser:get("/version").status)
  end)

  it("ask before something is decided, and say how much it is about", function()
    stage "v1"
    stage("v2", { appleVersionId = "2" })
    local body = page("/change", { ["do"] = "hold", version = "v1" })
    has(body, 'action="/change?do=hold&amp;version=v1"')
    has(body, "This version: <code>v1</code><span class=\"hint\"> 1 is known here")
    has(body, "All versions of its app: <code>A</code><span class=\"hint\"> 2 are known here")
    has(page("/change", { ["do"] = "withdraw" }), 'name="id"')
    assert.equal(400, browser:get("/change?do=collect").status)
    assert.equal(405, browser:ask("PUT", "/change").status)
  end)

  it("are held, released, withdrawn and restored as the command does", function()
    stage "v1"
    publish "v1"
    local said, place = decide({ ["do"] = "hold", version = "v1" }, { scope = "app", reason = "a complaint" })
    assert.same({ "v1 is withdrawn.", "/version?id=v1" }, { said, place })
    assert.same({ "app", "A", "a complaint" },
      { opened:holds()[1].scope, opened:holds()[1].id, opened:holds()[1].reason })
    has(page("/version", { id = "v1" }), "app A is held: a complaint")
    said = decide({ ["do"] = "release", version = "v1" }, { scope = "app" })
    assert.matches("^v1 is", said)
    assert.same({}, opened:holds())
    said = decide({ ["do"] = "withdraw", version = "v1" }, { scope = "package", territories = "FRA, DEU" })
    assert.matches("^noted; no folder moves: v1", said)
    assert.same({ ["*"] = true, DEU = false, FRA = false },
      opened:territories { id = "v1", package = "P", app = "A" })
    browser.now = browser.now + 1
    decide({ ["do"] = "restore", version = "v1" }, { scope = "package", territories = "FRA" })
    assert.is_true(opened:territories({ id = "v1", package = "P", app = "A" }).FRA)
  end)

  it("can be decided about before they are known", function()
    local said, place = decide({ ["do"] = "hold" }, { scope = "app", id = " 67 ", reason = "" })
    assert.same({ "noted; no version of it is here.", "/packages" }, { said, place })
    assert.same({ "app", "67" }, { opened:holds()[1].scope, opened:holds()[1].id })
  end)

  it("are fetched at once if an operator says so", function()
    assert(opened:request { version = "v1" })
    assert(opened.store:job_failed(opened:jobs({})[1], { code = "api_error", message = "no" }))
    assert.is_true(opened:jobs({})[1].due > browser.now)
    has(page("/version", { id = "v1" }), 'href="/change?do=fetch&amp;version=v1"')
    assert.equal("it is due at once.", (decide({ ["do"] = "fetch", version = "v1" }, { scope = "version" })))
    assert.equal(browser.now, opened:jobs({})[1].due)
  end)

  it("stay as they are if what was asked for is not clear", function()
    stage "v1"
    for words, fields in pairs {
      ["A territory is three capital letters"] = { scope = "app", territories = "fr" },
      ["A version alone is withdrawn everywhere"] = { scope = "version", territories = "FRA" },
      ["Choose what it is about"] = { scope = "world" },
    } do
      has(decide({ ["do"] = "withdraw", version = "v1" }, fields), words)
    end
    has(decide({ ["do"] = "withdraw" }, { scope = "app", id = "../x" }), "is no id of an app")
    assert.same({ ["*"] = true }, opened:territories { id = "v1", package = "P", app = "A" })
    assert.equal(403, browser:post("/change?do=hold&version=v1", { scope = "version", csrf = ("0"):rep(64) }).status)
    assert.same({}, opened:holds())
  end)

  it("stay text, whatever App Store Connect or an operator wrote", function()
    stage("v1", { shortVersionString = SCRIPT, bundleVersion = BIDI, bundleId = SCRIPT })
    assert(opened:request { version = "v1", app = SCRIPT })
    assert(opened.store:job_failed(opened:jobs({})[1], { code = SCRIPT, message = SCRIPT .. BIDI .. "\255\0" }))
    assert(opened:hold { version = "v1", reason = SCRIPT .. BIDI })
    for _, body in ipairs {
      page "/packages", page("/packages", { app = SCRIPT, version = BIDI, package = "\255" }),
      page("/version", { id = "v1" }), page("/change", { ["do"] = "release", version = "v1" }),
      page("/change", { ["do"] = "hold", version = SCRIPT .. BIDI, app = SCRIPT, package = "\255" }),
    } do
      has_not(body, "<script>alert")
      has_not((body:gsub('value="[^"]*"', "")), BIDI) -- a field's own text is not changed, and steers nothing else
      has_not(body, "\255")
    end
    has(page("/version", { id = "v1" }), "\\u202e")
    for _, id in ipairs { "\255", "\0", ("v"):rep(10000), SCRIPT } do
      assert.equal(404, browser:get("/version" .. forms.query { id = id }).status)
    end
  end)

  it("say so if the store is away, with what is wrong", function()
    shell.run(("rm %s/state/store.db*"):format(root))
    for _, path in ipairs { "/packages", "/version?id=v1", "/change?do=hold&version=v1" } do
      local answer = browser:get(path)
      assert.equal(503, answer.status)
      has(answer.body, "is gone: put it back")
    end
    has(decide({ ["do"] = "hold" }, { scope = "app", id = "1" }) or "", "is gone: put it back")
  end)
end)
