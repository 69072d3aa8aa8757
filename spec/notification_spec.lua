local cjson = require "cjson"
local marketplace = require "marketplace"
local shell = require "support.shell"

local TIME = 1773480413.589

local function near(expected, got)
  assert.is_true(math.abs(expected - got) < 1e-6, ("%s is not near %s"):format(tostring(got), tostring(expected)))
end

local function parsed(body)
  local n, message = marketplace.parse(body)
  assert(n, message)
  return n
end

local function refused(code, pattern, body)
  local n, message, got, detail = marketplace.parse(body)
  assert.is_nil(n)
  assert.matches(pattern, message)
  assert.equal(code, got)
  return detail
end

local function generation_1(type_name, attributes)
  return ('{"data":{"type":"%s","version":1,"id":"n-1","timestamp":"2026-03-14T09:27:00Z","attributes":{%s%s}}}')
    :format(type_name, attributes, ',"eventTimestamp":"2026-03-14T09:26:53.589Z"')
end

local function generation_2(type_name, attributes, relationships)
  return ('{"data":{"type":"%s","id":"n-2","version":1,"attributes":{%s"timestamp":"2026-03-14T09:26:53.589Z"}%s}}')
    :format(type_name, attributes, relationships and ',"relationships":' .. relationships or "")
end

local APP = '"marketplaceAppId":"6740012345","appId":"6740067890"'
local MARKETPLACE = '"marketplaceApp":{"data":{"type":"apps","id":"6740012345"}}'
local VERSION = '"instance":{"data":{"type":"alternativeDistributionPackageVersions","id":"pv-1"}}'
local AVAILABLE_UPDATED = "alternativeDistributionPackageAvailableUpdated"
local TERRITORY_UPDATED = "alternativeDistributionTerritoryAvailabilityUpdated"

-- All fields but the lazy ones and the body, without the time, which is not compared bit by bit.
local function fields(n)
  local copy = {}
  for name, value in next, n do copy[name] = value end
  copy.body, copy.time, copy.attributes, copy.relationships = nil, nil, nil, nil
  return copy
end

describe("a notification of generation 1", function()
  it("AlternativeDistributionPackageVersionAvailable", function()
    local body = generation_1("AlternativeDistributionPackageVersionAvailable", APP ..
      ',"alternativeDistributionPackageId":"p-1","alternativeDistributionPackageVersionId":"pv-1",' ..
      '"alternativeDistributionPackageVersionNum":"4"')
    local n = parsed(body)
    assert.same({
      id = "n-1", type = "AlternativeDistributionPackageVersionAvailable", version = 1, generation = 1,
      event = "version_available", timestamp = "2026-03-14T09:26:53.589Z", app_id = "6740067890",
      marketplace_app_id = "6740012345", package_id = "p-1", package_version_id = "pv-1",
    }, fields(n))
    near(TIME, n.time)
    assert.equal(body, n.body)
    assert.equal("4", n.attributes.alternativeDistributionPackageVersionNum)
    assert.is_nil(n.relationships)
  end)

  for _, type_name in ipairs { "AppVersionsUnavailable", "AppVersionUnavailable" } do
    it(type_name, function()
      local n = parsed(generation_1(type_name, APP .. ',"alternativeDistributionPackageIds":["p-1","p-2"]'))
      assert.same({
        id = "n-1", type = type_name, version = 1, generation = 1, event = "versions_unavailable",
        timestamp = "2026-03-14T09:26:53.589Z", app_id = "6740067890", marketplace_app_id = "6740012345",
        package_ids = { "p-1", "p-2" },
      }, fields(n))
    end)
  end

  it("AppUnavailable", function()
    assert.same({
      id = "n-1", type = "AppUnavailable", version = 1, generation = 1, event = "app_unavailable",
      timestamp = "2026-03-14T09:26:53.589Z", app_id = "6740067890", marketplace_app_id = "6740012345",
    }, fields(parsed(generation_1("AppUnavailable", APP))))
  end)
end)

