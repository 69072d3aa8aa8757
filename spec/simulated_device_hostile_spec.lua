-- The simulated device, against documents in which anything may stand anywhere: it says what is wrong, and raises
-- nothing.
local json = require "marketplace.json"
local phone = require "support.phone"

local ROUNDS = 400

-- The same numbers on every Lua.
local seed = 1
local function random(most)
  seed = seed * 16807 % 2147483647
  return seed % most + 1
end

local function copied(value)
  if type(value) ~= "table" then return value end
  local copy = setmetatable({}, getmetatable(value))
  for name, member in pairs(value) do copy[name] = copied(member) end
  return copy
end

local VALUES = {
  json.null, true, false, 0, -1, 1.5, 1e300, "", "x", "1", ("9"):rep(500), "\0\27\255", "https://market.example/x",
  "http://market.example", {}, json.list {}, json.list { 1 }, { a = 1 }, json.list { {} }, { { { {} } } },
}

local function sorted_names(object)
  local names = {}
  for name in pairs(object) do names[#names + 1] = name end
  table.sort(names, function(one, other) return tostring(one) < tostring(other) end)
  return names
end

local function change(object)
  local names = sorted_names(object)
  if #names == 0 then return end
  local name = names[random(#names)]
  if type(object[name]) == "table" and random(5) > 1 then return change(object[name]) end
  local place = random(#VALUES + 1)
  if VALUES[place] ~= nil then
    object[name] = copied(VALUES[place])
  elseif type(name) == "number" then
    table.remove(object, name)
  else
    object[name] = nil
  end
end

local function spoilt(document)
  local copy = copied(document)
  for _ = 1, random(3) do change(copy) end
  return json.encode(copy)
end

local DOCUMENTS = {
  function(m) m.answers["/.well-known/marketplace-kit"] = spoilt(m.known) end,
  function(m) m.answers["/device/updates"] = spoilt { updates = { m:offer "2" }, failures = { m.failure(404) } } end,
  function(m) m.answers["/device/restore"] = spoilt { restores = { m:offer "1" }, failures = { m.failure(404) } } end,
  function(m) m:save(spoilt(m.two), "2") end,
  function(m) m:save(spoilt(m.one), "1") end,
  function(m) m.answers["/device/install"] = spoilt(m:offer "1") end,
}

describe("a simulated device", function()
  it("says what is wrong, whatever a server sends", function()
    local found = {}
    for round = 1, ROUNDS do
      local fixture = phone.new()
      local device = fixture:installed()
      DOCUMENTS[round % #DOCUMENTS + 1](fixture.market)
      for _, name in ipairs { "update", "restore", "remove", "install" } do
        local given = name == "remove" and phone.APP or name == "install" and { app = phone.APP } or nil
        local report, message, code = device[name](device, given)
        found[code or report.apps[1].error or report.apps[1].outcome] = true
        assert.is_string(json.encode(report or { message = message }))
      end
    end
    for _, name in ipairs { "updated", "restored", "installed", "invalidManifest", "invalidURL", "unknown" } do
      assert.is_true(found[name], name)
    end
  end)
end)
