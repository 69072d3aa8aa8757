--- The site: a page with the apps, and one for each, with the link that has an iPhone install it. A responder, as the
--- device is: what carries requests to the one carries them to the other.
local apps = require "apps"
local sessions = require "sessions"

local site = {}

local Site = { max_body = 1024, name = "site" }
Site.__index = Site

--[[ HTML ]]

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }

local function escaped(text)
  return (text:gsub("[&<>\"']", ENTITIES))
end

-- Fills a template: each %s is text, and never HTML.
local function filled(template, ...)
  local words, place = { ... }, 0
  return (template:gsub("%%s", function()
    place = place + 1
    return escaped(words[place])
  end))
end

-- The first line of what is refused is in the log.
local PAGE = [[
<!DOCTYPE html><html lang="en"><title>%s</title>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<h1>%s</h1>
]]

local HEADERS = {
  ["content-type"] = "text/html; charset=utf-8", ["cache-control"] = "no-store",
  ["content-security-policy"] = "default-src 'none'; form-action 'self'; frame-ancestors 'none'",
  ["x-content-type-options"] = "nosniff", ["referrer-policy"] = "no-referrer",
}

local function page(status, title, content, more)
  local headers = {}
  for name, value in pairs(HEADERS) do headers[name] = value end
  for name, value in pairs(more or {}) do headers[name] = value end
  return status, headers, filled(PAGE, title, title) .. content
end

local function not_found()
  return page(404, "Not here", '<p><a href="/">All apps</a></p>\n')
end

-- The log of packages or of the device says why.
local function unavailable()
  return page(503, "Try again later", "", { ["retry-after"] = "5" })
end

--[[ Pages ]]

local SIGN_IN = [[
<form method="post" action="/sign-in">
<label>Session <input name="session" type="password"></label> <button>Sign in</button>
</form>
]]

local function ids_of_apps()
  local ids = {}
  for id in pairs(apps) do ids[#ids + 1] = id end
  table.sort(ids)
  return ids
end

-- The newest version of each app that may be had in a territory, in the order of the ids; nil if the store fails.
local function versions_of(self, ids, territory)
  local asked = {}
  for i, id in ipairs(ids) do asked[i] = { item_id = id, apple_version_id = "0" } end
  local served = self.packages:served { apps = asked, newer = true, territory = territory }
  if not served then return nil end
  local versions = {}
  for _, one in ipairs(served) do
    if one.version then versions[#versions + 1] = one.version end
  end
  return versions
end

local function list(self, _, account, territory)
  local versions = versions_of(self, ids_of_apps(), territory)
  if not versions then return unavailable() end
  local lines = {}
  for _, version in ipairs(versions) do
    lines[#lines + 1] = filled('<li><a href="/apps/%s">%s</a> %s</li>\n', version.item_id, apps[version.item_id].name,
      version.version)
  end
  return page(200, "Apps", "<ul>\n" .. table.concat(lines) .. "</ul>\n" .. (account and "" or SIGN_IN))
end

-- A token for one install belongs to one person: nobody else gets a link.
local function link(self, id, account, territory)
  if not account then return SIGN_IN end
  local install, _, code = self.device:install { app = id, account = account, territory = territory }
  if not install and code ~= "not_found" then return nil end
  return install and filled('<p><a href="%s">Install</a></p>\n', install.link) or ""
end

-- Apple's crawler does not sign in, and has to find the page of every app that the catalogue lists, even of one that is
-- not to be had everywhere.
local function app(self, request, account, territory)
  local id = request.path:match "^/apps/(%d+)"
  if not apps[id] then return not_found() end
  local versions, scripts = versions_of(self, { id }, territory), self.catalogue:scripts(id)
  if not versions or scripts == nil then return unavailable() end
  local version = versions[1]
  if not version and (account or not scripts) then return not_found() end
  local install = link(self, id, account, territory)
  if not install then return unavailable() end
  local about = filled("<p>%s</p>\n", apps[id].description)
  if version then about = about .. filled("<p>Version %s</p>\n", version.version) end
  return page(200, apps[id].name, about .. install .. (scripts or ""))
end

local function sign_in(_, request)
  local cookie = sessions.cookie(request.body:match "^session=(%x+)$")
  if not cookie then return page(403, "Not signed in", SIGN_IN) end
  return page(303, "Signed in", "", { location = "/", ["set-cookie"] = cookie })
end

local PAGES = {
  { method = "GET", pattern = "^/$", answer = list },
  { method = "GET", pattern = "^/apps/%d+$", answer = app },
  { method = "POST", pattern = "^/sign%-in$", answer = sign_in },
}

local function page_at(target)
  local path = target:match "^[^?]*"
  for _, one in ipairs(PAGES) do
    if path:find(one.pattern) then return one end
  end
end

--[[ The responder ]]

--- Where its pages may be.
---@return string[] paths a slash at the end: and all below
function Site.paths()
  return { "/" }
end

--- Whether there is a page.
---@param path string
---@return boolean
function Site.answers(_, path)
  return page_at(path) ~= nil
end

--- Answers a request.
---@param request {method: string, path: string, headers: table, body: string}
---@return integer status
---@return table headers
---@return string body
function Site:handle(request)
  local found = page_at(request.path)
  local method = request.method == "HEAD" and "GET" or request.method
  if method ~= found.method then return page(405, "Not so", "", { allow = found.method }) end
  return found.answer(self, request, sessions.visitor(request))
end

--- The site of a marketplace.
---@param packages marketplace.Packages
---@param device marketplace.Device gives links
---@param catalogue marketplace.Spotlight gives what Spotlight's crawler reads in a page
function site.new(packages, device, catalogue)
  return setmetatable({ packages = packages, device = device, catalogue = catalogue }, Site)
end

return site
