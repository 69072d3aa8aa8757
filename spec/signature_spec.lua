local core = require "marketplace.core"
local marketplace = require "marketplace"

-- Apple's published example ("Configuring webhook notifications").
local SECRET, BODY = "This is my secret", "Hello, World!"
local HEADER = "hmacsha256=7f062172b01cb00b53ca068614674a3d982a34062a0f5d37687d5e3377e54657"

local function raised(pattern, ...)
  local ok, message = pcall(...)
  assert.is_false(ok)
  assert.matches(pattern, message)
end

local function refused(code, ...)
  local matched, message, got, detail = marketplace.verify(...)
  assert.is_nil(matched)
  assert.is_string(message)
  assert.equal(code, got)
  return message, detail
end

describe("marketplace.sign", function()
  it("signs as Apple's example", function()
    assert.equal(HEADER, marketplace.sign(SECRET, BODY))
  end)

  it("signs an empty body and one with NUL bytes", function()
    for _, body in ipairs { "", "\0", "a\0b" } do
      assert.equal(1, marketplace.verify(SECRET, body, marketplace.sign(SECRET, body)))
    end
    assert.not_equal(marketplace.sign(SECRET, "a"), marketplace.sign(SECRET, "a\0b"))
  end)

  it("raises for what is no secret and no body, and never shows the secret", function()
    raised("marketplace.sign: secrets?: secret 1 is empty", marketplace.sign, "", BODY)
    raised("marketplace.sign: secret must be a string, not a table", marketplace.sign, { SECRET }, BODY)
    raised("marketplace.sign: secret must be a string, not a nil", marketplace.sign, nil, BODY)
    raised("marketplace.sign: body must be a string, not a number", marketplace.sign, SECRET, 1)
  end)
end)

describe("marketplace.verify", function()
  it("takes Apple's example", function()
    assert.equal(1, marketplace.verify(SECRET, BODY, HEADER))
  end)

  it("tells which secret matched", function()
    assert.equal(3, marketplace.verify({ "old", "older", SECRET }, BODY, HEADER))
    assert.equal(1, marketplace.verify({ SECRET, SECRET }, BODY, HEADER))
    local secrets = {}
    for i = 1, 8 do secrets[i] = "secret " .. i end
    assert.equal(8, marketplace.verify(secrets, BODY, marketplace.sign("secret 8", BODY)))
  end)

  it("notices that a list of secrets changed", function()
    local secrets = { SECRET }
    assert.equal(1, marketplace.verify(secrets, BODY, HEADER))
    secrets[1] = "another"
    refused("signature_mismatch", secrets, BODY, HEADER)
    secrets[2] = SECRET
    assert.equal(2, marketplace.verify(secrets, BODY, HEADER))
  end)

  it("refuses another secret, another body, another signature", function()
    refused("signature_mismatch", "This is my Secret", BODY, HEADER)
    refused("signature_mismatch", SECRET, BODY .. "\n", HEADER)
    refused("signature_mismatch", SECRET, BODY, (HEADER:gsub("7$", "6")))
  end)

  it("refuses a missing signature", function()
    refused("signature_missing", SECRET, BODY, nil)
  end)

  it("refuses whatever is not exactly the grammar, and says where", function()
    local digits = HEADER:match "=(.*)"
    for header, offset in pairs {
      [""] = 0, [digits] = 0, [" " .. HEADER] = 0, ["sha256=" .. digits] = 0, ["HMACSHA256=" .. digits] = 0,
      ["hmacsha256:" .. digits] = 0, [HEADER .. " "] = false, [HEADER .. "\n"] = false, [HEADER .. "0"] = false,
      [HEADER:sub(1, -2)] = false, ["hmacsha256=" .. digits:upper()] = 12, ["hmacsha256= " .. digits:sub(2)] = 11,
      [HEADER:sub(1, -2) .. "g"] = 74, [HEADER .. "," .. HEADER] = false,
    } do
      local _, detail = refused("signature_malformed", SECRET, BODY, header)
      assert.equal(offset, detail and detail.offset or false, header)
    end
  end)

  it("raises for a programmer's mistake", function()
    raised("marketplace.verify: body must be a string, not a nil", marketplace.verify, SECRET, nil, HEADER)
    raised("marketplace.verify: header must be a string, not a table", marketplace.verify, SECRET, BODY, {})
    raised("marketplace.verify: secrets: a string or a list of strings is expected, not a nil", marketplace.verify,
      nil, BODY, HEADER)
    assert(marketplace.verify({ "another", SECRET }, BODY, HEADER))
    raised("a string or a list of strings is expected, not a nil", marketplace.verify, nil, BODY, HEADER)
    raised("no secret is given", marketplace.verify, {}, BODY, HEADER)
    raised("secret 2 is empty", marketplace.verify, { SECRET, "" }, BODY, HEADER)
    raised("secret 2 is a number, not a string", marketplace.verify, { SECRET, 2 }, BODY, HEADER)
    raised("more than 8 secrets", marketplace.verify, { "1", "2", "3", "4", "5", "6", "7", "8", "9" }, BODY, HEADER)
  end)
end)

