-- The core's reader beside lua-cjson on generated documents: what the core accepts, cjson reads to the same value.
local cjson = require "cjson"
local marketplace = require "marketplace"

-- A generator of its own, so that every Lua sees the same documents: Park and Miller's.
local state
local function random(n)
  state = state * 16807 % 2147483647
  return state % n + 1
end

local function pick(list) return list[random(#list)] end

local SPACE = { "", "", "", " ", "\n", "\t", "\r\n  " }
local PIECES = {
  "a", "Zz9", " ", "é", "€", "𝄞", "\\n", "\\\\", "\\\"", "\\/", "/", "\\u0041", "\\u00e9", "\\ud834\\udd1e", "\\u0000",
  "\\b\\f\\r\\t", "plain text of some length",
}
local NUMBERS = {
  "0", "-0", "1", "-17", "0.5", "-2.25", "1e3", "1E-2", "6.02e+23", "1e-400", "9007199254740991", "123456789",
}

local function text()
  local parts = {}
  for i = 1, random(5) - 1 do parts[i] = pick(PIECES) end
  return '"' .. table.concat(parts) .. '"'
end

local value

local function list_of(open, close, element)
  local parts = {}
  for i = 1, random(5) - 1 do parts[i] = pick(SPACE) .. element(i) .. pick(SPACE) end
  return open .. pick(SPACE) .. table.concat(parts, ",") .. close
end

function value(depth)
  local kind = random(depth > 6 and 4 or 6)
  if kind == 1 then return text() end
  if kind == 2 then return pick(NUMBERS) end
  if kind == 3 then return pick { "true", "false", "null" } end
  if kind == 4 then return text() end
  if kind == 5 then return list_of("[", "]", function() return value(depth + 1) end) end
  return list_of("{", "}", function(i)
    return ('"%d%s:%s%s'):format(i, text():sub(2), pick(SPACE), value(depth + 1))
  end)
end

local function document()
  return ('{"data":{"type":"Generated","attributes":{"it":%s}}}'):format(value(1))
end

local function mutated(json)
  local at = random(#json)
  local kind = random(4)
  if kind == 1 then return json:sub(1, at - 1) .. json:sub(at + 1) end
  if kind == 2 then return json:sub(1, at) .. string.char(random(256) - 1) .. json:sub(at + 1) end
  if kind == 3 then return json:sub(1, at - 1) .. string.char(random(256) - 1) .. json:sub(at + 1) end
  return json:sub(1, at)
end

local function same(a, b)
  -- cjson knows no integers: past 2^53 it rounds where the core does not
  if type(a) == "number" and type(b) == "number" then return a + 0.0 == b + 0.0 end
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for name, member in pairs(a) do
    if not same(member, b[name]) then return false end
  end
  for name in pairs(b) do
    if a[name] == nil then return false end
  end
  return true
end

local function compare(json)
  local n = marketplace.parse(json)
  if not n then return false end
  local ok, decoded = pcall(cjson.decode, json)
  assert.is_true(ok, "cjson refuses what the core accepts: " .. json)
  assert.is_true(same(n.attributes, decoded.data.attributes), json)
  return true
end

describe("the core's JSON reader and lua-cjson", function()
  before_each(function() state = 20261124 end)

  it("read 3,000 generated documents to the same values", function()
    for _ = 1, 3000 do
      local json = document()
      assert.is_true(compare(json), json)
    end
  end)

  it("agree on what is left of 20,000 damaged ones that the core still accepts", function()
    local accepted = 0
    for _ = 1, 20000 do
      if compare(mutated(document())) then accepted = accepted + 1 end
    end
    assert.is_true(accepted > 1000 and accepted < 19000, accepted .. " were accepted")
  end)
end)
