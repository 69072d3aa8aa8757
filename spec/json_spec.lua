local cjson = require "cjson"
local core = require "marketplace.core"
local unpack = require("marketplace.runtime").unpack
local json = require "marketplace.json"
local marketplace = require "marketplace"

local function refused(pattern, value)
  local ok, message = pcall(json.encode, value)
  assert.is_false(ok)
  assert.matches("^marketplace.json: " .. pattern, message)
end

describe("marketplace.json encodes", function()
  it("objects with their members sorted, arrays, and empty ones of both", function()
    assert.equal('{"a":[1,2],"b":{},"c":[],"d":[[]],"e":null,"f":[true,false]}',
      json.encode { f = { true, false }, e = marketplace.null, d = { json.list {} }, c = json.list {}, b = {},
        a = json.list { 1, 2 } })
    assert.equal("[null]", json.encode { json.null })
    assert.equal('"a"', json.encode "a")
  end)

  it("strings: what has to be escaped, and all else as it is", function()
    assert.equal([["\"\\\b\f\n\r\t\u0000\u001f\u007f/]] .. '\195\164\255"',
      json.encode '"\\\b\f\n\r\t\0\31\127/\195\164\255')
    assert.equal('{"\\n":1}', json.encode { ["\n"] = 1 })
  end)

  it("numbers with every digit that they have", function()
    for expected, value in pairs {
      ["0"] = 0, ["-1"] = -1, ["1780000000"] = 1780000000, ["1000000000000000"] = 1e15,
      ["9007199254740992"] = 2 ^ 53, ["-9007199254740992"] = -2 ^ 53,
      ["-9007199254740991"] = -9007199254740991, ["0.1"] = 0.1, ["-1.5"] = -1.5,
      ["1780000000.123456"] = 1780000000.123456, ["1e+300"] = 1e300, ["0.30000000000000004"] = 0.1 + 0.2,
    } do assert.equal(expected, json.encode(value)) end
    if rawget(math, "maxinteger") then assert.equal("9223372036854775807", json.encode(rawget(math, "maxinteger"))) end
  end)

  it("not what JSON has not", function()
    refused("%-?nan is not a number", { a = 0 / 0 })
    refused("inf is not a number", math.huge)
    refused("%-inf is not a number", { -math.huge })
    refused("a function cannot be encoded", { a = print })
    refused("a userdata cannot be encoded", { a = io.stdout })
    refused("a nil cannot be encoded", nil)
    refused("a list has holes", { 1, nil, 3 })
    refused("a list also has a member 'a'", { 1, a = 2 })
    refused("a member of an object is named by a number", { [3] = 1 })
    local circle = {}
    circle.circle = circle
    refused("more than 64 levels", circle)
  end)

  it("64 levels of arrays, of objects and of both, and not one more", function()
    for _, wrap in ipairs {
      function(value) return { value } end, function(value) return { a = value } end,
      function(value, level) return level % 2 == 0 and { value } or { a = value } end,
    } do
      local value = 1
      for level = 1, 64 do value = wrap(value, level) end
      assert.equal(value, json.decode(json.encode(value)) and value)
      refused("more than 64 levels$", wrap(value, 65))
    end
  end)
end)

describe("marketplace.json decodes", function()
  it("what it encoded, and what lua-cjson encoded", function()
    local value = { a = { 1, 2.5, { b = "\195\164\n" } }, c = json.null, d = true, e = -12 }
    assert.same(value, json.decode(json.encode(value)))
    assert.same(value, json.decode(cjson.encode(value)))
    assert.equal(cjson.null, json.decode "null")
  end)

  it("integers as such", function()
    local list = json.decode "[50,-3,1e3,1.5,9007199254740993]"
    assert.equal("50 -3 1000 1.5", ("%d %d %d %s"):format(unpack(list, 1, 4)))
    assert.equal("[50,-3,1000,1.5]", json.encode { unpack(list, 1, 4) })
    if math.type then -- luacheck: ignore 143
      for text, kind in pairs {
        ["9007199254740993"] = "integer", ["-9223372036854775808"] = "integer", ["0"] = "integer", ["-0"] = "integer",
        ["1e3"] = "float", ["50.0"] = "float", ["9223372036854775808"] = "float",
      } do
        assert.equal(kind, math.type(json.decode(text))) -- luacheck: ignore 143
      end
      assert.equal("9007199254740993", json.encode(list[5]))
    end
    assert.equal(2 ^ 63, (json.decode "9223372036854775808"))
  end)

  it("arrays that are arrays again when encoded, and objects that are objects, also empty ones", function()
    for _, text in ipairs { '{"a":[{"b":[1]}]}', '{"a":[],"b":{},"c":[[],{}]}', "[]", "{}" } do
      assert.equal(text, json.encode(json.decode(text)))
    end
  end)

  it("strings that are not UTF-8, as they are", function()
    assert.equal("\255\192", json.decode '"\255\192"')
    assert.equal("\195\n\237\160\128", json.decode '"\195\\n\237\160\128"')
    assert.same({ ["\195"] = 1 }, json.decode '{"\195":1}')
  end)

  it("nothing else, and says why without repeating it", function()
    for _, text in ipairs {
      "", " ", "{", '{"secret":', '{"secret":"x"', "<html>secret</html>", "[1,]", "{} secret", "[NaN]", "[Infinity]",
      "[0x10]", "[1e999]", '"secret', '["\\x"]', ("["):rep(65) .. ("]"):rep(65), ("["):rep(1000000), "[-1e999]",
      "nul", "[1}", '{"a":1]', '["\\ud800"]', "\0", "[]\0", '"\1"',
    } do
      local value, message = json.decode(text)
      assert.is_nil(value, text)
      assert.is_string(message)
      assert.is_nil(message:find("secret", 1, true))
    end
    assert.is_table(json.decode(("["):rep(64) .. ("]"):rep(64)))
  end)

  it("lists and objects of any length, also within one another", function()
    for length = 0, 40 do
      local list, object, both = json.list {}, {}, json.list {}
      for i = 1, length do
        list[i], object["member " .. i] = i, i
        both[i] = { [tostring(i)] = json.list { i, json.null }, null = json.null }
      end
      for _, value in ipairs { list, object, both } do
        assert.same(value, json.decode(json.encode(value)))
        assert.equal(json.encode(value), json.encode(json.decode(json.encode(value))))
      end
    end
    assert.is_nil((json.decode("[" .. ("1,"):rep(20) .. "x]")))
    assert.is_nil((json.decode("{" .. ('"a":1,'):rep(20) .. "x}")))
  end)

  it("a mark of the byte order as none, and the last of the members with one name", function()
    assert.same({ a = 2 }, json.decode '\239\187\191{"a":1,"a":2}')
    for length = 1, 40 do
      assert.same({ a = 2, b = 3 }, json.decode("{" .. ('"a":1,'):rep(length) .. '"a":2,"b":3}'))
    end
  end)

  it("strings only", function()
    local ok, message = pcall(json.decode, nil)
    assert.is_false(ok)
    assert.matches("a string is expected, not a nil", message)
  end)
end)

describe("json.is_list and json.is_object", function()
  it("tell an empty list from an empty object", function()
    for text, expected in pairs {
      ["[]"] = "list", ["[1]"] = "list", ["{}"] = "object", ['{"1":1}'] = "object", ["null"] = "neither",
      ["1"] = "neither", ['"[]"'] = "neither",
    } do
      local value = json.decode(text)
      local kind = json.is_list(value) and "list" or json.is_object(value) and "object" or "neither"
      assert.equal(expected, kind, text)
      assert.equal(expected == "object", json.is_object(value), text)
    end
    assert.is_true(json.is_list(json.list {}))
  end)
end)

describe("core.without_null", function()
  it("removes members that are null, at each level, and no element of a list", function()
    local value = json.decode '{"a":null,"b":{"c":null,"d":[null,{"e":null,"f":1},[null]]},"g":false}'
    assert.equal(value, core.without_null(value))
    assert.equal('{"b":{"d":[null,{"f":1},[null]]},"g":false}', json.encode(value))
    for length = 1, 40 do
      local object = {}
      for i = 1, length do object["member " .. i] = i % 3 == 0 and i or json.null end
      core.without_null(object)
      for i = 1, length do assert.equal(i % 3 == 0 and i or nil, object["member " .. i]) end
    end
  end)

  it("takes 64 levels, and raises for what is no document", function()
    local value = json.decode(('{"a":'):rep(63) .. '{"b":null}' .. ("}"):rep(63))
    assert.equal(('{"a":'):rep(63) .. "{}" .. ("}"):rep(63), json.encode(core.without_null(value)))
    local circle = {}
    circle.circle = circle
    for _, wrong in ipairs { { circle }, { "text" }, { nil } } do
      assert.is_false((pcall(core.without_null, wrong[1])))
    end
  end)
end)