describe("a notification of generation 2", function()
  it("alternativeDistributionPackageVersionCreated", function()
    local n = parsed(generation_2("alternativeDistributionPackageVersionCreated", '"appId":"6740067890",',
      "{" .. VERSION .. "," .. MARKETPLACE .. "}"))
    assert.same({
      id = "n-2", type = "alternativeDistributionPackageVersionCreated", version = 1, generation = 2,
      event = "version_available", timestamp = "2026-03-14T09:26:53.589Z", app_id = "6740067890",
      marketplace_app_id = "6740012345", package_version_id = "pv-1",
    }, fields(n))
    near(TIME, n.time)
    assert.equal("pv-1", n.relationships.instance.data.id)
  end)

  for available, event in pairs { ["false"] = "versions_unavailable", ["true"] = "versions_restored" } do
    it(AVAILABLE_UPDATED .. " with available " .. available, function()
      local n = parsed(generation_2(AVAILABLE_UPDATED,
        '"appId":"6740067890","available":' .. available .. ',"territories":["FRA","DEU"],',
        '{"instance":{"data":{"type":"alternativeDistributionPackages","id":"p-1"}},' .. MARKETPLACE .. "}"))
      assert.equal(event, n.event)
      assert.equal("p-1", n.package_id)
      assert.same({ "p-1" }, n.package_ids)
      assert.same({ "FRA", "DEU" }, n.territories)
      assert.equal("6740012345", n.marketplace_app_id)
    end)
  end

  for available, event in pairs { ["false"] = "app_unavailable", ["true"] = "app_restored" } do
    it(TERRITORY_UPDATED .. " with available " .. available, function()
      local n = parsed(generation_2(TERRITORY_UPDATED,
        '"appId":"6740067890","available":' .. available .. ',"territories":["FRA"],', "{" .. MARKETPLACE .. "}"))
      assert.equal(event, n.event)
      assert.same({ "FRA" }, n.territories)
      assert.is_nil(n.package_id)
      assert.is_nil(n.package_ids)
    end)
  end

  it("webhookPingCreated", function()
    local n = parsed(generation_2("webhookPingCreated", ""))
    assert.equal("ping", n.event)
    assert.is_nil(n.app_id)
    near(TIME, n.time)
  end)

  it("of a type that is not known passes through", function()
    local n = parsed(generation_2("buildUploadStateUpdated", '"oldState":"PROCESSING","available":"maybe",'))
    assert.equal("other", n.event)
    assert.equal(2, n.generation)
    assert.equal("PROCESSING", n.attributes.oldState)
    assert.equal(1, parsed '{"data":{"type":"SomethingNew"}}'.generation)
  end)
end)

