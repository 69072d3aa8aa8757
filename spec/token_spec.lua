local cjson = require "cjson"
local core = require "marketplace.core"
local jwt = require "support.jwt"
local marketplace = require "marketplace"
local shell = require "support.shell"

local NOW = 1780000000

local function openssl(command)
  return shell.run(command .. " 2>/dev/null") .. "\n"
end

local KEY = openssl "openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt"
local SEC1 = openssl "openssl ecparam -name prime256v1 -genkey -noout"

local parts = jwt.parts

local function make(more, key)
  local given = { key = key or KEY, now = NOW }
  for name, value in pairs(more) do given[name] = value end
  return marketplace.token(given)
end

local API = { key_id = "ABC123", issuer_id = "57246542-96fe-1a63-e053-0824d011072a" }
local INSTALL = {
  kind = "install", key_id = "k", marketplace_id = "67", bundle_id = "com.example.app", dtype = "download",
}

local function with(base, more)
  local copy = {}
  for name, value in pairs(base) do copy[name] = value end
  for name, value in pairs(more) do copy[name] = value end
  return copy
end

describe("marketplace.token", function()
  it("does not depend on how others set lua-cjson", function()
    cjson.encode_number_precision(3)
    finally(function() cjson.encode_number_precision(14) end)
    local _, claims = parts(make(API))
    assert.equal(NOW + 1140, claims.exp)
  end)

  it("takes no damaged key", function()
    local refused, body = 0, KEY:match "%-\n(.-)\n%-"
    for place = 50, 88 do -- within the private half
      local letter = body:sub(place, place)
      if letter:find "%a" then
        local swapped = letter:lower() == letter and letter:upper() or letter:lower()
        local damaged = body:sub(1, place - 1) .. swapped .. body:sub(place + 1)
        local key = KEY:gsub("%-\n.-\n%-", function() return "-\n" .. damaged .. "\n-" end)
        local token, _, code = make(API, key)
        assert.is_nil(token)
        assert.equal("key_invalid", code)
        refused = refused + 1
      end
    end
    assert.is_true(refused > 20)
  end)

  it("makes a team's API token", function()
    local token, expires_at = make(with(API, { scope = { "GET /v1/apps", "POST /v1/webhooks?a=b" } }))
    local header, claims = parts(token)
    assert.same({ alg = "ES256", typ = "JWT", kid = "ABC123" }, header)
    assert.same({ iss = API.issuer_id, aud = "appstoreconnect-v1", iat = NOW - 60, exp = NOW + 1140,
      scope = { "GET /v1/apps", "POST /v1/webhooks?a=b" } }, claims)
    assert.equal(NOW + 1140, expires_at)
  end)

  it("makes an individual's API token", function()
    local _, claims = parts((make { key_id = "A", individual = true, lifetime = 90 }))
    assert.same({ sub = "user", aud = "appstoreconnect-v1", iat = NOW - 60, exp = NOW + 30 }, claims)
  end)

  it("takes the shortest and the longest lifetime", function()
    for given, lifetime in pairs {
      [API] = 1200, [INSTALL] = 86400, [{ kind = "marketplace", marketplace_id = "a", developer_id = "b" }] = 604799,
    } do
      assert.equal(NOW - 60 + lifetime, (select(2, make(with(given, { lifetime = lifetime })))))
      assert.equal(NOW + 1, (select(2, make(with(given, { lifetime = 61 })))))
    end
  end)

  it("makes a token that begins as long ago as it should, without a longer lifetime", function()
    for _, seconds in ipairs { 0, 1, 90.5, 600 } do
      local _, claims = parts((make(with(API, { back_dated = seconds }))))
      assert.same({ math.floor(NOW - seconds), 1200 }, { claims.iat, claims.exp - claims.iat })
    end
    assert.equal(NOW + 1, (select(2, make(with(INSTALL, { back_dated = 0, lifetime = 1 })))))
  end)

  it("makes a marketplace token", function()
    local header, claims = parts((make { kind = "marketplace", marketplace_id = "67", developer_id = "dev" }))
    assert.same({ alg = "ES256", typ = "JWT" }, header)
    assert.same({ iss = "67", pid = "dev", aud = "appstoreconnect-v1", iat = NOW - 60, exp = NOW + 86340 }, claims)
  end)

  it("makes an install verification token, each with a nonce of its own", function()
    local header, claims = parts((make(with(INSTALL, { iid = "i", vid = "v" }))))
    local uuid = "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-4%x%x%x%-[89ab]%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$"
    assert.same({ alg = "ES256", typ = "JWT", kid = "k" }, header)
    assert.matches(uuid, claims.nonce)
    local _, others = parts((make(INSTALL)))
    assert.not_equal(claims.nonce, others.nonce)
    claims.nonce = nil
    assert.same({ iss = "67", aud = "AppleDownloadVerification-v1", bid = "com.example.app", dtype = "download",
      iid = "i", vid = "v", iat = NOW - 60, exp = NOW + 240 }, claims)
    assert.equal("n", select(2, parts((make(with(INSTALL, { nonce = "n" }))))).nonce)
  end)

  it("signs so that the openssl command verifies, with keys of both formats", function()
    for _, pem in ipairs { KEY, SEC1 } do
      local output, status = jwt.verify(make(API, pem), pem)
      assert.equal(0, status, output)
      assert.matches("Verified OK", output)
    end
  end)

  it("says what is wrong with a key, and never what it holds", function()
    local function expect(pattern, pem)
      local token, message, code = make(API, pem)
      assert.is_nil(token)
      assert.matches(pattern, message)
      assert.equal("key_invalid", code)
    end
    expect("not PEM", "rubbish")
    expect("not PEM", "")
    expect("damaged", (KEY:gsub("\n(%w)", "\n!%1", 1)))
    expect("cut off: its last line, %-%-%-%-%-END %.%.%., is missing", KEY:sub(1, 100))
    expect("damaged", KEY:sub(1, 100) .. "\n-----END PRIVATE KEY-----\n")
    expect("holds no private key", openssl "openssl ecparam -name prime256v1 -genkey -noout | openssl ec -pubout")
    expect("another curve than P%-256", openssl "openssl ecparam -name secp384r1 -genkey -noout")
    expect("not an elliptic curve key", openssl "openssl genrsa 2048")
    expect("not an elliptic curve key", openssl "openssl genpkey -algorithm ed25519")
    expect("encrypted", openssl
      "openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -passout pass:secret")
    expect("encrypted", openssl "openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -passout pass:")
    expect("larger", ("x"):rep(100000))
    local token, message, code = marketplace.token(with(API, { key_file = "/nowhere/at/all" }))
    assert.is_nil(token)
    assert.matches("cannot be read: /nowhere/at/all", message)
    assert.equal("key_invalid", code)
  end)

  it("says what a setting or a copy has made of a key, and what to do, and never what it holds", function()
    local base64 = KEY:gsub("%-%-%-%-%-[^-]+%-%-%-%-%-", "")
    local wrapped = openssl("printf '%s' '" .. KEY .. "' | base64")
    for pattern, pems in pairs {
      ["a backslash and an n, in place of its line ends: write real ones"] = { (KEY:gsub("\n", "\\n")) },
      ["is in quotes: remove them"] = { '"' .. KEY .. '"', "'" .. KEY .. "'", '"' .. KEY:gsub("\n", "\\n") .. '"' },
      ["is on one line: its first and its last line must be lines"] = { (KEY:gsub("\n", " ")), (KEY:gsub("\n", "")) },
      ["encoded in base64 once more: decode it"] = { wrapped, (wrapped:gsub("\n", "")) },
      ["has lost its first and last line"] = { base64, (base64:gsub("\n", "")) },
      ["something before %-%-%-%-%-BEGIN or %-%-%-%-%-END on the same line, such as white space: remove it"] = {
        (KEY:gsub("[^\n]+", "  %0")), "key=" .. KEY,
      },
    } do
      for _, pem in ipairs(pems) do
        local token, message, code = make(API, pem)
        assert.is_nil(token)
        assert.matches(pattern, message)
        assert.equal("key_invalid", code)
        assert.is_nil(message:find(base64:match "%w+", 1, true))
      end
    end
    for _, pem in ipairs { "\r\n\n" .. KEY, (KEY:gsub("\n", "\r\n")), "a comment\n" .. KEY } do
      assert(make(API, pem))
    end
  end)

  it("raises for what Apple would refuse, and blames its caller", function()
    for pattern, given in pairs {
      ["either 'key' or 'key_file'"] = with(API, { key_file = "x" }),
      ["option 'key_id' is missing"] = { issuer_id = "a" },
      ["either 'issuer_id'"] = { key_id = "a" },
      ["either 'issuer_id', of"] = with(API, { individual = true }),
      ["'lifetime' must be more than 60 and at most 1200"] = with(API, { lifetime = 1201 }),
      ["'lifetime' must be more than 60"] = with(API, { lifetime = 0 / 0 }),
      ["more than 60 and at most 1200"] = with(API, { lifetime = 60 }),
      ["'back_dated' must be from 0 to 600"] = with(API, { back_dated = -1 }),
      ["'back_dated' must be from 0 to"] = with(API, { back_dated = 601 }),
      ["'lifetime' must be more than 0 and"] = with(API, { back_dated = 0, lifetime = 0 }),
      ["more than 60 and at most 86400"] = with(INSTALL, { lifetime = 86401 }),
      ["at most 604799"] = { kind = "marketplace", marketplace_id = "a", developer_id = "b", lifetime = 604800 },
      ["must not be an empty list"] = with(API, { scope = {} }),
      ["list of requests"] = with(API, { scope = { "apps" } }),
      ["'dtype' must be"] = with(INSTALL, { dtype = "install" }),
      ["'bundle_id' must be one word"] = with(INSTALL, { bundle_id = "a b" }),
      ["'kind' must be"] = { kind = "other" },
      ["unknown option 'pid'"] = with(API, { pid = "x" }),
    } do
      local ok, problem = pcall(function() return (make(given)) end)
      assert.is_false(ok, pattern)
      assert.is_truthy(problem:find(pattern, 1, true), problem)
    end
    assert.is_false((pcall(marketplace.token)))
    local ok, problem = pcall(function() local made = marketplace.token { key_id = "a" } return made end)
    assert.is_false(ok)
    assert.matches("^spec/token_spec.lua:%d+: marketplace.token: ", problem)
  end)
end)

