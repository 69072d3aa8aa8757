-- marketplace.spotlight: which apps Apple's crawler finds, what their pages say, and what cannot harm them.
local json = require "marketplace.json"
local marketplace = require "marketplace"
local server = require "marketplace.server"
local socket = require "socket"
local stepped_server = require "support.stepped_server"
local support = require "support.device"

local BASE = "https://market.example/spotlight"

describe("marketplace.spotlight", function()
  local setup_, answers

  local function open(more)
    local given = {
      packages = setup_.packages, base_url = BASE,
      log = function(entry) setup_.entries[#setup_.entries + 1] = entry end,
    }
    for name, value in pairs(more or {}) do given[name] = value end
    return assert(marketplace.spotlight(given))
  end

  local function get(name, of)
    local status, headers, body = (of or answers):handle { method = "GET", path = "/spotlight/" .. name }
    return status, body, headers
  end

  local function page(item, of)
    local status, body = get(("apps/%s.html"):format(item), of)
    return status == 200 and body or nil, status
  end

  local function documents(item, of)
    local list = {}
    local body = assert(page(item, of))
    for script in body:gmatch '<script type="application/ld%+json">\n(.-)\n</script>' do
      list[#list + 1] = assert(json.decode(script))
    end
    return list, body
  end

  local function listed(of)
    local status, body = get("sitemap.xml", of)
    assert.equal(200, status)
    local urls = {}
    for url in body:gmatch "<loc>(.-)</loc>" do
      assert.equal(BASE .. "/", url:sub(1, #BASE + 1))
      urls[#urls + 1] = url:sub(#BASE + 2)
    end
    return table.concat(urls, " ")
  end

  before_each(function()
    setup_ = support.open()
    setup_:publish("v1", { appleItemId = "1", appleVersionId = "9", bundleId = "com.example.one" }, { app = "A1" })
    setup_:publish("v2", {
      appleItemId = "1", appleVersionId = "10", bundleId = "com.example.one", shortVersionString = "2.1",
    }, { app = "A1" })
    setup_:publish("v3", { appleItemId = "2", appleVersionId = "7", bundleId = "com.example.two" })
    answers = open()
  end)

  after_each(function() setup_:close() end)

  local function unavailable(scope, id, territories)
    assert(setup_.store:availability { scope = scope, id = id, territories = territories, available = false })
  end

  describe("the sitemap", function()
    it("names a page for each app, and when it changed", function()
      local status, body, headers = get "sitemap.xml"
      assert.same({ 200, "application/xml; charset=utf-8", "no-cache" },
        { status, headers["content-type"], headers["cache-control"] })
      assert.matches('<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">', body, 1, true)
      assert.matches(BASE .. "/apps/1.html</loc><lastmod>%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ</lastmod>", body)
      assert.equal("apps/1.html apps/2.html", listed())
    end)

    it("is empty if there is nothing", function()
      unavailable("app", "1")
      unavailable("app", "2")
      assert.equal("", listed())
    end)

    it("is without what was taken down, or is held, from the next request on", function()
      unavailable("app", "A1")
      assert.equal("apps/2.html", listed())
      assert.equal(404, select(2, page "1"))
      assert(setup_.store:hold { scope = "package", id = "P-v3" })
      assert.equal("", listed())
      assert.equal(404, select(2, page "2"))
    end)

    it("tells of a change in which territories an app is sold", function()
      local function changed_at()
        return select(2, get "sitemap.xml"):match "apps/1.html</loc><lastmod>(.-)<"
      end
      setup_.store.database.clock = function() return 4000000000 end
      unavailable("app", "A1", { "FRA" })
      assert.equal("2096-10-02T07:06:40Z", changed_at())
      setup_.store.database.clock = function() return 4000000001 end
      unavailable("package", "P-v1")
      assert.equal("2096-10-02T07:06:41Z", changed_at())
    end)

    it("is an index of sitemaps if there are many apps", function()
      local sitemap = require "marketplace.spotlight.sitemap"
      local most = sitemap.MOST
      finally(function() sitemap.MOST = most end)
      sitemap.MOST = 2
      setup_:publish("v4", { appleItemId = "11", appleVersionId = "1" })
      assert.equal("apps/sitemap-1-11.xml apps/sitemap-2-2.xml", listed())
      local _, body = get "sitemap.xml"
      assert.matches("<sitemapindex xmlns=", body, 1, true)
      local status, first = get "apps/sitemap-1-11.xml"
      assert.equal(200, status)
      assert.matches("apps/1.html.*apps/11.html", first)
      assert.is_nil(first:find("apps/2.html", 1, true))
      assert.matches("apps/2.html", select(2, get "apps/sitemap-2-2.xml"), 1, true)
      setup_:publish("v5", { appleItemId = "10", appleVersionId = "1" }) -- after its name was made
      assert.matches("apps/1.html.*apps/10.html.*apps/11.html", select(2, get "apps/sitemap-1-11.xml"))
    end)
  end)

  describe("a page", function()
    it("has a script for each version, with Apple's ids", function()
      local list, body = documents "1"
      assert.equal(2, #list)
      for i, expected in ipairs { { "9", "2.0" }, { "10", "2.1" } } do
        local document = list[i]
        assert.same({ "https://schema.org/", "MobileApplication", expected[2] },
          { document["@context"], document["@type"], document.softwareVersion })
        assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ$", document.datePublished)
        assert.same({ ["@type"] = "DataFeed", dataFeedElement = {
          { ["@type"] = "PropertyValue", name = "com.apple.alternativeDistribution.search.appleItemId", value = "1" },
          { ["@type"] = "PropertyValue", name = "com.apple.alternativeDistribution.search.appleVersionId",
            value = expected[1] },
        } }, document.supportingData)
        assert.is_nil(document.countriesSupported)
        assert.is_nil(document.aggregateRating)
      end
      assert.matches("<h1 dir=\"auto\">com.example.one</h1>", body, 1, true)
      assert.equal("text/html; charset=utf-8", select(3, get "apps/1.html")["content-type"])
    end)

    it("is got, and nothing else", function()
      for _, name in ipairs { "apps/1.html", "sitemap.xml", "apps/1.html?a=b" } do
        assert.equal(200, (answers:handle { method = "HEAD", path = "/spotlight/" .. name }))
        local status, headers = answers:handle { method = "POST", path = "/spotlight/" .. name }
        assert.same({ 405, "GET, HEAD" }, { status, headers.allow })
      end
    end)

    it("has only versions that are available", function()
      unavailable("version", "v2")
      local list = documents "1"
      assert.same({ 1, "2.0" }, { #list, list[1].softwareVersion })
    end)

    it("keeps the day of a version when another revision of it comes", function()
      setup_.store.database.clock = function() return 1700000000 end
      setup_:publish("v6", { appleItemId = "6", appleVersionId = "1", distributionPackageRevision = 1 })
      setup_.store.database.clock = function() return 1800000000 end
      setup_:publish("v7", { appleItemId = "6", appleVersionId = "1", distributionPackageRevision = 2 })
      local list = documents "6"
      assert.same({ 1, "2023-11-14T22:13:20Z" }, { #list, list[1].datePublished })
    end)
  end)

  describe("the countries", function()
    it("are all but those in which it was taken down", function()
      unavailable("app", "A1", { "FRA", "XKS" })
      local document = documents("1")[1]
      local codes = " " .. table.concat(document.countriesSupported, " ") .. " "
      assert.equal(173, #document.countriesSupported)
      for _, code in ipairs { "FR", "XK" } do assert.is_nil(codes:find(" " .. code .. " ")) end
      for _, code in ipairs { "DE", "JP", "BR", "AF", "ZW" } do assert.is_truthy(codes:find(" " .. code .. " ")) end
      assert.is_nil(documents("2")[1].countriesSupported)
    end)

    it("are the one that is left", function()
      local all_but_one = {}
      for _, code in ipairs(require("marketplace.territories").STOREFRONTS) do
        if code ~= "JPN" then all_but_one[#all_but_one + 1] = code end
      end
      unavailable("app", "A1", all_but_one)
      assert.same({ "JP" }, documents("1")[1].countriesSupported)
      unavailable("app", "A1", { "JPN" })
      assert.equal("apps/2.html", listed())
      assert.equal(404, select(2, page "1"))
    end)

    it("are the one in which it came back", function()
      unavailable("app", "2")
      assert(setup_.store:availability { scope = "app", id = "2", territories = { "DEU" }, available = true,
        at = 4000000000 })
      setup_:publish("v8", { appleItemId = "2", appleVersionId = "8", bundleId = "com.example.two" })
      assert.same({ "DE" }, documents("2")[1].countriesSupported)
    end)

    it("are the marketplace's, if it has said which", function()
      unavailable("app", "A1", { "FRA", "JPN" })
      local in_europe = open { territories = { "FRA", "DEU", "AUT", "DEU" } }
      assert.same({ "AT", "DE" }, documents("1", in_europe)[1].countriesSupported)
      assert.same({ "AT", "DE", "FR" }, documents("2", in_europe)[1].countriesSupported)
      assert.equal("apps/2.html", listed(open { territories = { "JPN" } }))
    end)

    it("can differ between versions", function()
      unavailable("package", "P-v2", { "DEU", "FRA" })
      local in_germany = open { territories = { "DEU" } }
      local list = documents("1", in_germany)
      assert.same({ 1, "2.0" }, { #list, list[1].softwareVersion })
      assert.equal("apps/1.html apps/2.html", listed(in_germany))
    end)
  end)

  describe("the operator's catalogue", function()
    local RATING = { ratingValue = 4.8, reviewCount = 2381453, bestRating = 5, worstRating = 1 }

    it("says what people see, and what ranks an app", function()
      local seen = {}
      local list, body = documents("1", open { app = function(version)
        seen[#seen + 1] = version.apple_version_id
        return {
          name = "One & only", description = "What it does.", category = "Games", icon = "https://cdn.example/1.png",
          popularity = 26.48, aggregateRating = RATING, published_at = 1708426871,
        }
      end })
      assert.same({ "10", "9" }, seen)
      assert.same({ "One & only", "Games", "https://cdn.example/1.png", "2024-02-20T11:01:11Z" },
        { list[1].name, list[1].applicationCategory, list[1].image, list[1].datePublished })
      assert.same({ ["@type"] = "PropertyValue", value = 26.48,
        name = "com.apple.alternativeDistribution.search.ranking.popularity" },
        list[2].supportingData.dataFeedElement[3])
      assert.same({ ["@type"] = "AggregateRating", ratingValue = 4.8, reviewCount = 2381453, bestRating = 5,
        worstRating = 1 }, list[2].aggregateRating)
      for _, words in ipairs { "<title>One &amp; only</title>", ">One &amp; only</h1>", ">What it does.</p>",
        ">Games</p>", '<img src="https://cdn.example/1.png"' } do
        assert.matches(words, body, 1, true)
      end
      assert.same({}, setup_.entries)
    end)

    it("can be a table, and decides what is listed", function()
      local few = open { app = { ["2"] = { name = "Two" } } }
      assert.equal("apps/2.html", listed(few))
      assert.equal(404, select(2, page("1", few)))
      assert.equal("Two", documents("2", few)[1].name)
    end)

    it("can leave out an older version", function()
      local newest = open { app = function(version) return version.apple_version_id ~= "9" and {} or nil end }
      assert.equal(1, #documents("1", newest))
      assert.equal("apps/1.html apps/2.html", listed(newest))
    end)

    it("can have a page of its own, which the sitemap names", function()
      local own = open { app = function(version)
        return { page = "https://MARKET.example/one?a=1&b=" .. version.item_id, changed_at = 4000000000 }
      end }
      local _, body = get("sitemap.xml", own)
      assert.matches("<loc>https://MARKET.example/one?a=1&amp;b=1</loc><lastmod>2096-10-02T07:06:40Z</lastmod>", body,
        1, true)
      assert.equal(404, select(2, page("1", own)))
      local scripts = own:scripts "1"
      assert.equal(2, select(2, scripts:gsub("<script ", "")))
      assert.matches('"url":"https://MARKET.example/one?a=1\\u0026b=1"', scripts, 1, true)
      assert.is_false(own:scripts "3")
    end)

    it("has left out what Apple would not take, and is told", function()
      local function rating(more)
        local made = {}
        for name, value in pairs(RATING) do made[name] = value end
        for name, value in pairs(more) do made[name] = value ~= "none" and value or nil end
        return { aggregateRating = made }
      end
      for _, case in ipairs {
        { { popularity = 100.1 }, "'popularity' must be a number from 0 to 100" },
        { { popularity = -1 }, "'popularity' must be" }, { { popularity = "50" }, "'popularity' must be" },
        { { popularity = 0 / 0 }, "'popularity' must be" },
        { rating { bestRating = "none" }, "'aggregateRating' lacks bestRating: Apple takes all four or none" },
        { rating { ratingValue = "none" }, "'aggregateRating' lacks ratingValue" },
        { rating { reviewCount = 1.5 }, "'aggregateRating' has a reviewCount that is not an integer, at least 0" },
        { rating { bestRating = 101 }, "'aggregateRating' has a bestRating that is not an integer from 0 to 100" },
        { rating { ratingValue = 5.1 }, "ratingValue that is not between worstRating and bestRating" },
        { rating { ratingValue = 1 / 0 }, "'aggregateRating' has a ratingValue that is not a number" },
        { { aggregateRating = 4.8 }, "'aggregateRating' must be a table" },
        { { name = "  " }, "'name' must be a text" },
        { { icon = "http://cdn.example/1.png" }, "'icon' must be an https:// URL" },
        { { page = "https://other.example/1" }, "'page' must be on the host of base_url" },
        { { page = "javascript:alert(1)" }, "'page' must be an https:// URL" },
        { { published_at = "2024-02-20" }, "'published_at' must be a time, in seconds since the epoch" },
        { { published_at = 1e18 }, "'published_at' must be a time" },
        { { titel = "One" }, "'titel' is not known" },
      } do
        setup_.entries = {}
        local spotty = open { app = function() return case[1] end }
        local list = documents("2", spotty)
        assert.same({ "com.example.two" }, { list[1].name })
        assert.is_nil(list[1].aggregateRating)
        assert.equal(2, #list[1].supportingData.dataFeedElement)
        page("2", spotty)
        assert.equal(1, #setup_.entries)
        local entry = setup_.entries[1]
        assert.same({ "warning", "catalogue entry incomplete", "2", "v3" },
          { entry.level, entry.message, entry.app_id, entry.version })
        assert.matches(case[2], entry.reason, 1, true)
      end
    end)

    it("lets no app disappear if it fails", function()
      local function failing() error("the database is down", 0) end
      for _, app in ipairs { failing, function() return true end } do
        setup_.entries = {}
        local spotty = open { app = app }
        local status, _, headers = get("sitemap.xml", spotty)
        assert.same({ 503, "5" }, { status, headers["retry-after"] })
        assert.equal(503, (get("apps/1.html", spotty)))
        assert.same({ 1, "error", "catalogue not answered" },
          { #setup_.entries, setup_.entries[1].level, setup_.entries[1].message })
        local none, _, code = spotty:scripts "1"
        assert.same({ nil, "catalogue_failed" }, { none, code })
      end
      assert.matches("option 'app' failed for app 1: it must give a table or nil, and gave a boolean",
        setup_.entries[1].reason, 1, true)
    end)
  end)

  describe("text from outside", function()
    local HOSTILE = {
      "</script><script>alert(1)</script>", "<!--<script>", "]]>", "'\"><img src=x onerror=alert(1)>", "&amp;&lt;",
      "\226\128\168 and \226\128\169", "\192\175 \237\160\128 \255", "\0\1\27[31m\127", "{{x}}%s%1$n",
      "\226\128\174rtl", ("a"):rep(100000),
    }

    it("stays text", function()
      for _, name in ipairs(HOSTILE) do
        local list, body = documents("2", open { app = function()
          return { name = "x" .. name, description = "x" .. name, category = "x" .. name,
            icon = "https://cdn.example/\"><script>" }
        end })
        assert.equal(1, #list)
        assert.equal(1, select(2, body:lower():gsub("<script", "")))
        assert.equal(1, select(2, body:lower():gsub("</script", "")))
        assert.equal(1, select(2, body:lower():gsub("<img", "")))
        assert.equal(1, select(2, body:gsub("<!%-%-", "")))
        assert.is_nil(body:find "[%z\1-\9\11-\31\127]")
        assert.is_true(require("marketplace.core").is_utf8(body))
        local script = body:match "json\">\n(.-)\n</script>"
        assert.is_nil(script:find "[<>&\226]")
      end
    end)

    it("comes back from the scripts as it was", function()
      for _, name in ipairs { HOSTILE[1], HOSTILE[4], HOSTILE[6], "caf\195\169 \240\159\142\174" } do
        assert.equal(name, documents("2", open { app = function() return { name = name } end })[1].name)
      end
    end)

    it("may be in a manifest", function()
      setup_:publish("v9", { appleItemId = "9", appleVersionId = "1", bundleId = "com.example.</script>",
        shortVersionString = "1</script><b>" })
      local list, body = documents "9"
      assert.same({ "com.example.</script>", "1</script><b>" }, { list[1].name, list[1].softwareVersion })
      assert.equal(1, select(2, body:gsub("</script", "")))
    end)
  end)

  it("answers its own paths only", function()
    for _, path in ipairs {
      "/spotlight/sitemap.xml", "/spotlight/sitemap.xml?x=1", "/spotlight/apps/1.html",
      "/spotlight/apps/sitemap-1-2.xml",
      "/spotlight/apps/99999999999999999999.html",
    } do
      assert.is_true(answers:answers(path), path)
    end
    for _, path in ipairs {
      "/", "/spotlight", "/spotlight/", "/sitemap.xml", "/spotlight/apps/", "/spotlight/apps/a.html",
      "/Xspotlight/sitemap.xml", "/spotlight/apps/../sitemap.xml", "/spotlight/apps/1.html/",
      "/spotlight/apps/sitemap-1.xml",
      "/spotlight/apps/999999999999999999999.html", "/spotlight/apps/sitemap-1-999999999999999999999.xml",
      "//spotlight/sitemap.xml",
    } do
      assert.is_false(answers:answers(path), path)
      assert.equal(404, (answers:handle { method = "GET", path = path }))
    end
    local at_root = open { base_url = "https://market.example/" }
    assert.is_true(at_root:answers "/sitemap.xml")
    assert.is_false(at_root:answers "/")
  end)

  it("is a responder of receivers, and counts its answers", function()
    local receiver = marketplace.receiver { secrets = { ("s"):rep(32) }, inbox = assert(marketplace.inbox "memory") }
    receiver:add_responder(answers)
    assert.same({ "/spotlight/sitemap.xml", "/spotlight/apps/" }, answers:paths())
    get "sitemap.xml"
    get "apps/1.html"
    get "apps/77.html"
    answers:refused("/spotlight/apps/1.html", 413, 2)
    for _, sample in ipairs {
      'marketplace_spotlight_answers_total{document="sitemap",status="200"} 1',
      'marketplace_spotlight_answers_total{document="sitemap",status="503"} 0',
      'marketplace_spotlight_answers_total{document="page",status="200"} 1',
      'marketplace_spotlight_answers_total{document="page",status="404"} 1',
      'marketplace_spotlight_answers_total{document="page",status="413"} 2',
    } do
      assert.matches(sample, receiver:metrics(), 1, true)
    end
    receiver:close()
  end)

  it("is answered by a server", function()
    local receiver = marketplace.receiver {
      secrets = "s", inbox = assert(marketplace.inbox "memory"), log = function() end,
    }
    receiver:add_responder(answers)
    local listener = assert(server.open { receiver = receiver, log = function() end })
    local client = socket.tcp4()
    finally(function()
      client:close()
      listener:close()
    end)
    assert(client:connect(listener:address()))
    client:settimeout(0)
    local function ask(head, body)
      assert(client:send(("%s HTTP/1.1\r\nHost: a\r\n\r\n%s"):format(head, body or "")))
      return stepped_server.answers(listener, client, 1)[1]
    end
    local response = ask "GET /spotlight/sitemap.xml"
    assert.equal(200, response.status)
    assert.matches("/spotlight/apps/2.html", response.body, 1, true)
    assert.matches("<h1", ask("GET /spotlight/apps/2.html?a").body, 1, true)
    unavailable("app", "2")
    assert.equal(404, ask("GET /spotlight/apps/2.html").status)
    assert.equal(405, ask("POST /spotlight/apps/1.html HTTP/1.1\r\nContent-Length: 1\r\nX: y", "a").status)
  end)

  it("answers 503 while the store fails, and says when that is over", function()
    local path = setup_.root .. "/state/store.db"
    assert(os.rename(path, path .. "-away"))
    assert.equal(503, (get "sitemap.xml"))
    assert.equal(503, (get "apps/1.html"))
    assert.equal(1, #setup_.entries)
    local none, _, code = answers:scripts "1"
    assert.same({ nil, "store_unavailable" }, { none, code })
    assert(os.rename(path .. "-away", path))
    assert.equal(200, (get "sitemap.xml"))
  end)

  it("takes the path of a folder, too", function()
    local other = assert(marketplace.spotlight { packages = setup_.root, base_url = BASE, log = function() end })
    assert.equal("apps/1.html apps/2.html", listed(other))
    other:close()
    assert.equal(503, (get("sitemap.xml", other)))
    answers:close()
    assert.equal(200, (get "sitemap.xml"))
    local none, message = marketplace.spotlight { packages = "/dev/null/packages", base_url = BASE }
    assert.is_nil(none)
    assert.matches("/dev/null", message, 1, true)
  end)

  it("is refused if it could only be wrong", function()
    for pattern, given in pairs {
      ["option 'base_url' must be an https:// URL without a query"] = { base_url = "http://market.example" },
      ["option 'base_url' must be"] = { base_url = "https://market.example/?a" },
      ["option 'territories' is empty"] = { territories = {} },
      ["option 'territories' has \"DE\", which is no ISO 3166 alpha-3 code"] = { territories = { "DE" } },
      ["option 'territories' has a number"] = { territories = { 276 } },
      ["option 'packages' must be what marketplace.packages returned"] = { packages = {} },
      ["option 'base_url' must have a path without %"] = { base_url = "https://market.example/caf%C3%A9" },
      ["unknown option 'apps'"] = { apps = {} },
      ["option 'app' must be named by Apple's ids of apps, in strings"] = { app = { [6740067890] = { name = "A" } } },
    } do
      local ok, problem = pcall(open, given)
      assert.is_false(ok, pattern)
      assert.is_truthy(problem:find(pattern, 1, true), problem)
    end
    for message, call in pairs {
      ["spotlight:handle: the request's path must be a string"] = { "handle", { method = "GET" } },
      ["spotlight:scripts: Apple's id of an app is expected, in a string"] = { "scripts" },
      ["spotlight:write: a folder's path is expected"] = { "write", "" },
    } do
      local ok, problem = pcall(answers[call[1]], answers, call[2])
      assert.same({ false, true }, { ok, problem:find(message, 1, true) ~= nil })
    end
  end)

  it("blames the caller who hands it no request", function()
    for pattern, given in pairs {
      ["a request must be a table"] = false,
      ["the request's method must be a string"] = {},
      ["the request's path must be a string"] = { method = "GET" },
    } do
      local _, problem = pcall(function()
        local status = answers:handle(given)
        return status
      end)
      assert.matches("^spec/spotlight_spec.lua:%d+: spotlight:handle: " .. pattern, problem)
    end
  end)
end)
