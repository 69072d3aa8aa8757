local availability = require "marketplace.packages.store.availability"
local folder = require "marketplace.packages.folder"
local shell = require "support.shell"
local store = require "marketplace.packages.store"

-- Each says what has come, and where the version may be distributed then. "app 5 -" : at 5, the app is unavailable
-- everywhere; "app 5 + FRA DEU": at 5, it is available in France and Germany. "item" is the app by its other id.
local CASES = {
  { "nothing is known", {}, "*" },
  -- one takedown
  { "an app is taken down", { "app 5 -" }, "" },
  { "an app is taken down by its other id", { "item 5 -" }, "" },
  { "a package is taken down", { "package 5 -" }, "" },
  { "a version is taken down", { "version 5 -" }, "" },
  { "another app is taken down", { "other 5 -" }, "*" },
  { "an app is taken down in one territory", { "app 5 - FRA" }, "* -FRA" },
  { "an app is taken down in two", { "app 5 - FRA DEU" }, "* -FRA -DEU" },
  { "a package is taken down in one territory", { "package 5 - FRA" }, "* -FRA" },
  { "a version is taken down in one territory", { "version 5 - FRA" }, "* -FRA" },
  { "an app is taken down in no territory", { "app 5 - none" }, "*" },
  -- and a restore
  { "an app is restored later", { "app 5 -", "app 6 +" }, "*" },
  { "an app was restored earlier", { "app 5 -", "app 4 +" }, "" },
  { "a restore has the takedown's time", { "app 5 -", "app 5 +" }, "" },
  { "an app is restored by its other id", { "app 5 -", "item 6 +" }, "*" },
  { "an app was restored earlier by its other id", { "app 5 -", "item 4 +" }, "" },
  { "a package is restored later", { "package 5 -", "package 6 +" }, "*" },
  { "a package was restored earlier", { "package 5 -", "package 4 +" }, "" },
  { "a version is restored later", { "version 5 -", "version 6 +" }, "*" },
  { "another app is restored", { "app 5 -", "other 6 +" }, "" },
  { "an app is restored in no territory", { "app 5 -", "app 6 + none" }, "" },
  { "an app is taken down again", { "app 5 -", "app 6 +", "app 7 -" }, "" },
  { "an app is restored again", { "app 5 -", "app 6 +", "app 7 -", "app 8 +" }, "*" },
  -- one thing, and what is within it
  { "a restored app does not bring back a package", { "package 5 -", "app 6 +" }, "" },
  { "a restored package does not bring back its app", { "app 5 -", "package 6 +" }, "" },
  { "a restored package does not bring back a version", { "version 5 -", "package 6 +" }, "" },
  { "both are taken down, and one is restored", { "app 5 -", "package 5 -", "app 6 +" }, "" },
  { "both are taken down, and both are restored", { "app 5 -", "package 5 -", "app 6 +", "package 7 +" }, "*" },
  -- territories
  { "a territory is restored later", { "app 5 - FRA", "app 6 + FRA" }, "* FRA" },
  { "a territory was restored earlier", { "app 5 - FRA", "app 4 + FRA" }, "* -FRA" },
  { "another territory is restored", { "app 5 - FRA", "app 6 + DEU" }, "* -FRA DEU" },
  { "one of two is restored", { "app 5 - FRA DEU", "app 6 + DEU" }, "* -FRA DEU" },
  { "all is restored after a territory", { "app 5 - FRA", "app 6 +" }, "* FRA" },
  { "all was restored before a territory", { "app 5 - FRA", "app 4 +" }, "* -FRA" },
  { "all is taken down after a territory was restored", { "app 5 + FRA", "app 6 -" }, "-FRA" },
  { "all is taken down, then a territory is restored", { "app 5 -", "app 6 + FRA" }, "FRA" },
  { "all is taken down, after a territory's restore of before", { "app 5 -", "app 4 + FRA" }, "-FRA" },
  { "all is taken down, a territory restored and taken down", { "app 5 -", "app 6 + FRA", "app 7 - FRA" }, "-FRA" },
  { "a territory comes back, and then the rest", { "app 5 -", "app 6 + FRA", "app 7 +" }, "* FRA" },
  { "a territory of the app, another of the package", { "app 5 - FRA", "package 5 - DEU" }, "* -FRA -DEU" },
  { "a territory of both, of which one is restored", { "app 5 - FRA", "package 5 - FRA", "app 6 + FRA" }, "* -FRA" },
  { "the app is back in one, the package in another", { "app 5 -", "package 5 -", "app 6 + FRA", "package 6 + DEU" },
    "-FRA -DEU" },
  { "the app and the package are back in one", { "app 5 -", "package 5 -", "app 6 + FRA", "package 6 + FRA" }, "FRA" },
  { "a territory is named twice", { "app 5 - FRA FRA" }, "* -FRA" },
  -- a version that becomes available
  { "a version becomes available", { "version 5 +" }, "*" },
  { "a version becomes available after its app's takedown", { "app 5 -", "version 6 +" }, "*" },
  { "a version became available before its app's takedown", { "app 5 -", "version 4 +" }, "" },
  { "a version became available at the time of its app's takedown", { "app 5 -", "version 5 +" }, "" },
  { "a version becomes available after its package's takedown", { "package 5 -", "version 6 +" }, "*" },
  { "a version became available before its package's takedown", { "package 5 -", "version 4 +" }, "" },
  { "a version becomes available between both takedowns", { "app 5 -", "version 6 +", "package 7 -" }, "" },
  { "a version becomes available after both takedowns", { "app 5 -", "package 6 -", "version 7 +" }, "*" },
  { "a version does not bring a territory back", { "app 5 - FRA", "version 6 +" }, "* -FRA" },
  { "a version brings back all but a territory", { "app 5 -", "app 5 - FRA", "version 6 +" }, "* -FRA" },
  { "a territory that was back stays back", { "app 5 -", "app 6 + FRA", "version 7 +" }, "* FRA" },
  -- a folder that was found withdrawn
  { "a folder was found withdrawn", { "folder 5 -" }, "" },
  { "its version became available before", { "folder 5 -", "version 4 +" }, "" },
  { "its version becomes available after", { "folder 5 -", "version 6 +" }, "*" },
  { "its app is restored after", { "folder 5 -", "app 6 +" }, "*" },
  { "its package is restored after", { "folder 5 -", "package 6 +" }, "*" },
  { "another app is restored after", { "folder 5 -", "other 6 +" }, "" },
  { "its app is restored after, but its package is taken down", { "folder 5 -", "app 6 +", "package 4 -" }, "" },
}