describe("keys", function()
  it("verify what they signed, and nothing else", function()
    local private = assert(core.private_key(KEY))
    local path = shell.file(KEY)
    local public = assert(core.public_key(openssl("openssl pkey -pubout -in " .. path)))
    os.remove(path)
    local signature = private:sign "text"
    assert.is_true(public:verify("text", signature))
    assert.is_true(private:verify("text", signature))
    assert.equal("signature_mismatch", (select(3, public:verify("Text", signature))))
    assert.equal("signature_mismatch", (select(3, public:verify("text", signature .. "x"))))
    assert.is_false((pcall(public.sign, public, "text")))
    private:close()
    private:close()
    assert.is_false((pcall(private.sign, private, "text")))
    assert.equal("key_invalid", (select(3, core.public_key(KEY))))
  end)

  it("are made, and written as PEM", function()
    local made = assert(core.generate_key())
    local pem = made:private_pem()
    assert.matches("^%-%-%-%-%-BEGIN PRIVATE KEY%-%-%-%-%-\n", pem)
    local path = shell.file(pem)
    assert.equal(openssl("openssl pkey -pubout -in " .. path), made:public_pem())
    os.remove(path)
    local read = assert(core.private_key(pem))
    assert.equal(made:public_pem(), read:public_pem())
    local public = assert(core.public_key(made:public_pem()))
    assert.is_true(public:verify("text", made:sign "text"))
    assert.is_false((pcall(public.private_pem, public)))
    assert.not_equal(pem, assert(core.generate_key()):private_pem())
    made:close()
    assert.is_false((pcall(made.public_pem, made)))
  end)

  it("make tokens whose parts are decoded strictly", function()
    for i = 0, 255 do
      local bytes = ("x"):rep(i % 3) .. string.char(i)
      assert.equal(bytes, core.base64url_decode(core.base64url(bytes)))
    end
    assert.equal("", core.base64url_decode "")
    for _, wrong in ipairs { "Z", "Zg==", "Zh", "Zm+v", "Zm9v\n", "Zm9v\0" } do
      assert.is_nil(core.base64url_decode(wrong))
    end
  end)
end)