describe("marketplace.fingerprint", function()
  it("is the begin of an HMAC, and the same for the same secret only", function()
    local signed = marketplace.sign(SECRET, "marketplace secret fingerprint")
    assert.equal(signed:match("=(%x+)$"):sub(1, 12), marketplace.fingerprint(SECRET))
    assert.not_equal(marketplace.fingerprint(SECRET), marketplace.fingerprint(SECRET .. "x"))
  end)

  it("raises for what cannot be a secret", function()
    raised("marketplace.fingerprint: secret must be a string, not a table", marketplace.fingerprint, {})
    raised("secret 1 is empty", marketplace.fingerprint, "")
  end)
end)

describe("a keyring", function()
  it("can be closed, twice too, and refuses to work then", function()
    local keyring = core.keyring(SECRET, "other")
    assert.equal(2, #keyring)
    assert.equal(1, keyring:verify(BODY, HEADER))
    keyring:close()
    keyring:close()
    raised("the keyring is closed", keyring.verify, keyring, BODY, HEADER)
    raised("the keyring is closed", keyring.receive, keyring, BODY, HEADER)
    raised("the keyring is closed", keyring.sign, keyring, BODY)
  end)

  it("reads what it has verified, and nothing else", function()
    local keyring = core.keyring("other", SECRET)
    local body = '{"data":{"type":"webhookPingCreated","id":"p1"}}'
    local secret, record = keyring:receive(body, marketplace.sign(SECRET, body))
    assert.same({ 2, "p1", "ping", body }, { secret, record.key, record.event, record.body })
    local missing, _, code = keyring:receive(body, nil)
    assert.same({ nil, "signature_missing" }, { missing, code })
    missing, _, code = keyring:receive("not JSON", marketplace.sign("a stranger's", "not JSON"))
    assert.same({ nil, "signature_mismatch" }, { missing, code })
    local unreadable, nothing
    unreadable, nothing, _, code = keyring:receive("not JSON", marketplace.sign("other", "not JSON"))
    assert.same({ 1, nil, "json_invalid" }, { unreadable, nothing, code })
    keyring:close()
  end)

  it("is not taken for another userdata", function()
    local keyring = core.keyring(SECRET)
    raised("marketplace.keyring", keyring.verify, io.stdout, BODY, HEADER)
    raised("", keyring.verify, keyring, 5, HEADER)
    keyring:close()
  end)

  it("blames the caller for what cannot be a secret", function()
    for _, call in ipairs {
      function() marketplace.sign("", "body") end, function() marketplace.verify({}, "body", "x") end,
      function() marketplace.receiver { secrets = "" } end,
    } do
      local ok, problem = pcall(call)
      assert.is_false(ok)
      assert.matches("^spec/signature_spec.lua:%d+: marketplace%.", problem)
    end
  end)
end)
