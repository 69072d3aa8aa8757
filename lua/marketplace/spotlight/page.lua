--- The page of an app: HTML with a script of JSON-LD for each version, as Apple's crawler reads them.
--- Source: App Store Connect API, "Building a searchable catalog for your marketplace app for inclusion in Spotlight".
local json = require "marketplace.json"
local markup = require "marketplace.spotlight.markup"
local sitemap = require "marketplace.spotlight.sitemap"
local text = require "marketplace.text"

local page = {}

--[[ Scripts ]]

local PREFIX = "com.apple.alternativeDistribution.search."

local function property(name, value)
  return { ["@type"] = "PropertyValue", name = PREFIX .. name, value = value }
end

local function supporting_data(listed)
  local elements = json.list {
    property("appleItemId", listed.version.item_id), property("appleVersionId", listed.version.apple_version_id),
  }
  if listed.entry.popularity then
    elements[3] = property("ranking.popularity", listed.entry.popularity)
  end
  return { ["@type"] = "DataFeed", dataFeedElement = elements }
end

local function rating_of(given)
  if not given then return nil end
  local rating = { ["@type"] = "AggregateRating" }
  for name, value in pairs(given) do rating[name] = value end
  return rating
end

local function document_of(listed, app)
  return {
    ["@context"] = "https://schema.org/", ["@type"] = "MobileApplication", name = app.name, url = app.url,
    image = app.entry.icon, applicationCategory = app.entry.category,
    softwareVersion = text.utf8(listed.version.version),
    datePublished = markup.time(listed.entry.published_at or listed.version.published_at),
    countriesSupported = listed.countries, aggregateRating = rating_of(listed.entry.aggregateRating),
    supportingData = supporting_data(listed),
  }
end

--- The script elements of an app, the oldest version first, as in Apple's example.
---@param app marketplace.SpotlightApp
---@return string
function page.scripts(app)
  local scripts = {}
  for i = #app.versions, 1, -1 do scripts[#scripts + 1] = markup.script(document_of(app.versions[i], app)) end
  return table.concat(scripts, "\n") .. "\n"
end

--[[ The whole of it ]]

local function body_of(app)
  local lines = {}
  if app.entry.icon then
    lines[1] = ('<img src="%s" alt="" width="128" height="128">'):format(markup.text(app.entry.icon))
  end
  lines[#lines + 1] = ('<h1 dir="auto">%s</h1>'):format(markup.text(app.name))
  for _, name in ipairs { "description", "category" } do
    local value = app.entry[name]
    if value then lines[#lines + 1] = ('<p dir="auto">%s</p>'):format(markup.text(value)) end
  end
  return table.concat(lines, "\n")
end

-- No script of the page runs, whatever became of one: those of JSON-LD are data.
local FORM = [[
<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
<!-- %s -->
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src https:">
<meta name="viewport" content="width=device-width">
<title>%s</title>
<link rel="canonical" href="%s">
%s</head>
<body>
%s
</body>
</html>
]]

--- The page.
---@param app marketplace.SpotlightApp
---@return string
function page.html(app)
  return FORM:format(sitemap.MARK, markup.text(app.name), markup.text(app.url), page.scripts(app), body_of(app))
end

return page
