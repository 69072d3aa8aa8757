--- Sitemaps (https://www.sitemaps.org/protocol.html): one if the catalogue is small, otherwise an index of them. Each
--- has at most so many apps that it is quickly made, far from the protocol's 50,000 addresses and 50 MB.
local markup = require "marketplace.spotlight.markup"

local sitemap = {}

--- Apps in one.
sitemap.MOST = 1000

--- The name of the one that Apple is told, and reads first.
sitemap.ROOT = "sitemap.xml"

-- The namespace of the protocol. Apple's example writes https://, which is no namespace that other crawlers know.
local NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"

--- In each file that is made here: what lacks it is somebody else's.
sitemap.MARK = "made by marketplace spotlight"

local function document(element, lines)
  return ('<?xml version="1.0" encoding="UTF-8"?>\n<!-- %s -->\n<%s xmlns="%s">\n%s</%s>\n'):format(
    sitemap.MARK, element, NAMESPACE, table.concat(lines), element)
end

--- A sitemap of pages.
---@param pages {url: string, changed_at: number}[] such as marketplace.SpotlightApp
---@return string
function sitemap.of_pages(pages)
  local lines = {}
  for i, page in ipairs(pages) do
    lines[i] = ("<url><loc>%s</loc><lastmod>%s</lastmod></url>\n"):format(markup.text(page.url),
      markup.time(page.changed_at))
  end
  return document("urlset", lines)
end

--- A pattern of the line of a page that is made here, which gives the app's id.
---@param base string
---@return string
function sitemap.line(base)
  return ("<url><loc>%s/apps/(%%d+)%%.html</loc>[^\n]*\n"):format((markup.text(base):gsub("%p", "%%%0")))
end

--- The name of the sitemap that has the apps from one id to another. It lies beside the pages, as a sitemap is taken to
--- speak only for what is below its own place.
---@param extent {first: string, last: string} ids of apps
---@return string
function sitemap.name(extent)
  return ("apps/sitemap-%s-%s.xml"):format(extent.first, extent.last)
end

--- What a name says; nil if it is none of these.
---@param name string
---@return {first: string, last: string}|nil
function sitemap.extent(name)
  local first, last = name:match "^apps/sitemap%-(%d+)%-(%d+)%.xml$"
  if not first or #first > 20 or #last > 20 then return nil end
  return { first = first, last = last }
end

--- An index of sitemaps.
---@param base string
---@param names string[]
---@return string
function sitemap.of_sitemaps(base, names)
  local lines = {}
  for i, name in ipairs(names) do
    lines[i] = ("<sitemap><loc>%s</loc></sitemap>\n"):format(markup.text(base .. "/" .. name))
  end
  return document("sitemapindex", lines)
end

return sitemap
