-- Brings about faults of PostgreSQL and Redis while `marketplace serve` receives, and prints what became of what
-- arrived: faults.lua [NAME,…] [ENGINE,…], default all. It is a table in Markdown, then what the log said of each, then
-- what must not be; if anything is, the status is 1.
local core = require "marketplace.core"
local faults = require "support.faults"

local ENGINES = { "postgres", "redis" }

local SHOWN = { postgres = "PostgreSQL", redis = "Redis" }

local function set_of(words)
  if not words or words == "" then return nil end
  local set = {}
  for word in words:gmatch "[^,%s]+" do set[word] = true end
  return set
end

-- What was asked for must be known, lest a misspelt name tries nothing.
local function check_known(asked, known, what)
  for name in pairs(asked or {}) do
    if not known[name] then
      local names = {}
      for each in pairs(known) do names[#names + 1] = each end
      table.sort(names)
      io.stderr:write(("faults: there is no %s %s, but: %s\n"):format(what, name, table.concat(names, " ")))
      os.exit(2)
    end
  end
end

local function chosen(names, engines)
  local list, known = {}, {}
  for _, engine in ipairs(ENGINES) do
    for _, fault in ipairs(require("support.faults." .. engine)) do
      known[fault.name] = true
      local is_chosen = (not names or names[fault.name]) and (not engines or engines[engine])
      if is_chosen then list[#list + 1] = fault end
    end
  end
  check_known(names, known, "fault")
  check_known(engines, SHOWN, "engine")
  return list
end

local function answered(counts)
  local words = {}
  for status, count in pairs(counts) do words[#words + 1] = ("%d × %s"):format(count, status) end
  table.sort(words)
  return #words > 0 and table.concat(words, ", ") or "nothing"
end

local HEAD = "| fault | engine | lasted, s | answered meanwhile | slowest answer, s | slowest `/healthz`, s " ..
  "| longest silence, s | acknowledged | lost | out of order | ran twice | first 200 after, s | noise, s |\n" ..
  "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"

local function row_of(figures)
  return ("| %s | %s | %.1f | %s | %.2f | %.2f | %.2f | %d | %d | %d | %d | %.2f | %.2f |"):format(figures.title,
    SHOWN[figures.engine], figures.seconds, answered(figures.answered), figures.slowest, figures.slowest_health,
    figures.silence, figures.acknowledged, figures.lost, figures.disorder, figures.again, figures.back, figures.late)
end

local function print_list(title, list)
  if #list == 0 then return end
  print("\n" .. title .. "\n")
  for _, line in ipairs(list) do print("- " .. line) end
end

io.stdout:setvbuf "line"
local started, said, problems = core.monotonic(), {}, {}
local list = chosen(set_of(arg[1]), set_of(arg[2]))
print(HEAD)
for _, fault in ipairs(list) do
  local ok, figures = pcall(faults.run, fault, { keep = os.getenv "KEEP" ~= nil })
  local place = ("%s, %s: "):format(fault.name, SHOWN[fault.engine])
  if ok then
    print(row_of(figures))
    for _, reason in ipairs(figures.reasons) do said[#said + 1] = place .. reason end
    for _, problem in ipairs(faults.problems(figures)) do problems[#problems + 1] = place .. problem end
  else
    print(("| %s | %s | %s |"):format(fault.title, SHOWN[fault.engine], "failed"))
    problems[#problems + 1] = place .. figures
  end
end
print_list("What the log said:", said)
print_list("What must not be:", problems)
print(("\n%.0f s. An answer may take %g s, and %g s and the noise more: how late the sender itself was at most.")
  :format(core.monotonic() - started, faults.DEADLINE, faults.ALLOWANCE))
os.exit(#problems == 0 and 0 or 1)
