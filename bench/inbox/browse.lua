-- How long each call of an operator's page takes in an inbox of many: browse.lua URL [COUNT]
-- COUNT makes that many first, of 10,000 apps, of which one has a fifth of all: most are done, one in fifty is dead,
-- and the last hundredth is ready. Milliseconds: the median and the worst of some calls, the first one included.
local core = require "marketplace.core"
local marketplace = require "marketplace"

local APPS, ROUNDS = 10000, 11
local URL, COUNT = arg[1], tonumber(arg[2])

-- In terms of `n`, the number of a row.
local COLUMNS = {
  id = "'n' || n", digest = "'d' || n", verified_by = "'0123456789ab'", type = "'AppUnavailable'",
  event = "CASE WHEN n %% 100 = 7 THEN 'version_available' ELSE 'app_unavailable' END",
  app_id = "CASE WHEN n %% 5 = 0 THEN 'hot' ELSE 'app ' || (n * 7919 %% 9999) END",
  time = "1.7e9 + n", received_at = "1.7e9 + n", at = "1.7e9 + n", set_at = "1.7e9 + n",
  state = "CASE WHEN n > %d THEN 'ready' WHEN n %% 50 = 1 THEN 'dead' ELSE 'done' END",
  code = "CASE WHEN n <= %d AND n %% 50 = 1 THEN CASE WHEN n %% 100 = 1 THEN 'failed' ELSE 'no_callback' END END",
  attempt = "1",
}

local ENGINES = {
  sqlite = {
    more = { seq = "n", hash = "hash('n' || n)", leads = "CASE WHEN n > %d THEN NULL ELSE -1 END" },
    from = "WITH RECURSIVE rows (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM rows WHERE n < %d) ", table = "rows",
    after = {
      "INSERT INTO bodies SELECT seq, printf('{\"data\":{\"id\":\"%%s\",\"more\":\"%%500s\"}}', id, '') FROM inbox",
    },
  },
  postgres = {
    more = {
      key = "'n' || n", lane = "CASE WHEN n %% 5 = 0 THEN 'hot' ELSE 'app ' || (n * 7919 %% 9999) END",
      leads = "false", body = "convert_to(repeat(' ', 500), 'UTF8')",
    },
    from = "", table = "generate_series(1::bigint, %d) AS n",
    after = {
      "UPDATE inbox SET leads = true WHERE seq IN (SELECT min(seq) FROM inbox WHERE state = 'ready' GROUP BY lane)",
    },
  },
}

local function fill_by_statement(box, engine, ready_from)
  local names, values = {}, {}
  for _, columns in ipairs { COLUMNS, engine.more } do
    for name, value in pairs(columns) do
      names[#names + 1], values[#values + 1] = name, value:format(ready_from)
    end
  end
  assert(box:transact(function(link)
    link:run(engine.from:format(COUNT) .. "INSERT INTO inbox (" .. table.concat(names, ", ") .. ") SELECT " ..
      table.concat(values, ", ") .. " FROM " .. engine.table:format(COUNT))
    for _, statement in ipairs(engine.after) do link:run(statement:format()) end
    return true
  end))
end

local function record(n)
  return {
    key = "n" .. n, digest = "d" .. n, type = "AppUnavailable", verified_by = "0123456789ab",
    time = core.now() + n / 1e6, event = n % 100 == 7 and "version_available" or "app_unavailable",
    app_id = n % 5 == 0 and "hot" or "app " .. n * 7919 % (APPS - 1), body = (" "):rep(500),
  }
end

local function finish_all(box)
  repeat
    local claimed = assert(box:claim(1000, 600))
    for _, item in ipairs(claimed) do
      local n = tonumber(item.id:sub(2))
      item.state = n % 50 == 1 and "dead" or "done"
      item.code = n % 100 == 1 and "failed" or "no_callback"
    end
    assert(box:finish(claimed))
  until #claimed == 0
end

local function fill_by_calls(box, ready_from)
  for first = 1, COUNT, 500 do
    local records = {}
    for n = first, math.min(COUNT, first + 499) do records[#records + 1] = record(n) end
    assert(box:put(records))
    if first + 499 <= ready_from and first % 5000 == 1 then finish_all(box) end
    if first + 500 > ready_from and first <= ready_from then finish_all(box) end
  end
end

local function fill(box)
  local engine = ENGINES[URL:match "^%a+"]
  local ready_from = COUNT - math.floor(COUNT / 100)
  local started = core.monotonic()
  if engine then fill_by_statement(box, engine, ready_from) else fill_by_calls(box, ready_from) end
  print(("made %d in %.0f s"):format(COUNT, core.monotonic() - started))
end

local function measure(name, call)
  local times, found, second = {}, nil, nil
  for i = 1, ROUNDS do
    local started = core.monotonic()
    found, second = call()
    times[i] = (core.monotonic() - started) * 1e3
    assert(found, second)
  end
  table.sort(times)
  print(("%-52s %8.2f %8.2f ms   %s, %s"):format(name, times[math.ceil(ROUNDS / 2)], times[ROUNDS],
    type(found) == "table" and #found or tostring(found), tostring(second)))
end

local function words(filter)
  local list = {}
  for name, value in pairs(filter) do list[#list + 1] = name .. "=" .. tostring(value) end
  table.sort(list)
  return table.concat(list, " ")
end

local PAGES = {
  { newest = true }, { newest = false }, { state = "done", newest = true }, { state = "ready", newest = true },
  { state = "ready" }, { state = "leased" }, { state = "dead", newest = true }, { code = "failed" },
  { app_id = "hot", newest = true }, { app_id = "app 7", newest = true }, { app_id = "none" },
  { app_id = "app 7", state = "dead" }, { event = "version_available", newest = true },
  { event = "none", newest = true },
  { event = "none", state = "dead" }, { event = "none" }, { id = "n5000" }, { type = "none", newest = true },
  { received_before = 0, newest = true }, { verified_by = "none" },
}

local box = assert(marketplace.inbox(URL, { durability = "relaxed", timeout = COUNT and 3600 }))
if COUNT then fill(box) end
print(("%-52s %8s %8s"):format("call", "median", "worst"))
for _, page in ipairs(PAGES) do
  page.limit, page.examine = 50, 5000
  measure("list " .. words(page), function() return box:list(page) end)
end
measure("get", function() return box:get "n5000" end)
for _, filter in ipairs {
  {}, { state = "dead" }, { state = "dead", code = "failed" }, { state = "done" }, { state = "ready" },
  { app_id = "hot" }, { app_id = "app 7" }, { event = "none" },
} do
  measure("count " .. words(filter), function() return box:count(filter, 10000) end)
end
for _, limit in ipairs { 20, 100, 1000 } do
  measure("apps limit=" .. limit, function() return box:apps { limit = limit } end)
end
measure("counts", function() return box:counts() end)
measure("backlog", function() return box:backlog() end)
box:close()
