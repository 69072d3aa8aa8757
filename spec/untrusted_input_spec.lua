-- What is read in Lua from what others send, with thousands of made-up inputs: nothing raises, and what is taken for a
-- value is one. The C core's readers have fuzz targets of their own, in csrc/fuzz.
local auth = require "marketplace.simulator.auth"
local core = require "marketplace.core"
local json = require "marketplace.json"
local marketplace = require "marketplace"

local NOW = 1780000000

-- A generator of its own, so that every Lua sees the same inputs: Park and Miller's.
local state
local function random(n)
  state = state * 16807 % 2147483647
  return state % n + 1
end

local function any_of(pieces, most)
  local parts = {}
  for i = 1, random(most) do
    parts[i] = random(8) == 1 and string.char(random(256) - 1) or pieces[random(#pieces)]
  end
  return table.concat(parts)
end

local function key()
  return assert(core.generate_key())
end

before_each(function() state = 20261125 end)

describe("the header X-Rate-Limit", function()
  local PIECES = {
    "user-hour-lim:3500;", "user-hour-rem:499;", "user-hour-lim:", "user-hour-rem:", ";", " ", "3500", "0", "-1", "1e3",
    "0x10", ("9"):rep(30), ("9"):rep(400), "user",
  }

  local function read(header)
    local client = assert(marketplace.client {
      key = key():private_pem(), key_id = "K", issuer_id = "I", base_url = "http://127.0.0.1:1",
      transport = function()
        local headers = { ["x-rate-limit"] = header() }
        return { status = 200, body = '{"data":{"type":"webhooks","id":"w1"}}', headers = headers }
      end,
    })
    return function()
      client.rate_limit = {}
      assert(client.webhooks:get "w1")
      return client.rate_limit.limit, client.rate_limit.remaining
    end
  end

  it("is told as two whole numbers, or not at all", function()
    local header
    local got, told = read(function() return header end), 0
    for _ = 1, 3000 do
      header = any_of(PIECES, 8)
      local limit, remaining = got()
      assert.equal(limit == nil, remaining == nil, header)
      for _, number in pairs { limit, remaining } do
        assert.is_true(number >= 0 and number < 2 ^ 53 and number % 1 == 0, header)
        assert.is_truthy(header:find(("%.0f"):format(number), 1, true), header)
        told = told + 1
      end
    end
    assert.is_true(told > 100, "hardly any header told a limit: " .. told)
  end)

  it("tells what stands in it", function()
    local header
    local got = read(function() return header end)
    for _ = 1, 500 do
      local limit, remaining = random(1000000), random(1000000) - 1
      header = ("user-hour-lim:%d;user-hour-rem:%d;"):format(limit, remaining)
      assert.same({ limit, remaining }, { got() })
    end
  end)
end)

describe("a token", function()
  local pair = key()
  local checker = auth.new({ K = pair:public_pem() }, "I", function() return NOW end, 60)

  local function check(token)
    local request = { method = "GET", path = "/v1/apps", headers = { authorization = "Bearer " .. token } }
    return checker:check(request)
  end

  local function signed(header, claims)
    local text = core.base64url(header) .. "." .. core.base64url(claims)
    return text .. "." .. core.base64url(pair:sign(text))
  end

  local HEADER = { alg = "ES256", kid = "K", typ = "JWT" }
  local CLAIMS = { iss = "I", iat = NOW, exp = NOW + 600, aud = "appstoreconnect-v1" }

  it("with any one byte changed, left out or added is refused", function()
    local token = signed(json.encode(HEADER), json.encode(CLAIMS))
    assert.equal("K", check(token))
    for i = 1, #token do
      local before, byte, after = token:sub(1, i - 1), token:sub(i, i), token:sub(i + 1)
      for _, other in ipairs { "A", "_", ".", "=", "\0", "", byte .. byte } do
        if other ~= byte then assert.is_nil((check(before .. other .. after)), ("byte %d: %s"):format(i, other)) end
      end
    end
  end)

  it("that is signed is refused for whatever else its parts are, and nothing raises", function()
    local pieces = {
      "{", "}", "[", "]", ",", ":", '"alg"', '"ES256"', '"kid"', '"K"', '"iss"', '"I"', '"iat"', '"exp"', '"aud"',
      "NaN", "null", "1e999", "1780000000", '"appstoreconnect-v1"', '"scope"', json.encode(HEADER), json.encode(CLAIMS),
    }
    local taken = 0
    for _ = 1, 2000 do
      local header = random(3) == 1 and any_of(pieces, 6) or json.encode(HEADER)
      local claims = random(3) == 1 and any_of(pieces, 6) or json.encode(CLAIMS)
      local key_id, reason = check(signed(header, claims))
      if key_id then
        taken = taken + 1
        local said = assert(json.decode(claims))
        assert.same({ "ES256", "K" }, { json.decode(header).alg, json.decode(header).kid })
        assert.is_true(said.exp > NOW - 60 and said.iat <= NOW + 60 and said.exp - said.iat <= 1200, claims)
      else
        assert.is_string(reason)
      end
    end
    assert.is_true(taken > 500 and taken < 1500, "tokens taken: " .. taken)
  end)

  it("may have claims of any kind", function()
    local values = { false, true, 0, -1, 0.5, 1e300, "", "x", json.null, json.list {}, {}, { 1 }, { a = {} } }
    for name in pairs { iss = 1, sub = 1, iat = 1, exp = 1, aud = 1, scope = 1, alg = 1, kid = 1, typ = 1 } do
      for _, value in ipairs(values) do
        local header, claims = {}, {}
        for word, said in pairs(HEADER) do header[word] = said end
        for word, said in pairs(CLAIMS) do claims[word] = said end
        local part = HEADER[name] and header or claims
        part[name] = value
        local key_id, reason = check(signed(json.encode(header), json.encode(claims)))
        assert.is_true(key_id == nil and type(reason) == "string", name .. ": " .. tostring(value))
      end
    end
  end)
end)