describe("bodies that other receivers get wrong:", function()
  it("id before type", function()
    local n = parsed '{"data":{"id":"x","type":"AppUnavailable","attributes":{"appId":"1"}}}'
    assert.equal("app_unavailable", n.event)
    assert.equal("x", n.id)
  end)

  it("type and id behind everything that they decide about", function()
    local n = parsed('{"data":{"relationships":{' .. VERSION .. '},"attributes":{"appId":"1"},"id":"x",' ..
      '"type":"alternativeDistributionPackageVersionCreated"}}')
    assert.equal("pv-1", n.package_version_id)
  end)

  it("no version", function()
    assert.is_nil(parsed '{"data":{"type":"AppUnavailable","id":"x"}}'.version)
  end)

  it("no id", function()
    for _, id in ipairs { "", '"id":null,', '"id":"",' } do
      assert.is_nil(parsed('{"data":{' .. id .. '"type":"AppUnavailable"}}').id)
    end
  end)

  for name, instance in pairs {
    ["with data"] = VERSION,
    ["with data and links"] = '"instance":{"links":{"self":"https://elsewhere.example/v1/x"},' ..
      '"data":{"type":"alternativeDistributionPackageVersions","id":"pv-1"},"meta":{}}',
    ["flat, without data"] = '"instance":{"type":"alternativeDistributionPackageVersions","id":"pv-1"}',
  } do
    it("relationships.instance " .. name, function()
      local n = parsed(generation_2("alternativeDistributionPackageVersionCreated", '"appId":"1",',
        "{" .. instance .. "}"))
      assert.equal("pv-1", n.package_version_id)
    end)
  end

  it("relationships.marketplaceApp flat, without data", function()
    local n = parsed(generation_2("alternativeDistributionPackageVersionCreated", '"appId":"1",',
      '{"marketplaceApp":{"type":"apps","id":"6740012345"}}'))
    assert.equal("6740012345", n.marketplace_app_id)
  end)

  it("long texts with escapes", function()
    local long = ("x"):rep(600)
    local n = parsed('{"data":{"type":"AppUnavailable","id":"i","attributes":{"note":"' .. long .. '\\/b"}}}')
    assert.equal(long .. "/b", n.attributes.note)
  end)

  for name, relationships in pairs {
    ["absent instance"] = "{}", ["null instance"] = '{"instance":null,"marketplaceApp":null}',
    ["null data"] = '{"instance":{"data":null}}', ["null relationships"] = "null",
  } do
    it(name, function()
      local n = parsed(generation_2("alternativeDistributionPackageVersionCreated", '"appId":"1",', relationships))
      assert.equal("version_available", n.event)
      assert.is_nil(n.package_version_id)
      assert.is_nil(n.marketplace_app_id)
    end)
  end

  it("an instance of another type", function()
    local n = parsed(generation_2("alternativeDistributionPackageVersionCreated", '"appId":"1",',
      '{"instance":{"data":{"type":"builds","id":"b-1"}}}'))
    assert.is_nil(n.package_version_id)
    assert.is_nil(n.package_id)
  end)

  it("unknown members anywhere", function()
    local n = parsed('{"jsonapi":{"version":"1.0"},"data":{"new":[1,{"id":"no"}],"type":"AppUnavailable","id":"x",' ..
      '"attributes":{"appId":"1","more":{"appId":"no"}},' ..
      '"relationships":{"other":{"data":{"type":"apps","id":"no"}}},' ..
      '"links":{"self":"https:\\/\\/a.example"}},"included":[{"type":"no","id":"no"}]}')
    assert.equal("x", n.id)
    assert.equal("1", n.app_id)
    assert.same({ appId = "no" }, n.attributes.more)
    assert.equal("no", n.relationships.other.data.id)
  end)

  it("escaped slashes and escaped names", function()
    local n = parsed('{"d\\u0061ta":{"type":"AppUnavail\\u0061ble","id":"a\\/b",' ..
      '"attributes":{"appI\\u0064":"\\u0031"}}}')
    assert.equal("a/b", n.id)
    assert.equal("1", n.app_id)
    assert.equal("app_unavailable", n.event)
  end)

  it("an escaped time, and the generation of an escaped type", function()
    local body = '{"data":{"type":"%s","id":"x","timestamp":"%s"}}'
    local plain = parsed(body:format("AppSold", "2026-03-14T09:26:53.589+00:00"))
    local escaped = parsed(body:format("\\u0041ppSold", "\\u0032026\\u002D03-14T09:26:53.589\\u002B00:00"))
    near(TIME, plain.time)
    assert.equal(plain.time, escaped.time)
    assert.same({ plain.timestamp, plain.type, 1 }, { escaped.timestamp, escaped.type, escaped.generation })
    assert.is_nil(parsed(body:format("AppSold", ("\\u0032"):rep(36))).time)
  end)

  it("400 territories", function()
    local list = {}
    for i = 1, 400 do list[i] = ("T%03d"):format(i) end
    local n = parsed(generation_2(TERRITORY_UPDATED,
      '"appId":"1","available":false,"territories":["' .. table.concat(list, '","') .. '"],'))
    assert.same(list, n.territories)
  end)

  it("ids as opaque strings", function()
    for _, id in ipairs { "0", "007", "1e3", "9007199254740993", "../x", "é", "a b", ("x"):rep(255) } do
      assert.equal(id, parsed('{"data":{"type":"AppUnavailable","id":"' .. id .. '"}}').id)
    end
  end)

  it("a UTF-8 byte order mark", function()
    assert.equal("x", parsed '\239\187\191{"data":{"type":"AppUnavailable","id":"x"}}'.id)
  end)

  it("a number where an id belongs is refused, not rounded", function()
    refused("notification_invalid", "^data.id is not a string", '{"data":{"type":"AppUnavailable","id":12}}')
    refused("notification_invalid", "^data.attributes.appId is not a string",
      '{"data":{"type":"AppUnavailable","id":"x","attributes":{"appId":6740067890}}}')
  end)

  it("an available that is missing or no boolean is refused: nobody guesses whether an app must go", function()
    local missing = "^data.attributes.available is missing"
    local wrong = "^data.attributes.available is neither true nor false"
    for _, type_name in ipairs { AVAILABLE_UPDATED, TERRITORY_UPDATED } do
      refused("notification_invalid", missing, generation_2(type_name, '"appId":"1",'))
      refused("notification_invalid", missing, generation_2(type_name, '"available":null,'))
      refused("notification_invalid", wrong, generation_2(type_name, '"available":"false",'))
      refused("notification_invalid", wrong, generation_2(type_name, '"available":0,'))
    end
  end)

  it("a member named twice is refused", function()
    local detail = refused("json_invalid", "twice", '{"data":{"type":"AppUnavailable","type":"webhookPingCreated"}}')
    assert.equal(33, detail.offset)
  end)
end)

