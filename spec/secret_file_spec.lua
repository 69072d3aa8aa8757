local secret_file = require "marketplace.secret_file"
local shell = require "support.shell"

describe("marketplace.secret_file", function()
  local function parse(text)
    return secret_file.parse(text, "the/path")
  end

  it("has one secret a line, as it stands", function()
    for text, expected in pairs {
      ["a\nb\n"] = { "a", "b" }, ["a"] = { "a" }, [" a \t\n"] = { " a \t" }, ["#a\n\"b\""] = { "#a", '"b"' },
    } do assert.same(expected, parse(text)) end
  end)

  it("passes over what editors add: a byte order mark, carriage returns, empty lines", function()
    assert.same({ "a", "b" }, parse "\239\187\191a\r\n\r\n\n\nb\r\n")
    assert.same({ "a\rb", "\239\187\191c", "d\r" }, parse "a\rb\n\239\187\191c\nd\r\r\n")
  end)

  it("holds from one to eight", function()
    for _, text in ipairs { "", "\n\r\n", "\239\187\191" } do
      assert.same({ nil, "the secret file holds no secret: the/path" }, { parse(text) })
    end
    assert.equal(8, #parse(("a\n"):rep(8)))
    assert.same({ nil, "the secret file holds 9 secrets, more than 8: the/path" }, { parse(("a\n"):rep(9)) })
  end)

  it("warns of white space and quotes around a secret, and says which one and what to do", function()
    local THEN = ", unless App Store Connect was given the same"
    for secret, oddities in pairs {
      [" s"] = { "begins with white space" }, ["s\t"] = { "ends with white space" },
      ["s\n"] = { "ends with white space" },
      ["\rs "] = { "begins and ends with white space" }, [" "] = { "begins and ends with white space" },
      ['"s"'] = { "is in quotes" }, ["'s'"] = { "is in quotes" }, ['"'] = {}, ["'s\""] = {}, ["s s'"] = {},
      [' "s"'] = { "begins with white space", "is in quotes" }, s = {},
    } do
      local warned = {}
      secret_file.advise({ secret }, "x", function(message) warned[#warned + 1] = message end)
      for i, oddity in ipairs(oddities) do
        oddities[i] = ("the secret in x %s: remove %s%s"):format(oddity, oddity:match "quotes" and "them" or "it", THEN)
      end
      assert.same(oddities, warned)
    end
    local path = shell.file "new\n'old'\n"
    local warned
    assert.same({ "new", "'old'" }, secret_file.read(path, function(message) warned = message end))
    assert.equal(("secret 2 in %s is in quotes: remove them%s"):format(path, THEN), warned)
    os.remove(path)
  end)

  it("is read as it was written", function()
    local list = { "new", "o l\"d" }
    local path = shell.file(secret_file.text(list))
    local function warn(message) error(message) end
    assert.same(list, secret_file.read(path, warn))
    os.remove(path)
    local read, message = secret_file.read(path, warn)
    assert.is_nil(read)
    assert.matches("^the secret file cannot be read: " .. path:gsub("%p", "%%%0"), message)
  end)
end)
