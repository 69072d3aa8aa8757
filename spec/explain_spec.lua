local core = require "marketplace.core"
local explain = require "marketplace.explain"
local marketplace = require "marketplace"

local SECRET = "s3cr3t words"
local BODY = '{"data": {"type":"AppUnavailable","url":"https:\\/\\/a.example\\/x, y: z"}}'
local HEADER = marketplace.sign(SECRET, BODY)

local function causes(secrets, body, header)
  local found = explain.signature(secrets, body, header)
  local list = {}
  for i, finding in ipairs(found.findings) do
    assert.is_string(finding.advice)
    assert.is_nil(finding.advice:find(SECRET, 1, true))
    list[i] = finding.cause
  end
  return list, found
end

describe("marketplace.explain", function()
  it("says that what is valid is valid, and which secret made it", function()
    assert.same({ valid = true, secret = 2, findings = {} }, explain.signature({ "x", SECRET }, BODY, HEADER))
  end)

  it("names another secret", function()
    assert.same({ "other_secret" }, (causes({ "x" }, BODY, HEADER)))
  end)

  it("names a missing header", function()
    assert.same({ "header_missing" }, (causes({ SECRET }, BODY, nil)))
    assert.same({ "header_missing" }, (causes({ SECRET }, BODY, "  ")))
  end)

  it("names what was done to the header", function()
    local digits = HEADER:match "=(.*)"
    for header, cause in pairs {
      [" " .. HEADER .. " "] = "header_white_space", ["x-apple-signature:" .. HEADER] = "header_name",
      ['"' .. HEADER .. '"'] = "header_quoted", ["hmacsha256=" .. digits:upper()] = "header_upper_case",
      [digits] = "header_scheme", ["sha256=" .. digits] = "header_scheme",
    } do
      local list, found = causes({ "x", SECRET }, BODY, header)
      assert.same({ cause }, list, header)
      assert.equal(2, found.secret)
      assert.is_false(found.valid)
    end
  end)

  it("names a header that cannot be repaired", function()
    for _, header in ipairs { HEADER:sub(1, -2), HEADER .. "0", "hmacsha256=", "sha1=abc", HEADER .. ", " .. HEADER } do
      assert.same({ "header_malformed" }, (causes({ SECRET }, BODY, header)), header)
    end
  end)

  it("names several changes of the header at once", function()
    assert.same({ "header_name", "header_upper_case", "header_white_space" },
      (causes({ SECRET }, BODY, "X-Apple-Signature: " .. HEADER:upper())))
  end)

  it("names what was done to the body", function()
    for cause, bodies in pairs {
      body_trailing_newline = { BODY .. "\n", BODY .. "\r\n", BODY .. " \n\n" },
      body_byte_order_mark = { "\239\187\191" .. BODY },
    } do
      for _, body in ipairs(bodies) do assert.same({ cause }, (causes({ SECRET }, body, HEADER))) end
    end
    local lines = BODY:gsub(",", ",\n")
    assert.same({ "body_line_ends" }, (causes({ SECRET }, (lines:gsub("\n", "\r\n")), marketplace.sign(SECRET, lines))))
    assert.same({ "body_lost_newline" }, (causes({ SECRET }, BODY, marketplace.sign(SECRET, BODY .. "\n"))))
  end)

  it("names a body that was decoded and encoded again", function()
    local compact = '{"data":{"type":"AppUnavailable","url":"https:\\/\\/a.example\\/x, y: z"}}'
    local spaced = '{"data": {"type": "AppUnavailable", "url": "https:\\/\\/a.example\\/x, y: z"}}'
    for _, original in ipairs { compact, spaced } do
      local header = marketplace.sign(SECRET, original)
      for _, changed in ipairs { compact, spaced } do
        for _, body in ipairs { changed, (changed:gsub("\\/", "/")) } do
          if body ~= original then
            assert.same({ "body_reencoded" }, (causes({ SECRET }, body, header)), body)
          end
        end
      end
    end
  end)

  it("names a body that was encoded in base64, or put into a form", function()
    local base64 = core.base64url(BODY):gsub("-", "+"):gsub("_", "/")
    base64 = base64 .. ("="):rep(-#base64 % 4)
    local lines = base64:gsub(("."):rep(20), "%0\n")
    local encoded = BODY:gsub("[^%w%. ]", function(c) return ("%%%02X"):format(c:byte()) end)
    for cause, bodies in pairs {
      body_base64 = { base64, base64 .. "\n", lines, core.base64url(BODY) },
      body_form = {
        "payload=" .. encoded:gsub(" ", "+"),
        "data=" .. encoded:gsub(" ", "%%20"):gsub("%%%x%x", string.lower) .. "&x=y",
      },
    } do
      for _, body in ipairs(bodies) do
        local list, found = causes({ SECRET }, body, HEADER)
        assert.same({ cause }, list, body)
        assert.equal(1, found.secret)
      end
    end
  end)

  it("names a body of which nothing more can be said: compressed, cut off or empty", function()
    for cause, bodies in pairs {
      body_compressed = { "\31\139\8\0", "\120\156\75", "\40\181\47\253\0" },
      body_cut_off = { BODY:sub(1, 8), BODY:sub(1, -2), " " .. BODY:sub(1, 40) },
      body_empty = { "" },
    } do
      for _, body in ipairs(bodies) do assert.same({ cause }, (causes({ SECRET }, body, HEADER)), body) end
    end
    assert.same({ "other_secret" }, (causes({ SECRET }, BODY .. "x", HEADER)))
  end)

  it("names that of a body whose last string is its last value, too", function()
    local original = '{"id":"1"}'
    assert.same({ "body_reencoded" }, (causes({ SECRET }, '{"id": "1"}', marketplace.sign(SECRET, original))))
  end)

  it("names that of a body with empty strings and escaped quotes, too", function()
    local original = '{"a":"","b":"\\", c"}'
    local changed = '{"a": "", "b": "\\", c"}'
    assert.same({ "body_reencoded" }, (causes({ SECRET }, changed, marketplace.sign(SECRET, original))))
  end)

  it("names what was done to the secret, alone and with the body", function()
    assert.same({ "secret_white_space" }, (causes({ SECRET .. "\n" }, BODY, HEADER)))
    assert.same({ "secret_quoted" }, (causes({ '"' .. SECRET .. '"' }, BODY, HEADER)))
    assert.same({ "secret_white_space" }, (causes({ SECRET }, BODY, marketplace.sign(SECRET .. "\n", BODY))))
    assert.same({ "secret_quoted", "body_trailing_newline" }, (causes({ "'" .. SECRET .. "'" }, BODY .. "\n", HEADER)))
  end)

  it("bears any bytes", function()
    for _, bytes in ipairs { "\0", '"', '"\\', "{\255", ("["):rep(1000), '"a' } do
      assert.same({ "other_secret" }, (causes({ SECRET }, bytes, HEADER)))
      assert.is_false(explain.signature({ SECRET }, BODY, bytes).valid)
    end
  end)
end)
