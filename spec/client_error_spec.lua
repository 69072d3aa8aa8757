local api_error = require "marketplace.client.error"
local core = require "marketplace.core"
local json = require "marketplace.json"

local REQUEST = { method = "POST", path = "/v1/webhooks" }

local function answer(status, body, headers)
  if type(body) == "table" then body = json.encode(body) end
  return { status = status, headers = headers or { ["content-type"] = "application/json" }, body = body }
end

local function from(status, body, headers, redact)
  local message, code, detail = api_error.from(REQUEST, answer(status, body, headers), redact)
  assert.is_nil(message:find "[%z\1-\31\127]")
  assert.is_true(core.is_utf8(message))
  assert.equal(status, detail.status)
  return message, code, detail
end

describe("marketplace.client.error", function()
  it("names every error, with those associated with it, wherever they lie", function()
    local message, code, detail = from(409, { errors = {
      { id = "1", status = "409", code = "STATE_ERROR", title = "Not now", detail = "The app is not ready.",
        meta = { other = true, associatedErrors = {
          ["/v1/b/"] = { { status = "409", code = "SECOND", title = "t", detail = "Second.",
            source = { parameter = "limit" } } },
          ["/v1/a/"] = { { status = 409, code = "FIRST", title = "t", detail = "First.",
            meta = { associatedErrors = { ["/v1/c/"] = { { code = "DEEP", title = "The reason." } } } } } },
        } } },
      { status = "409", code = "ENTITY_ERROR.ATTRIBUTE.INVALID", title = "t", detail = "No URL.",
        source = { pointer = "/data/attributes/url" } },
    } })
    assert.equal("api_error", code)
    assert.equal("POST /v1/webhooks: 409 STATE_ERROR: The app is not ready.; FIRST: First.; DEEP: The reason.; " ..
      "SECOND: Second. (limit); ENTITY_ERROR.ATTRIBUTE.INVALID: No URL. (/data/attributes/url)", message)
    assert.same({
      { id = "1", status = "409", code = "STATE_ERROR", title = "Not now", detail = "The app is not ready." },
      { status = "409", code = "FIRST", title = "t", detail = "First.", path = "/v1/a/" },
      { code = "DEEP", title = "The reason.", path = "/v1/c/" },
      { status = "409", code = "SECOND", title = "t", detail = "Second.", parameter = "limit", path = "/v1/b/" },
      { status = "409", code = "ENTITY_ERROR.ATTRIBUTE.INVALID", title = "t", detail = "No URL.",
        pointer = "/data/attributes/url" },
    }, detail.errors)
  end)

  it("has a code of its own for a refused token and for the rate limit, whatever the body", function()
    for status, expected in pairs { [401] = "unauthorized", [429] = "rate_limited", [403] = "api_error",
      [404] = "api_error", [422] = "api_error", [500] = "api_error" } do
      assert.equal(expected, (select(2, from(status, { errors = { { code = "X", status = "1", title = "x" } } }))))
    end
    for status, expected in pairs { [401] = "unauthorized", [429] = "rate_limited", [502] = "answer_invalid" } do
      local message, code = from(status, "<html>\r\n<h1>no</h1>", { ["content-type"] = "text/html" })
      assert.equal(expected, code)
      assert.equal(("POST /v1/webhooks: %d; the answer is not JSON (text/html): <html> <h1>no</h1>%s"):format(status,
        status == 429 and "; try again later: the answer does not say when" or ""), message)
      assert.equal(expected, (select(2, from(status, ""))))
    end
  end)

  it("says when a request may be sent again after the rate limit was reached", function()
    local limit = { errors = { { code = "RATE_LIMIT_EXCEEDED", title = "t" } } }
    for words, headers in pairs {
      ["try again in 31 s"] = { ["retry-after"] = "31" },
      ["try again in 90 s"] = { ["retry-after"] = "Thu, 28 May 2026 20:28:10 GMT",
        date = "Thu, 28 May 2026 20:26:40 GMT" },
      ["try again later: 3500 requests are allowed in any hour"] = {
        ["x-rate-limit"] = "user-hour-lim:3500;user-hour-rem:0;" },
      ["try again later: the answer does not say when"] = { ["retry-after"] = "soon" },
    } do assert.equal("POST /v1/webhooks: 429 RATE_LIMIT_EXCEEDED: t; " .. words, (from(429, limit, headers))) end
  end)

  it("says what came in the place of Apple's errors", function()
    assert.equal("POST /v1/webhooks: 500; the answer is empty (application/json)", (from(500, " \n")))
    local no_json, no_errors = "is not JSON", "names no errors"
    for body, problem in pairs {
      ['{"errors":[{"co'] = no_json, ['{"message":"Forbidden"}'] = no_errors, ['{"errors":"x"}'] = no_errors,
      ["[1]"] = no_errors, ['{"errors":{"a":1}}'] = no_errors, ["5"] = no_errors, ['{"errors":["x"]}'] = no_errors,
      ["\0\27[2J\255"] = no_json,
    } do
      local message, code, detail = from(500, body)
      assert.equal(("POST /v1/webhooks: 500; the answer %s (application/json): %s"):format(problem,
        body == "\0\27[2J\255" and "\\x00\\x1b[2J\\xff" or body), message)
      assert.equal("answer_invalid", code)
      assert.same({}, detail.errors)
    end
    local exact = ("x"):rep(80)
    assert.equal("POST /v1/webhooks: 500; the answer is not JSON (application/json): " .. exact, (from(500, exact)))
    assert.equal("POST /v1/webhooks: 500; the answer is not JSON (application/json): " .. exact .. "...",
      (from(500, exact .. "x")))
    assert.equal("answer_invalid", (select(2, from(399, { errors = {} }))))
    assert.equal("api_error", (select(2, from(400, { errors = json.list {} }))))
    assert.equal("answer_invalid", (select(2, from(302, { errors = {} }))))
    assert.equal("POST /v1/webhooks: 409; the answer names no error", (from(409, { errors = json.list {} })))
    assert.equal("POST /v1/webhooks: 500; the answer is empty", (api_error.from(REQUEST, { status = 500 })))
    assert.matches("…%.%.%.$", (from(500, ("…"):rep(100000))))
  end)

  it("names one error alone", function()
    assert.equal("POST /v1/webhooks: 400 X: y", (from(400, { errors = { { code = "X", title = "y" } } })))
    assert.equal("POST /v1/webhooks: 400 y", (from(400, { errors = { { title = "y" } } })))
  end)

  it("names associated errors in the order of their paths", function()
    local associated = {}
    for letter in ("dbaecf"):gmatch "." do associated["/v1/" .. letter] = { { code = letter:upper() } } end
    assert.equal("POST /v1/webhooks: 409 X; A; B; C; D; E; F", (from(409, { errors = {
      { code = "X", meta = { associatedErrors = associated } },
    } })))
  end)

  it("does without what is not there or of another type", function()
    local _, _, detail = from(409, { errors = { { code = { "x" }, title = json.null, status = true, detail = "d",
      source = "x", meta = { associatedErrors = { a = "x", b = { "x" } } } }, {} } })
    assert.same({ { detail = "d" }, {} }, detail.errors)
  end)

  it("keeps to one line of a length that can be read", function()
    local errors = {}
    for i = 1, 500 do errors[i] = { code = "CODE" .. i, status = "409", title = "t", detail = ("ä\n\27"):rep(1000) } end
    local message, _, detail = from(409, { errors = errors })
    assert.is_true(#message < 1200)
    local last, more = message:match "CODE(%d+): [^;]+; and (%d+) more$"
    assert.equal(500, last + more)
    assert.equal(500, #detail.errors)
    local long = api_error.from({ method = "GET", path = "/v1/" .. ("x"):rep(1000) }, answer(500, ""))
    assert.is_true(#long < 300)
  end)

  it("shows 200 bytes of the path, 300 of one error, 80 of a type and 80 of what is no JSON", function()
    local x = ("x"):rep(1000)
    local path = "/v1/" .. x
    assert.equal(("GET %s: 404; there is no such resource"):format(path:sub(1, 200)),
      (api_error.none({ method = "GET", path = path }, answer(404, ""))))
    assert.equal("POST /v1/webhooks: 200; the answer's " .. x:sub(1, 300),
      (api_error.mistyped(REQUEST, answer(200, ""), x)))
    local begin = "POST /v1/webhooks: 500; the answer is not JSON"
    assert.equal(("%s (%s): %s..."):format(begin, x:sub(1, 80), x:sub(1, 80)), (from(500, x, { ["content-type"] = x })))
  end)

  it("never repeats a secret", function()
    local secret = 'top/"secret"\\\n'
    local message, _, detail = from(409, { errors = { { id = secret, code = "X" .. secret, status = "409", title = "t",
      detail = "not " .. secret .. "!", source = { pointer = secret },
      meta = { associatedErrors = { [secret] = { { code = "Y", title = secret } } } } } } }, nil, { secret, "jwt" })
    assert.equal("POST /v1/webhooks: 409 X(hidden): not (hidden)! ((hidden)); Y: (hidden)", message)
    assert.is_nil(json.encode(detail.errors):find("secret", 1, true))
    assert.equal("(hidden)", detail.errors[2].path)
    local body = json.encode { secret = secret, token = "jwt" }
    for _, sent in ipairs { body, body:gsub("/", "\\/"), body:sub(1, -20), "<b>" .. secret .. body } do
      assert.is_nil(from(500, sent, nil, { secret, "jwt" }):find "secret\\", sent)
    end
    assert.is_nil(from(500, { a = 1 }, { ["content-type"] = "text/" .. secret }, { secret }):find("secret", 1, true))
  end)

  it("hides all of a secret that JSON escapes at its ends", function()
    for _, secret in ipairs { '"middle"', "\\middle\\", "/middle/", "\nmiddle\n", "\127middle\127", '"/middle/"' } do
      local written = json.encode(secret):sub(2, -2)
      for _, sent in ipairs { secret, written, (written:gsub("/", "\\/")) } do
        assert.equal("POST /v1/webhooks: 500; the answer is not JSON (application/json): a(hidden)b",
          (from(500, "a" .. sent .. "b", nil, { secret })))
      end
    end
  end)

  it("keeps to one error if only one fits", function()
    local message = from(409, { errors = { { title = ("x"):rep(2000) } } })
    assert.equal(#"POST /v1/webhooks: 409 " + 300, #message)
  end)

  it("says when to try again, and the request's id", function()
    local headers = { ["retry-after"] = "7", ["x-request-id"] = { "first", "second" } }
    local _, _, detail = from(429, "", headers)
    assert.equal(7, detail.retry_after)
    assert.equal("first", detail.request_id)
    _, _, detail = from(503, "", { ["retry-after"] = "Wed, 21 Oct 2015 07:28:30 GMT",
      date = "Wed, 21 Oct 2015 07:28:00 GMT", ["x-apple-request-uuid"] = "u" })
    assert.equal(30, detail.retry_after)
    assert.equal("u", detail.request_id)
    _, _, detail = from(503, "", { ["retry-after"] = "soon" })
    assert.is_nil(detail.retry_after)
  end)
end)
