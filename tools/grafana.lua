-- grafana.lua FOLDER: writes FOLDER/deploy/grafana/marketplace.json, a dashboard of every metric that the operating
-- guide lists. What a metric is called, and its kind, say how it is drawn.
local FOLDER = arg[1]

-- A row of the dashboard, and patterns of the names after "marketplace_" that belong into it: the first that fits.
local ROWS = {
  { "Inbox", "^inbox_" },
  { "Receiving", "^requests_", "^verified_", "^commit_", "^connections", "^tls_" },
  { "Callbacks", "^runs_", "^callback_", "^forwards_" },
  { "Packages", "^packages_" },
  { "Devices", "^device_", "^responders_" },
  { "Spotlight", "^spotlight_" },
  { "Dashboard", "^dashboard_" },
  { "Log", "^log_" },
  { "Other", "" },
}
-- What all processes that share an inbox, or a folder, show alike; of other gauges each process has its own.
local SHARED = { "^inbox_", "^packages_" }
local RATE = "[$__rate_interval]"
local COLUMNS, PANEL_WIDTH, PANEL_HEIGHT = 24, 8, 8

--[[ JSON, with members in a stable order ]]

local encode

local function quoted(text)
  return '"' .. text:gsub('[\\"]', "\\%0"):gsub("\n", "\\n") .. '"'
end

local function encode_list(list, indent)
  local items, inner = {}, indent .. "  "
  for i, one in ipairs(list) do items[i] = inner .. encode(one, inner) end
  return #items == 0 and "[]" or ("[\n%s\n%s]"):format(table.concat(items, ",\n"), indent)
end

local function encode_object(object, indent)
  local names, items, inner = {}, {}, indent .. "  "
  for name in pairs(object) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do items[i] = ("%s%s: %s"):format(inner, quoted(name), encode(object[name], inner)) end
  return ("{\n%s\n%s}"):format(table.concat(items, ",\n"), indent)
end

function encode(value, indent)
  if type(value) == "string" then return quoted(value) end
  if type(value) ~= "table" then return tostring(value) end
  local is_list = #value > 0 or next(value) == nil
  return (is_list and encode_list or encode_object)(value, indent)
end

--[[ The list of metrics ]]

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  return text
end

-- Markdown's links and code, as plain text.
local function plain(text)
  return (text:gsub("%[([^%]]*)%]%([^)]*%)", "%1"):gsub("`", ""):gsub("\\|", "|"))
end

local function metrics_of(guide)
  local list = {}
  for name, kind, meaning in guide:gmatch "\n| `marketplace_([%w_]+)` | (%l+) | ([^\n]*) |%f[\n]" do
    list[#list + 1] = { name = name, kind = kind, meaning = plain(meaning) }
  end
  return list
end

local function fits(name, patterns, first)
  for i = first, #patterns do
    if name:find(patterns[i]) then return true end
  end
  return false
end

--[[ Panels ]]

local function unit_of(metric)
  if metric.name:find "_expires_at$" then return "s" end
  if metric.name:find "_bytes_total$" then return "Bps" end
  if metric.kind == "counter" then return "cps" end
  return metric.name:find "_seconds$" and "s" or metric.name:find "_bytes$" and "bytes" or "short"
end

local function quantile(series, fraction, legend)
  return {
    expr = ("histogram_quantile(%s, sum without (instance, job) (rate(%s_bucket%s)))"):format(fraction, series, RATE),
    legendFormat = legend,
  }
end

local function queries_of(metric)
  local series = "marketplace_" .. metric.name
  if metric.kind == "histogram" then
    return { quantile(series, "0.5", "median"), quantile(series, "0.95", "95 %"), quantile(series, "0.99", "99 %") }
  end
  local expression = series
  if metric.kind == "counter" then
    expression = ("sum without (instance, job) (rate(%s%s))"):format(series, RATE)
  elseif metric.name:find "_expires_at$" then
    expression = series .. " - time()"
  elseif metric.name:find "_up$" then
    expression = ("min without (instance, job) (%s)"):format(series)
  elseif fits(metric.name, SHARED, 1) then
    expression = ("max without (instance, job) (%s)"):format(series)
  end
  return { { expr = expression, legendFormat = "__auto" } }
end

local DATASOURCE = { type = "prometheus", uid = "${datasource}" }

-- What a name ends in, and what the title says of it.
local ENDINGS = {
  { "_bytes_total$", " bytes per second" }, { "_total$", " per second" }, { "_oldest_age_seconds$", " oldest age" },
  { "_oldest_wanted_seconds$", " oldest wanted" }, { "_seconds$", " duration" }, { "_free_bytes$", " free" },
  { "_expires_at$", " expires in" },
}

local function title_of(metric)
  local words = metric.name
  for _, ending in ipairs(ENDINGS) do
    if words:find(ending[1]) then
      words = words:gsub(ending[1], ending[2])
      break
    end
  end
  return (words:gsub("_", " "):gsub("^tls", "TLS"):gsub("^%l", string.upper))
end

local function panel_of(metric, id, x, y)
  local targets = queries_of(metric)
  for i, target in ipairs(targets) do
    target.refId, target.datasource = ("ABC"):sub(i, i), DATASOURCE
  end
  return {
    id = id, type = "timeseries", title = title_of(metric), description = metric.meaning, datasource = DATASOURCE,
    gridPos = { h = PANEL_HEIGHT, w = PANEL_WIDTH, x = x, y = y }, targets = targets,
    fieldConfig = { defaults = { unit = unit_of(metric) }, overrides = {} },
  }
end

local function row_of(title, id, y)
  return { id = id, type = "row", title = title, collapsed = false, panels = {},
    gridPos = { h = 1, w = COLUMNS, x = 0, y = y } }
end

-- The metrics of each row, in the guide's order.
local function sorted_into_rows(metrics)
  local rows = {}
  for i in ipairs(ROWS) do rows[i] = {} end
  for _, metric in ipairs(metrics) do
    local place
    for i, row in ipairs(ROWS) do
      place = place or fits(metric.name, row, 2) and i
    end
    table.insert(rows[place], metric)
  end
  return rows
end

local function panels_of(metrics)
  local panels, y = {}, 0
  for i, row in ipairs(sorted_into_rows(metrics)) do
    if #row > 0 then
      panels[#panels + 1] = row_of(ROWS[i][1], #panels + 1, y)
      y = y + 1
    end
    for place, metric in ipairs(row) do
      panels[#panels + 1] = panel_of(metric, #panels + 1, (place - 1) * PANEL_WIDTH % COLUMNS, y)
      if place * PANEL_WIDTH % COLUMNS == 0 or place == #row then y = y + PANEL_HEIGHT end
    end
  end
  return panels
end

local dashboard = {
  uid = "lua-marketplace", title = "Marketplace", tags = { "marketplace" }, schemaVersion = 36, version = 1,
  editable = true, refresh = "1m", timezone = "browser", time = { from = "now-24h", to = "now" },
  templating = { list = { { name = "datasource", label = "Data source", type = "datasource", query = "prometheus" } } },
  panels = panels_of(metrics_of(read "docs/operating.md")),
}

os.execute(("mkdir -p '%s/deploy/grafana'"):format(FOLDER))
local file = assert(io.open(FOLDER .. "/deploy/grafana/marketplace.json", "w"))
assert(file:write(encode(dashboard, ""), "\n"))
assert(file:close())
