local proxies = require "marketplace.server.proxies"

local NETWORKS = { "10.0.0.0/8", "192.0.2.7", "2001:db8:1::/48", "fd00::1" }

describe("marketplace.server.proxies", function()
  local trusted = assert(proxies.new(NETWORKS))

  local function list(value, peer)
    return trusted:sender(peer or "10.0.0.1", { ["x-forwarded-for"] = value })
  end

  local function pairs_of(value, peer)
    return trusted:sender(peer or "10.0.0.1", { forwarded = value })
  end

  it("gives the peer's address if that is no trusted proxy, whatever it sends", function()
    for _, peer in ipairs { "203.0.113.5", "11.0.0.1", "192.0.2.8", "2001:db8:2::1", "fd00::2", "", "@" } do
      assert.equal(peer, list("1.2.3.4", peer))
      assert.equal(peer, pairs_of("for=1.2.3.4", peer))
    end
    assert.equal("203.0.113.5", list("10.0.0.1", "203.0.113.5"))
  end)

  it("gives the last address in the header otherwise", function()
    for _, peer in ipairs { "10.255.255.255", "192.0.2.7", "2001:db8:1:ffff::", "FD00:0:0:0::1", "::ffff:10.1.2.3" } do
      assert.equal("1.2.3.4", list("9.9.9.9, 1.2.3.4", peer))
      assert.equal("1.2.3.4", pairs_of("for=9.9.9.9, for=1.2.3.4", peer))
    end
    assert.equal("10.0.0.1", trusted:sender("10.0.0.1", {}))
  end)

  it("passes through trusted proxies, and through none that is not", function()
    assert.equal("1.2.3.4", list("6.6.6.6, 1.2.3.4, 2001:db8:1::9, 10.7.7.7"))
    assert.equal("1.2.3.4", list { "6.6.6.6, 1.2.3.4", "10.9.9.9" })
    assert.equal("5.5.5.5", list("1.2.3.4, 10.7.7.7, 5.5.5.5"))
    assert.equal("10.7.7.7", list("10.7.7.7, 10.8.8.8"))
    assert.equal("1.2.3.4",
      pairs_of('for=6.6.6.6, for=1.2.3.4;proto=https, For="[2001:db8:1::9]:80";by=_x, for=10.7.7.7'))
  end)

  it("reads addresses of every form, without their ports", function()
    for text, address in pairs {
      ["1.2.3.4:5678"] = "1.2.3.4", ["[2001:DB8::1]:5678"] = "2001:db8::1", ["[2001:db8::1]"] = "2001:db8::1",
      ["2001:db8::1"] = "2001:db8::1", ["::"] = "::", ["1:2:3:4:5:6:7:8"] = "1:2:3:4:5:6:7:8", ["::8"] = "::8",
      ["1::"] = "1::", ["::ffff:1.2.3.4"] = "1.2.3.4", ["64:ff9b::1.2.3.4"] = "64:ff9b::1.2.3.4",
      [" \t1.2.3.4 "] = "1.2.3.4",
    } do assert.equal(address, list(text), text) end
    for text, address in pairs {
      ['"1.2.3.4:5678"'] = "1.2.3.4", ['"[2001:db8::1]:5678"'] = "2001:db8::1", ['"[2001:db8::1]"'] = "2001:db8::1",
      ["1.2.3.4;proto=http;by=203.0.113.43"] = "1.2.3.4", ['"1.2.3.4:_hidden"'] = "1.2.3.4",
      ["1.2.3.4; a=b;"] = "1.2.3.4",
    } do
      assert.equal(address, pairs_of("for=" .. text), text)
      assert.equal(address, pairs_of("FOR=" .. text), text)
    end
  end)

  it("takes nothing from what is no address, and stops there", function()
    for _, text in ipairs {
      "", "unknown", "_hidden", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4:", "1.2.3.4:123456",
      "1.2.3.4:x",
      "1.2.3.4 5.6.7.8", "1.2.3.4\n5", ":", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "::12345", "g::1",
      "::1%eth0", "[::1", "::1]", "[1.2.3.4]x", "[::1]80", "::1.2.3", "::1.2.3.256", "1:2:3:4:5:6:7:1.2.3.4", "\0", "'",
      ("1"):rep(10000), ("::"):rep(5000), "localhost", "\27[2J", '"1.2.3.4"', "1.2.3.4;", "1:2:3:4:5:6:7::8:9",
    } do
      assert.equal("10.0.0.1", list(text), text)
      assert.equal("10.0.0.1", list("6.6.6.6, " .. text), text)
      assert.equal("10.7.7.7", list("6.6.6.6, " .. text .. ", 10.7.7.7"), text)
    end
    for _, text in ipairs {
      "", "for", "for=", "for=unknown", "for=_hidden", 'for="_hidden:80"', "for=1.2.3.4:80", "for=[::1]", "for=::1",
      'for="::1"', "for=1.2.3.4;for=1.2.3.4", 'for="1.2.3.4', 'for=1.2.3.4"', 'for="1.2.3.4"x', "proto=http",
      "for = 1.2.3.4", "for=1.2.3.4;=x", "for=1.2.3.4;x", "for=1.2.3.4;x=", 'for="\\1.2.3.4"', "fo\0r=1.2.3.4",
      'for=1.2.3.4;a="', "x" .. ("y"):rep(10000) .. "=z", "for=1.2.3.4" .. (";"):rep(10000),
    } do
      assert.equal("10.0.0.1", pairs_of(text), text)
      assert.equal("10.0.0.1", pairs_of("for=6.6.6.6, " .. text), text)
      assert.equal("10.7.7.7", pairs_of("for=6.6.6.6, " .. text .. ", for=10.7.7.7"), text)
    end
  end)

  it("is not led astray by a comma within quotes, which holds what a sender wrote", function()
    for _, host in ipairs { "a, for=6.6.6.6", "a, for=6.6.6.6;a=", 'a\\", for=6.6.6.6;a=\\"', "for=6.6.6.6," } do
      local sender = pairs_of(('for=1.2.3.4;host="%s"'):format(host))
      assert(sender == "1.2.3.4" or sender == "10.0.0.1", host .. " gives " .. sender)
    end
  end)

  it("ends soon, however much is sent", function()
    assert.equal("1.2.3.4", list(("6.6.6.6, "):rep(100000) .. "1.2.3.4"))
    assert.equal("10.0.0.2", list(("10.0.0.2,"):rep(100000) .. "10.0.0.2"))
    assert.equal("1.2.3.4", list("6.6.6.6, 1.2.3.4" .. (", 10.0.0.2"):rep(15)))
    assert.equal("10.0.0.2", list("6.6.6.6, 1.2.3.4" .. (", 10.0.0.2"):rep(16)))
    assert.equal("10.0.0.1", list((","):rep(100000)))
    assert.equal("10.0.0.1", list("6.6.6.6," .. (" "):rep(100000) .. "1.2.3.4"))
    assert.equal("10.0.0.1", pairs_of(('"'):rep(100000)))
    local many = {}
    for i = 1, 1000 do many[i] = "6.6.6.6" end
    assert.equal("6.6.6.6", list(many))
  end)

  it("believes both headers only if they agree", function()
    local function both(listed, forwarded)
      return trusted:sender("::ffff:10.0.0.1", { ["x-forwarded-for"] = listed, forwarded = forwarded })
    end
    assert.equal("1.2.3.4", both("1.2.3.4", "for=1.2.3.4"))
    assert.equal("10.0.0.1", both("1.2.3.4", "for=6.6.6.6"))
    assert.equal("10.0.0.1", both("6.6.6.6", "for=1.2.3.4"))
    assert.equal("10.0.0.1", both("1.2.3.4", "for=unknown"))
    assert.equal("10.0.0.1", both("", "for=1.2.3.4"))
  end)

  it("takes networks of any length, and names what is none", function()
    for cidr, expected in pairs {
      ["0.0.0.0/0"] = { ["1.2.3.4"] = true, ["::1"] = false }, ["::/0"] = { ["1.2.3.4"] = false, ["::1"] = true },
      ["10.1.2.128/25"] = { ["10.1.2.127"] = false, ["10.1.2.128"] = true, ["10.1.2.255"] = true },
      ["10.1.2.3/17"] = { ["10.1.127.255"] = true, ["10.1.128.0"] = false },
      ["10.1.2.3/32"] = { ["10.1.2.3"] = true, ["10.1.2.2"] = false },
      ["::ffff:10.0.0.0/104"] = { ["10.1.2.3"] = true, ["11.1.2.3"] = false },
      ["2001:db8::/33"] = { ["2001:db8:7fff::"] = true, ["2001:db8:8000::"] = false },
      ["::1/128"] = { ["::1"] = true, ["::2"] = false, ["0:0::0:1"] = true },
    } do
      local some = assert(proxies.new { cidr })
      for peer, trusts in pairs(expected) do
        assert.equal(trusts and "9.9.9.9" or peer, some:sender(peer, { ["x-forwarded-for"] = "9.9.9.9" }), cidr .. peer)
      end
    end
    for _, cidr in ipairs {
      "", "x", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0/8", "10.0.0.0/-1", "/8", "1.2.3.4/8/8", "localhost",
      "10.0.0.0/8 ", "10.0.0.0/08x", "::ffff:10.0.0.0/95", 10,
    } do
      local none, message = proxies.new { "10.0.0.0/8", cidr }
      assert.is_nil(none)
      assert.equal(1, (message:find(("'%s' is no network: "):format(cidr), 1, true)))
    end
  end)
end)