local function orders(list)
  if #list <= 1 then return { list } end
  local found = {}
  for i, first in ipairs(list) do
    local rest = {}
    for j, other in ipairs(list) do
      if j ~= i then rest[#rest + 1] = other end
    end
    for _, order in ipairs(orders(rest)) do
      table.insert(order, 1, first)
      found[#found + 1] = order
    end
  end
  return found
end

local function event_of(line, ids)
  local scope, at, sign, rest = line:match "^(%l+) (%d+) ([+-]) ?(.*)$"
  local territories
  for word in rest:gmatch "%S+" do
    territories = territories or {}
    if word ~= "none" then territories[#territories + 1] = word end
  end
  return {
    scope = (scope == "item" or scope == "other") and "app" or scope, id = ids[scope], at = tonumber(at),
    available = sign == "+", territories = territories,
  }
end

local function expected_of(words)
  local territories = { ["*"] = false }
  for word in words:gmatch "%S+" do territories[word:gsub("^%-", "")] = word:sub(1, 1) ~= "-" end
  return territories
end

describe("whether a package version is available", function()
  local root, opened

  setup(function()
    root = shell.run "mktemp -d"
    shell.run("mkdir " .. root .. "/state")
    opened = assert(store.open { folder = folder.new(root), clock = function() return 100 end })
  end)

  teardown(function()
    opened:close()
    shell.run("rm -rf " .. root)
  end)

  local number = 0

  -- Ids that no other case has.
  local function new_ids()
    number = number + 1
    local ids = {}
    for _, scope in ipairs { "app", "item", "package", "version", "other" } do ids[scope] = scope .. number end
    ids.folder = ids.version
    return ids
  end

  local function check(lines, expected, again)
    local ids = new_ids()
    local about = { app = ids.app, item_id = ids.item, package = ids.package, id = ids.version }
    assert(opened:transact(function(link, now)
      for _, line in ipairs(lines) do
        for _ = 1, again and 2 or 1 do availability.record(link, event_of(line, ids), now) end
      end
      return true
    end))
    local territories = expected_of(expected)
    local shown = table.concat(lines, ", ")
    assert.same(territories, assert(opened:territories(about)), shown)
    local anywhere = false
    for _, is_there in pairs(territories) do anywhere = anywhere or is_there end
    local is_available, event = opened:is_available(about)
    assert.equal(anywhere, is_available, shown)
    assert.equal(anywhere, event == nil, shown)
    assert.equal(anywhere, opened:refusal(about) == false)
  end

  for _, case in ipairs(CASES) do
    it("is the same in each order: " .. case[1], function()
      for _, order in ipairs(orders(case[2])) do check(order, case[3]) end
      check(case[2], case[3], true)
    end)
  end

  local function said(more)
    local event = { scope = "app", id = "app" .. number, available = false, at = 5 }
    for name, value in pairs(more) do event[name] = value end
    return event
  end

  it("says what has changed, and what was known better", function()
    new_ids()
    local function outcome(more)
      local found = assert(opened:availability(said(more)))
      return { found.changed, found.older }
    end
    assert.same({ { "FRA", "DEU" }, {} }, outcome { territories = { "FRA", "DEU" } })
    assert.same({ { "ITA" }, { "FRA" } }, outcome { territories = { "FRA", "ITA" }, at = 4 })
    assert.same({ { "FRA", "ITA" }, {} }, outcome { territories = { "FRA", "ITA" }, at = 6, available = true })
    assert.same({ {}, {} }, outcome { territories = {} })
    assert.same({ { "*" }, {} }, outcome {})
    assert.same({ {}, { "*" } }, outcome {})
  end)

  it("takes a takedown without a time for the newest, and a restore without one for the oldest", function()
    new_ids()
    local about = { app = "app" .. number }
    assert(opened:availability { scope = "app", id = about.app, available = true, at = 99 })
    assert(opened:availability { scope = "app", id = about.app, available = false, event = "notification" })
    assert.is_false((opened:is_available(about)))
    assert(opened:availability { scope = "app", id = about.app, available = true, event = "notification" })
    assert.is_false((opened:is_available(about)))
  end)

  it("takes what an operator says for now", function()
    new_ids()
    local about = { app = "app" .. number }
    assert(opened:availability { scope = "app", id = about.app, available = false, at = 99 })
    assert(opened:availability { scope = "app", id = about.app, available = true })
    assert.is_true((opened:is_available(about)))
  end)

  it("is asked of ids alone that could be ids", function()
    for _, id in ipairs { "", "../x", "a b", ("1"):rep(200) } do
      local none, message, code = opened:availability { scope = "app", id = id, available = false }
      assert.same({ nil, "id_invalid" }, { none, code })
      assert.matches("is no id of an app: ", message, 1, true)
    end
    assert.error_matches(function() opened:availability { scope = "country", id = "1", available = false } end,
      "scope must be app, package or version")
  end)

  it("is not what the operator holds", function()
    new_ids()
    for _, scope in ipairs { "app", "item", "package", "version" } do
      local ids = new_ids()
      local about = { app = ids.app, item_id = ids.item, package = ids.package, id = ids.version }
      local hold = { scope = scope == "item" and "app" or scope, id = ids[scope], reason = "a lawyer's letter" }
      assert(opened:hold(hold))
      assert(opened:availability { scope = hold.scope, id = hold.id, available = true, at = 1000 })
      local refusal = opened:refusal(about)
      assert.same({ "held", "a lawyer's letter" }, { refusal.why, refusal.by.reason })
      assert.is_true((opened:is_available(about)))
      assert.is_true(opened:release(hold).was_held)
      assert.is_false(opened:release(hold).was_held)
      assert.is_false(opened:refusal(about))
    end
  end)
end)
