local url = require "marketplace.client.url"

local BASE = "https://api.appstoreconnect.apple.com"

describe("marketplace.client.url", function()
  it("knows the same scheme, host and port in any spelling", function()
    for _, address in ipairs {
      BASE, BASE .. "/", BASE .. "/v1/x?cursor=a%2Fb#c", BASE .. ":443/v1", "HTTPS://API.appstoreconnect.apple.COM/v1",
      BASE .. "?a", BASE .. "/@other.example/",
    } do assert.is_true(url.is_same_origin(address, BASE), address) end
    assert.is_true(url.is_same_origin("http://127.0.0.1:8080/a", "http://127.0.0.1:8080"))
    assert.is_true(url.is_same_origin("http://[::1]:80/a", "http://[::1]"))
  end)

  it("takes nothing else for the same", function()
    for _, address in ipairs {
      "", "/v1/x", "//api.appstoreconnect.apple.com/v1", "http://api.appstoreconnect.apple.com/v1", BASE .. ":444/v1",
      "https://api-appstoreconnect.itunes.apple.com/v1", BASE .. ".example/v1", BASE .. "@other.example/v1",
      "https://other@api.appstoreconnect.apple.com/", "https://other.example\\@api.appstoreconnect.apple.com/",
      BASE .. "\\.example/", BASE .. "/a b", BASE .. "/a\r\nb", " " .. BASE, BASE .. "/\195\164", BASE .. ":443:1/",
      "https:///api.appstoreconnect.apple.com", "https:api.appstoreconnect.apple.com", BASE .. ":x/", BASE .. "%2e/",
    } do assert.is_false(url.is_same_origin(address, BASE), address) end
    assert.is_false(url.is_same_origin("ftp://a/", "ftp://a/"))
    assert.is_false(url.is_same_origin(BASE, "nonsense"))
  end)

  it("resolves paths and URLs that stay at the base", function()
    assert.equal(BASE .. "/", url.resolve("/", BASE))
    assert.equal(BASE .. "/v1/apps?limit=2", url.resolve("/v1/apps?limit=2", BASE))
    assert.equal(BASE .. "/v1/a//b", url.resolve("/v1/a//b", BASE))
    assert.equal("http://127.0.0.1:1/base/v1/apps", url.resolve("/v1/apps", "http://127.0.0.1:1/base"))
    assert.equal(BASE .. ":443/v1", url.resolve(BASE .. ":443/v1", BASE))
    for _, reference in ipairs {
      "", "v1/apps", "?limit=2", "//other.example/v1", "/\\other.example/v1", "/v1/a b", "/v1/\r\nHost: other.example",
      "/v1/\195\164", "https://other.example/v1",
    } do assert.is_nil(url.resolve(reference, BASE), reference) end
  end)
end)
