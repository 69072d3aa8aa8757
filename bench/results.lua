--- From the lines that bench/results.sh writes to the table in RESULTS.md, and from that to the figures of
--- docs/comparison.md.
local results = {}

local TABLE_HEAD = [[
| what | this project | beside | the peer | times as fast |
| --- | ---: | --- | ---: | ---: |
]]

local FIGURES_HEAD = [[
[All of it](../bench/RESULTS.md), with the machine and the versions; of it:

| what | beside | times as fast |
| --- | --- | ---: |
]]

local BLOCK_BEGIN, BLOCK_END = "<!-- figures: `make bench` writes them -->\n", "<!-- end of the figures -->\n"

-- What the page shows: beginnings of what was measured, each with all of its peers.
local SHOWN = {
  "verify + parse + callback, 567 bytes, luajit",
  "receive, store in memory, run a callback, 32 connections, luajit",
  "acknowledge on disk:",
  "nginx, one worker on one core, 32 connections: verified,",
  "one call of the client, the simulator over HTTPS, luajit",
}

local function fields_of(line)
  local fields = {}
  for field in (line .. "\t"):gmatch "(.-)\t" do fields[#fields + 1] = field end
  return fields
end

-- Median, low and high, as written; raises where they are not numbers above 0 in order: a column that is not there
-- counts as 0 in a shell.
local function spread_of(fields, from, line)
  local median, low, high = tonumber(fields[from]), tonumber(fields[from + 1]), tonumber(fields[from + 2])
  if #fields ~= 7 or not (median and low and high and 0 < low and low <= median and median <= high) then
    error("not a line of results: " .. line, 0)
  end
  return ("%s (%s to %s)"):format(fields[from], fields[from + 1], fields[from + 2])
end

--- The table, a row for each ratio, in their order.
---@param lines fun(): string|nil an iterator, as io.lines gives it
---@return string markdown; raises where a line is none of results, or a ratio has nothing that it was made of
function results.to_table(lines)
  local measured, rows = {}, {}
  for line in lines do
    local fields = fields_of(line)
    local what, who = fields[2], fields[3]
    if fields[1] == "result" then
      measured[what .. "\t" .. who] = spread_of(fields, 4, line) .. " " .. fields[7]
    elseif fields[1] == "ratio" then
      local peer, ratio = fields[4], spread_of(fields, 5, line)
      local ours, theirs = measured[what .. "\t" .. who], measured[what .. "\t" .. peer]
      if not (ours and theirs) then error("a ratio of what was not measured: " .. line, 0) end
      rows[#rows + 1] = ("| %s | %s | %s | %s | %s |\n"):format(what, ours, peer, theirs, ratio)
    else
      error("not a line of results: " .. line, 0)
    end
  end
  if #rows == 0 then error("nothing was measured", 0) end
  return TABLE_HEAD .. table.concat(rows)
end

--- The figures of docs/comparison.md, from RESULTS.md.
---@param text string of RESULTS.md
---@return string markdown; raises where something that the page shows is not there
function results.to_figures(text)
  local rows = {}
  for _, beginning in ipairs(SHOWN) do
    local before = #rows
    for what, peer, ratio in text:gmatch "\n| ([^|\n]+) | [^|\n]+ | ([^|\n]+) | [^|\n]+ | ([^|\n]+) |" do
      if what:sub(1, #beginning) == beginning then
        rows[#rows + 1] = ("| %s | %s | %s |\n"):format(what, peer, ratio)
      end
    end
    if #rows == before then error("not in the results: " .. beginning, 0) end
  end
  return FIGURES_HEAD .. table.concat(rows)
end

local function block(page)
  local _, begins = page:find(BLOCK_BEGIN, 1, true)
  local ends = begins and page:find(BLOCK_END, begins + 1, true)
  if not ends then error("the page has no place for figures", 0) end
  return begins, ends
end

--- What the page has of them now; "" where nothing was measured yet.
---@param page string
---@return string
function results.shown(page)
  local begins, ends = block(page)
  return page:sub(begins + 1, ends - 1)
end

--- The page with these figures in place of those that it has.
---@param page string
---@param figures string
---@return string
function results.with_figures(page, figures)
  local begins, ends = block(page)
  return page:sub(1, begins) .. figures .. page:sub(ends)
end

return results