describe("marketplace.parse", function()
  it("says what is wrong and where", function()
    assert.equal(0, refused("json_invalid", "value is missing", "").offset)
    assert.equal(8, refused("json_invalid", "ends where a value", '{"data":').offset)
    refused("json_invalid", "UTF%-8", '{"data":"\255"}')
    refused("notification_invalid", "^the document is not an object at byte 0$", "[]")
    refused("notification_invalid", "^the document has no data", "{}")
    refused("notification_invalid", "^data is not an object", '{"data":[]}')
    refused("notification_invalid", "^the document has no data", '{"data":null}')
    refused("notification_invalid", "^data has no type", '{"data":{"id":"x"}}')
    refused("notification_invalid", "^data.type is not a string", '{"data":{"type":5}}')
    refused("notification_invalid", "^data.type is longer than 255 bytes",
      '{"data":{"type":"' .. ("x"):rep(256) .. '"}}')
    refused("notification_invalid", "^data.id has a control character", '{"data":{"type":"A","id":"a\\nb"}}')
    refused("notification_invalid", "^data.id has a control character", '{"data":{"type":"A","id":"a\127b"}}')
    refused("too_large", "16 MiB", (" "):rep(16 * 1024 * 1024 + 1))
  end)

  it("says where what lacks a member begins", function()
    assert.equal(0, refused("notification_invalid", "^the document has no data at byte 0$", '{"a":1}').offset)
    local untyped = '{"a":1,"data":{"id":"x"}}'
    assert.equal(14, refused("notification_invalid", "^data has no type at byte 14$", untyped).offset)
    local body = ('{"data":{"type":"%s","id":"x"}}'):format(AVAILABLE_UPDATED)
    assert.equal(8, refused("notification_invalid", "^data.attributes.available is missing at byte 8$", body).offset)
  end)

  local function wrong(members)
    return ('{"data":{"type":"%s","id":"x",%s}}'):format(AVAILABLE_UPDATED, members)
  end

  it("names the member that is not what it must be", function()
    for members, problem in pairs {
      ['"timestamp":5'] = "data.timestamp is not a string",
      ['"attributes":[]'] = "data.attributes is not an object",
      ['"relationships":"x"'] = "data.relationships is not an object",
      ['"relationships":{"instance":[]}'] = "data.relationships.instance is not an object",
      ['"relationships":{"instance":{"data":[]}}'] = "data.relationships.instance.data is not an object",
      ['"relationships":{"instance":{"id":5}}'] = "data.relationships.instance.id is not a string",
      ['"relationships":{"instance":{"data":{"type":5}}}'] = "data.relationships.instance.data.type is not a string",
      ['"relationships":{"marketplaceApp":true}'] = "data.relationships.marketplaceApp is not an object",
      ['"relationships":{"marketplaceApp":{"data":7}}'] = "data.relationships.marketplaceApp.data is not an object",
      ['"relationships":{"marketplaceApp":{"data":{"id":{}}}}'] =
        "data.relationships.marketplaceApp.data.id is not a string",
    } do
      refused("notification_invalid", "^" .. problem .. " at byte %d+$", wrong(members))
    end
  end)

  it("names the attribute that is not what it must be", function()
    local long = ("x"):rep(256)
    local function attribute(name, value) return wrong(('"attributes":{"%s":%s}'):format(name, value)) end
    for _, name in ipairs { "appId", "marketplaceAppId", "alternativeDistributionPackageId",
      "alternativeDistributionPackageVersionId" } do
      refused("notification_invalid", "^data.attributes." .. name .. " is not a string", attribute(name, "[]"))
      refused("notification_invalid", "^data.attributes." .. name .. " is longer than 255 bytes",
        attribute(name, '"' .. long .. '"'))
    end
    for _, name in ipairs { "territories", "alternativeDistributionPackageIds" } do
      refused("notification_invalid", "^data.attributes." .. name .. " is not a list", attribute(name, '"FRA"'))
      local element = "^an element of data.attributes." .. name
      refused("notification_invalid", element .. " is not a string", attribute(name, '["FRA",5]'))
      refused("notification_invalid", element .. " is empty", attribute(name, '["FRA",""]'))
      refused("notification_invalid", element .. " is longer than 255 bytes", attribute(name, '["' .. long .. '"]'))
    end
    for _, name in ipairs { "timestamp", "eventTimestamp" } do
      refused("notification_invalid", "^data.attributes." .. name .. " is not a string", attribute(name, "1"))
    end
    refused("notification_invalid", "^data.attributes.available is neither", attribute("available", '"true"'))
  end)

  it("tells of the first that is wrong, and at which byte", function()
    local body = wrong '"attributes":{"territories":5,"appId":6}'
    local detail = refused("notification_invalid", "^data.attributes.territories is not a list", body)
    assert.equal(body:find("5,", 1, true) - 1, detail.offset)
  end)

  it("raises for what is no string", function()
    for _, value in ipairs { 5, {}, true } do
      local ok, message = pcall(marketplace.parse, value)
      assert.is_false(ok)
      assert.matches("marketplace.parse: body must be a string, not a " .. type(value), message)
    end
  end)

  it("has no time if the timestamp is none, and keeps it as it was sent", function()
    local n = parsed '{"data":{"type":"AppUnavailable","attributes":{"eventTimestamp":"yesterday"}}}'
    assert.equal("yesterday", n.timestamp)
    assert.is_nil(n.time)
  end)

  it("falls back on the envelope's timestamp", function()
    local n = parsed '{"data":{"type":"AppUnavailable","timestamp":"2026-03-14T01:26:53.589-08:00"}}'
    near(TIME, n.time)
  end)
end)

