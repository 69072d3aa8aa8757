-- The table of territories is what ISO 3166-1 says today, and has every territory in which the App Store is.
local json = require "marketplace.json"
local raw = require "support.raw_http"
local shell = require "support.shell"
local territories = require "marketplace.territories"

local SOURCE = "/usr/share/iso-codes/json/iso_3166-1.json"

describe("the table of territories", function()
  it("is what the tool makes of Debian's list", function()
    local output, status = shell.capture(shell.LUA .. " tools/territories.lua")
    assert.equal(0, status, output)
    assert.equal(raw.read_file "lua/marketplace/territories.lua", output)
  end)

  it("has each country of that list, and Kosovo as Apple has it", function()
    local rest = {}
    for alpha3, alpha2 in pairs(territories.ALPHA2) do rest[alpha3] = alpha2 end
    for _, country in ipairs(assert(json.decode(raw.read_file(SOURCE)))["3166-1"]) do
      assert.equal(country.alpha_2, rest[country.alpha_3])
      rest[country.alpha_3] = nil
    end
    assert.same({ XKS = "XK" }, rest)
  end)

  it("has two letters for each of the App Store's 175 territories, and none twice", function()
    local seen, count = {}, 0
    for _, code in ipairs(territories.STOREFRONTS) do
      local alpha2 = assert(territories.ALPHA2[code], code)
      assert.is_nil(seen[alpha2], alpha2)
      seen[alpha2], count = true, count + 1
    end
    assert.equal(175, count)
    for _, alpha2 in ipairs { "DE", "FR", "JP", "BR", "GB", "US", "XK" } do assert.is_true(seen[alpha2], alpha2) end
  end)
end)
