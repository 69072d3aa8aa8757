local cjson = require "cjson"
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
    local list = json.decode "[50,-3,1e3,1.5,9007199254740992]"
    assert.equal("50 -3 1000 1.5", ("%s %s %s %s"):format(unpack(list, 1, 4)))
    assert.equal("[50,-3,1000,1.5,9007199254740992]", json.encode(list))
    if math.type then -- luacheck: ignore 143
      for _, text in ipairs { "9007199254740992", "-9007199254740992", "0", "-0" } do
        assert.equal("integer", math.type(json.decode(text))) -- luacheck: ignore 143
      end
      assert.equal("float", math.type(json.decode "9007199254740994")) -- luacheck: ignore 143
    end
    local beyond = json.decode "9223372036854775808"
    assert.equal(2 ^ 63, beyond)
  end)

  it("arrays that are arrays again when encoded", function()
    assert.equal('{"a":[{"b":[1]}]}', json.encode(json.decode '{"a":[{"b":[1]}]}'))
  end)

  it("strings that are not UTF-8, as they are", function()
    assert.equal("\255\192", json.decode '"\255\192"')
  end)

  it("nothing else, and says why without repeating it", function()
    for _, text in ipairs {
      "", " ", "{", '{"secret":', '{"secret":"x"', "<html>secret</html>", "[1,]", "{} secret", "[NaN]", "[Infinity]",
      "[0x10]", "[1e999]", '"secret', '["\\x"]', ("["):rep(65) .. ("]"):rep(65), ("["):rep(1000000), "\239\187\191{}",
    } do
      local value, message = json.decode(text)
      assert.is_nil(value, text)
      assert.is_string(message)
      assert.is_nil(message:find("secret", 1, true))
    end
    assert.is_table(json.decode(("["):rep(64) .. ("]"):rep(64)))
  end)

  it("with settings of its own", function()
    local before = cjson.decode_max_depth()
    cjson.decode_max_depth(1)
    cjson.decode_invalid_numbers(true)
    local value, other = json.decode "[[1]]", json.decode "[NaN]"
    cjson.decode_max_depth(before)
    assert.same({ { 1 } }, value)
    assert.is_nil(other)
  end)

  -- This module anew, with another cjson, or with none.
  local function with_cjson(other)
    local loaded, preload = package.loaded.cjson, package.preload.cjson
    package.loaded.cjson, package.loaded["marketplace.json"] = nil, nil
    package.preload.cjson = function() return other or error "module 'cjson' not found" end
    finally(function()
      package.loaded.cjson, package.preload.cjson, package.loaded["marketplace.json"] = loaded, preload, json
    end)
    return require "marketplace.json"
  end

  it("empty arrays as such if lua-cjson tells them apart", function()
    local array, wanted = {}, false
    local decoder = {
      decode_max_depth = function() end, decode_invalid_numbers = function() end,
      decode_array_with_array_mt = function(value) wanted = value end,
      decode = function() return { a = setmetatable({}, array), b = {} } end,
    }
    local other = with_cjson { array_mt = array, new = function() return decoder end }
    assert.equal('{"a":[],"b":{}}', other.encode(other.decode "x"))
    assert.is_true(wanted)
  end)

  it("nothing without lua-cjson, and says how to get it", function()
    local value, message = with_cjson(nil).decode "{}"
    assert.is_nil(value)
    assert.equal("the Lua module cjson is missing: luarocks install lua-cjson", message)
  end)

  it("strings only", function()
    local ok, message = pcall(json.decode, nil)
    assert.is_false(ok)
    assert.matches("a string is expected, not a nil", message)
  end)
end)