describe("attributes and relationships", function()
  local body = generation_2("alternativeDistributionPackageVersionCreated",
    '"appId":"1","nothing":null,"list":[1,2.5,true,null,"x\\u0000y",{}],"big":12345678901234567890,',
    "{" .. MARKETPLACE .. "}")

  it("are built when first read, once", function()
    local n = parsed(body)
    assert.is_nil(rawget(n, "attributes"))
    local attributes = n.attributes
    assert.equal(attributes, rawget(n, "attributes"))
    assert.equal(attributes, n.attributes)
    assert.is_nil(n.something_else)
  end)

  it("keep Apple's names, null and every kind of value", function()
    local attributes = parsed(body).attributes
    assert.equal(marketplace.null, attributes.nothing)
    assert.equal(cjson.null, attributes.nothing)
    assert.same({ 1, 2.5, true, marketplace.null, "x\0y", {} }, attributes.list)
    assert.equal(12345678901234567890, attributes.big)
  end)

  local function value_of(text)
    return parsed('{"data":{"type":"some","id":"a","attributes":{"value":' .. text .. "}}}").attributes.value
  end

  it("have numbers of every form, and integers as such if Lua has them", function()
    local type_of = rawget(math, "type") or function() return nil end
    for text, number in pairs {
      ["0"] = 0, ["7"] = 7, ["-12"] = -12, ["9007199254740993"] = 9007199254740993,
      ["-9223372036854775808"] = -9223372036854775808,
    } do
      assert.equal(number, value_of(text))
      assert.equal(rawget(math, "type") and "integer", type_of(value_of(text)))
    end
    for text, number in pairs {
      ["1.0"] = 1, ["1.5"] = 1.5, ["-0.25"] = -0.25, ["1e3"] = 1000, ["2E2"] = 200, ["25e-2"] = 0.25, ["1.5E+1"] = 15,
      ["9223372036854775808"] = 2 ^ 63, ["-9223372036854775809"] = -2 ^ 63,
    } do
      assert.equal(number, value_of(text))
      assert.equal(rawget(math, "type") and "float", type_of(value_of(text)))
    end
    for _, space in ipairs { "", " ", "\t", "\r", "\n" } do
      local value = value_of(("[10%s,11%s,{\"a\":12%s,\"b\":13%s},1.5%s]"):format(space, space, space, space, space))
      assert.same({ 10, 11, { a = 12, b = 13 }, 1.5 }, value)
      for i = 1, 2 do assert.equal(rawget(math, "type") and "integer", type_of(value[i])) end
    end
  end)

  it("have numbers with a decimal point, whatever the locale", function()
    local script = shell.file [[
      local body = '{"data":{"type":"a","id":"b","attributes":{"x":2.5}}}'
      print(("%d"):format(require("marketplace.core").part(body, "attributes").x * 2))
    ]]
    assert.equal("5", shell.run(("LD_PRELOAD=build/test/decimal_comma.so %s %s"):format(shell.LUA, script)))
    os.remove(script)
  end)

  it("have texts of any length, escaped or not", function()
    for length = 505, 520 do
      local plain = ("x"):rep(length)
      assert.equal(plain, value_of('"' .. plain .. '"'))
      assert.equal("\n" .. plain, value_of('"\\n' .. plain .. '"'))
      assert.same({ [plain .. "\n"] = "y" }, value_of('{"' .. plain .. '\\n":"y"}'))
    end
    assert.equal(("é"):rep(100000), value_of('"' .. ("\\u00e9"):rep(100000) .. '"'))
  end)

  it("are as deep as JSON may be", function()
    -- in the document, its data and the attributes
    local value = value_of(('[{"a":'):rep(30) .. "[true,false,null]" .. ("}]"):rep(30))
    for _ = 1, 30 do value = value[1].a end
    assert.same({ true, false, marketplace.null }, value)
  end)

  it("are read from the notification's own body, whatever a callback writes into other fields", function()
    local n = parsed(body)
    n.app_id, n.mine = "changed", "mine"
    assert.equal("1", n.attributes.appId)
    assert.equal("mine", n.mine)
  end)

  it("are none of a body that a callback spoiled", function()
    local n = parsed(body)
    n.body = "not JSON"
    assert.is_nil(n.attributes)
  end)

  it("are in to_table, which cjson encodes and pairs walks, on every Lua", function()
    local seen = {}
    for name in pairs(marketplace.to_table(parsed(body))) do seen[name] = true end
    assert.is_true(seen.attributes and seen.relationships and seen.body and seen.app_id)
    local again = cjson.decode(cjson.encode(marketplace.to_table(parsed(body))))
    assert.equal("1", again.attributes.appId)
    assert.equal("6740012345", again.relationships.marketplaceApp.data.id)
  end)

  if _VERSION ~= "Lua 5.1" then
    it("are in pairs", function()
      local seen = {}
      for name in pairs(parsed(body)) do seen[name] = true end
      assert.is_true(seen.attributes and seen.relationships)
    end)
  end
end)

describe("a notification", function()
  it("has its generation by its type's name, however that is written", function()
    assert.equal(1, parsed('{"data":{"type":"\\u0041ppUnavailable","id":"a","attributes":{"appId":"1"}}}').generation)
    assert.equal(2, parsed('{"data":{"type":"webhookPing\\u0043reated","id":"a"}}').generation)
    assert.equal(1, parsed('{"data":{"type":"Unknown","id":"a"}}').generation)
  end)

  it("of a type that nothing depends on has no lists that are none of strings", function()
    local n = parsed('{"data":{"type":"buildUploadStateUpdated","id":"a","attributes":{"territories":[1,{}]}}}')
    assert.is_nil(n.territories)
    assert.same({ 1, {} }, n.attributes.territories)
    assert.same({ "FRA" },
      parsed('{"data":{"type":"some","id":"a","attributes":{"territories":["FRA"]}}}').territories)
  end)

  it("is asked for by to_table", function()
    local ok, problem = pcall(marketplace.to_table)
    assert.is_false(ok)
    assert.matches("marketplace.to_table: a notification is expected, not a nil", problem)
  end)
end)
