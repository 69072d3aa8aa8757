local origin = require "marketplace.client.origin"

local BASE = "https://api.appstoreconnect.apple.com"

describe("marketplace.client.origin", function()
  it("knows the same scheme, host and port in any spelling", function()
    for _, url in ipairs {
      BASE, BASE .. "/", BASE .. "/v1/x?cursor=a%2Fb#c", BASE .. ":443/v1", "HTTPS://API.appstoreconnect.apple.COM/v1",
      BASE .. "?a", BASE .. "/@other.example/",
    } do assert.is_true(origin.same(url, BASE), url) end
    assert.is_true(origin.same("http://127.0.0.1:8080/a", "http://127.0.0.1:8080"))
    assert.is_true(origin.same("http://[::1]:80/a", "http://[::1]"))
  end)

  it("takes nothing else for the same", function()
    for _, url in ipairs {
      "", "/v1/x", "//api.appstoreconnect.apple.com/v1", "http://api.appstoreconnect.apple.com/v1", BASE .. ":444/v1",
      "https://api-appstoreconnect.itunes.apple.com/v1", BASE .. ".example/v1", BASE .. "@other.example/v1",
      "https://other@api.appstoreconnect.apple.com/", "https://other.example\\@api.appstoreconnect.apple.com/",
      BASE .. "\\.example/", BASE .. "/a b", BASE .. "/a\r\nb", " " .. BASE, BASE .. "/\195\164", BASE .. ":443:1/",
      "https:///api.appstoreconnect.apple.com", "https:api.appstoreconnect.apple.com", BASE .. ":x/", BASE .. "%2e/",
    } do assert.is_false(origin.same(url, BASE), url) end
    assert.is_false(origin.same("ftp://a/", "ftp://a/"))
    assert.is_false(origin.same(BASE, "nonsense"))
  end)
end)
