-- Every function of the C modules, and of the module, is in a scenario in which each of its allocations fails.
local core = require "marketplace.core"
local http_server = require "marketplace.http_server"
local marketplace = require "marketplace"
local package_io = require "marketplace.package_io"
local postgres = require "marketplace.postgres"
local redis = require "marketplace.redis"
local shell = require "support.shell"
local sqlite = require "marketplace.sqlite"

local NOT_COVERED = {
  -- reads the whole of an account at App Store Connect: what it is made of is in scenarios of its own
  ["marketplace.reconcile"] = true,
  -- keeps its jobs in SQLite: what it is made of is in scenarios of its own
  ["marketplace.packages"] = true,
  -- allocates nothing of Lua's, and libtasn1, by which GnuTLS reads certificates, crashes if the system has no memory
  ["http_server:set_certificate"] = true,
}

local CLASSES = {
  ["marketplace.command"] = "command", ["marketplace.envelope_key"] = "envelope_key",
  ["marketplace.es256"] = "es256", ["marketplace.hash"] = "hash", ["marketplace.lock"] = "lock",
  ["marketplace.log_writer"] = "log_writer",
  ["marketplace.keyring"] = "keyring", ["marketplace.http_exchange"] = "http_exchange",
  ["marketplace.http_server"] = "http_server", ["marketplace.http_sink"] = "package_io.sink",
  ["marketplace.package_check"] = "package_io.check",
  ["marketplace.postgres"] = "postgres", ["marketplace.redis"] = "redis", ["marketplace.redis.reader"] = "redis.reader",
  ["marketplace.sqlite"] = "sqlite", ["marketplace.sqlite.holder"] = "sqlite.holder",
}

local function scenarios()
  local found = {}
  for name in shell.run "ls spec/torture/scenarios":gmatch "(%S+)%.lua" do
    for _, scenario in ipairs(require("torture.scenarios." .. name)) do
      for _, covered in ipairs(scenario.covers) do found[covered] = true end
    end
  end
  return found
end

local function add_functions(names, prefix, functions)
  for name, value in pairs(functions) do
    if type(value) == "function" then names[prefix .. name] = true end
  end
end

local function public_names()
  local names = {}
  add_functions(names, "core.", core)
  add_functions(names, "http_server.", http_server)
  add_functions(names, "package_io.", package_io)
  add_functions(names, "postgres.", postgres)
  add_functions(names, "redis.", redis)
  add_functions(names, "sqlite.", sqlite)
  add_functions(names, "marketplace.", marketplace)
  for class, prefix in pairs(CLASSES) do
    add_functions(names, prefix .. ":", assert(debug.getregistry()[class], class).__index)
  end
  return names
end

describe("the torture of allocations", function()
  it("has every public function in a scenario", function()
    local covered, missing = scenarios(), {}
    for name in pairs(public_names()) do
      if not covered[name] and not NOT_COVERED[name] then missing[#missing + 1] = name end
    end
    table.sort(missing)
    assert.same({}, missing)
  end)

  it("knows every class that has methods", function()
    local unknown = {}
    for name, value in pairs(debug.getregistry()) do
      if type(name) == "string" and name:find "^marketplace%." and type(value) == "table" and
        type(rawget(value, "__index")) == "table" and not CLASSES[name] then
        unknown[#unknown + 1] = name
      end
    end
    assert.same({}, unknown)
  end)
end)
