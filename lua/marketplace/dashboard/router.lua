--- From a request to a view, and from what that gives to an answer: who may ask, whether a form is the session's, which
--- headers every answer has.
local assets = require "marketplace.dashboard.assets"
local cookies = require "marketplace.dashboard.cookies"
local forms = require "marketplace.dashboard.forms"
local h = require "marketplace.dashboard.html"
local origin = require "marketplace.dashboard.origin"
local page = require "marketplace.dashboard.page"
local scheduler = require "marketplace.client.scheduler"
local shown = require "marketplace.dashboard.shown"
local text = require "marketplace.text"

local router = {}

---@class marketplace.dashboard.View
---@field path string within the dashboard
---@field title string
---@field nav? string as the bar names it; without it the bar does not
---@field section? string the path of the view that the bar marks, default its own
---@field needs? "packages"|"outside" without which the bar does not name it
---@field is_public? boolean whether it is shown to who has not signed in
---@field get? fun(context: marketplace.dashboard.Context): any, table? what is shown, and {title=, status=, refresh=};
--- or nil and an answer
---@field post? fun(context: marketplace.dashboard.Context): table an answer

---@class marketplace.dashboard.Context what a view is given
---@field inbox marketplace.Inbox
---@field packages? marketplace.Packages
---@field outside? table marketplace.dashboard.outside
---@field query table<string, string>
---@field form? table<string, string> of a POST
---@field now number seconds since the epoch
---@field session? {id: string, token: integer, ends_in: number}
---@field csrf? string
---@field flash? {kind: "ok"|"problem", text: string} what was just done
---@field path string within the dashboard
---@field remote any who asks
---@field dashboard marketplace.Dashboard
---@field url fun(path: string, query?: table): string the address of a view
---@field asset fun(name: string): string
---@field is_https boolean whether the browser says that it came over HTTPS, as it does with a form
---@field page fun(title: string, node: any, options?: table): table
---@field file fun(bytes: string, name: string): table an answer that a browser saves, and does not show
---@field redirect fun(path: string, query?: table, message?: string, kind?: "ok"|"problem"): table
---@field not_found fun(message: string): table
---@field invalid fun(message: string): table
---@field failed fun(message: string): table that the inbox or the packages are away

local VIEWS = {
  "overview", "live", "inbox", "dead", "apps", "packages", "check", "notification", "body", "confirm", "version",
  "change", "login", "logout",
}

-- No other site can frame a page or be loaded by it, and no script runs that is not of this server.
local POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " ..
  "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

local MOST_NEXT = 1000 -- bytes, of where one goes on after signing in
local MOST_ADDRESS = 4000 -- bytes, in a header: of a longer one carriers may send nothing
local MOST_FLASH = 1000 -- bytes: a cookie has to hold it

--[[ Answers ]]

-- With no-referrer, browsers would say of a form only that its origin is "null".
local function headers_of(type_)
  return {
    ["content-type"] = type_, ["content-security-policy"] = POLICY, ["x-content-type-options"] = "nosniff",
    ["referrer-policy"] = "same-origin", ["cache-control"] = "no-store", ["x-frame-options"] = "DENY",
    ["cross-origin-opener-policy"] = "same-origin", ["cross-origin-resource-policy"] = "same-origin",
  }
end

local function message_name(context)
  return context.dashboard.sessions.names[context.session.token] .. "_message"
end

local function message_cookie(context, value, seconds)
  return cookies.line(message_name(context), value, seconds, context.url "/", context.session.is_secure)
end

--- A page as an answer.
---@param context marketplace.dashboard.Context
---@param title string
---@param node any
---@param options? {status?: integer, refresh?: integer, reason?: string} reason: what the log says of a refusal
---@return {status: integer, headers: table<string, string>, body: string, reason?: string}
function router.page(context, title, node, options)
  local headers = headers_of "text/html; charset=utf-8"
  if context.flash then headers["set-cookie"] = message_cookie(context, "", 0) end
  return {
    status = options and options.status or 200, headers = headers,
    body = page.document(context, title, node, options), reason = options and options.reason,
  }
end

local function redirect(context, path, query, message, kind)
  local headers = headers_of "text/plain; charset=utf-8"
  headers.location = context.url(path, query)
  if #headers.location > MOST_ADDRESS then headers.location = context.url(path) end
  if message and context.session then
    local told = (kind == "problem" and "problem:" or "ok:") .. text.cut(text.utf8(message), MOST_FLASH)
    headers["set-cookie"] = message_cookie(context, context.dashboard.sessions:seal(context.session, told), 60)
  end
  return { status = 303, headers = headers, body = "see " .. headers.location .. "\n" }
end

-- Whatever is in it, no browser takes it for a page.
local function file(bytes, name)
  local headers = headers_of "application/octet-stream"
  headers["content-disposition"] = ('attachment; filename="%s"'):format(name)
  return { status = 200, headers = headers, body = bytes }
end

local function refusal(context, status, title, words)
  return router.page(context, title, { h.p { words }, h.p { h.a { href = context.url "/", "To the overview" } } },
    { status = status, reason = words })
end

local ADVICE = "Nothing was lost by this page: it only reads. Look at the log of the process that receives, and at " ..
  "whether the database and its disk are there. This page works again as soon as they do."

local function failed(context, message)
  return router.page(context, "Not available", {
    shown.problem("The inbox or the packages cannot be read", message), h.p { ADVICE },
    h.p { h.a { href = context.url(context.path, context.query), "Try again" } },
  }, { status = 503, refresh = 10 })
end

--[[ The context ]]

local function add_answers(context)
  context.page = function(...) return router.page(context, ...) end
  context.file = file
  context.redirect = function(...) return redirect(context, ...) end
  context.not_found = function(message) return refusal(context, 404, "Not found", message) end
  context.invalid = function(message) return refusal(context, 400, "Not understood", message) end
  context.failed = function(message) return failed(context, message) end
end

local function add_session(context, dashboard, asked)
  local given = cookies.read(asked.headers.cookie)
  context.session = dashboard.sessions:of(given)
  if not context.session then return end
  context.csrf = dashboard.sessions:csrf(context.session)
  local name = cookies.name(message_name(context), context.session.is_secure)
  local told = dashboard.sessions:open(context.session, given[name])
  local kind, words = (told or ""):match "^(%l+):(.*)$"
  context.flash = kind and { kind = kind, text = words } or nil
end

-- `path` is the dashboard's own: it begins with a slash.
local function context_of(dashboard, asked, path)
  local context = {
    dashboard = dashboard, inbox = dashboard.inbox, packages = dashboard.packages, outside = dashboard.outside,
    views = dashboard.views, place = dashboard.place, query = forms.read(asked.query), now = dashboard.clock(),
    path = path, remote = asked.remote,
  }
  context.url = function(to, query) return dashboard.mount .. to .. forms.query(query) end
  context.asset = function(name) return dashboard.mount .. assets.path(name) end
  context.is_https = origin.is_https(asked.headers)
  add_answers(context)
  add_session(context, dashboard, asked)
  return context
end

--[[ Who may ask ]]

local function lead_on(context)
  local here = context.url(context.path, context.query)
  local answer = router.page(context, "One moment", h.p { h.a { href = here, "Go on" } })
  if #here <= MOST_ADDRESS then answer.headers.refresh = "0; url=" .. here end
  return answer
end

local function to_login(context, asked)
  if asked.method ~= "POST" and origin.is_led_here(asked.headers) then return lead_on(context) end
  local from = asked.method ~= "POST" and context.path ~= "/" and context.path .. forms.query(context.query) or nil
  return redirect(context, "/login", { next = from and #from <= MOST_NEXT and from or nil })
end

local function form_fault(context, asked, view)
  if not forms.is_form(asked.headers["content-type"]) then
    return refusal(context, 415, "Not understood", "Only forms are taken here.")
  end
  if not origin.is_own(asked.headers) then
    return refusal(context, 403, "Refused", "This form came from another site. Nothing was done.")
  end
  context.form = forms.read(asked.body)
  if not view.is_public and not context.dashboard.sessions:is_csrf(context.session, context.form.csrf) then
    return refusal(context, 403, "Refused", "This form belongs to another session, and nothing was done: go back, " ..
      "reload the page, and try again.")
  end
end

--[[ Views ]]

local function show(context, view)
  local node, options = view.get(context)
  if node == nil then return options end
  options = options or {}
  return router.page(context, options.title or view.title, node, options)
end

local function not_allowed(context, view)
  local answer = refusal(context, 405, "Not understood", "This address is for something else.")
  answer.headers.allow = view.get and (view.post and "GET, HEAD, POST" or "GET, HEAD") or "POST"
  return answer
end

local function answer_view(context, view, asked)
  context.section = view.section or view.path
  local is_post = asked.method == "POST"
  local is_get = asked.method == "GET" or asked.method == "HEAD"
  if not (is_post and view.post or is_get and view.get) then return not_allowed(context, view) end
  if not view.is_public and not context.session then return to_login(context, asked) end
  if not is_post then return show(context, view) end
  return form_fault(context, asked, view) or view.post(context)
end

local function answer_asset(asked, asset)
  if asked.method ~= "GET" and asked.method ~= "HEAD" then
    return { status = 405, headers = { allow = "GET, HEAD" }, body = "" }
  end
  local headers = headers_of(asset.type)
  headers["cache-control"] = "public, max-age=31536000, immutable"
  return { status = 200, headers = headers, body = asset.body }
end

local function wrong_host(asked)
  return {
    status = 421, headers = headers_of "text/plain; charset=utf-8",
    body = ("the dashboard is not known by the name %s: name it in the option hosts, or with --allow-host\n")
      :format(text.cut(text.safe(asked.headers.host or "(none)"), 200)),
  }
end

-- A proxy may keep others away from the mount, but lead them to the same process by another path of the same length.
local function not_mine()
  return { status = 404, headers = headers_of "text/plain; charset=utf-8", body = "nothing is here\n" }
end

--- Answers a request.
---@param dashboard marketplace.Dashboard
---@param asked table of marketplace.device.request
---@return {status: integer, headers: table<string, string>, body: string} answer
---@return string name of the view, for metrics
function router.answer(dashboard, asked)
  if not origin.is_host(asked.headers.host, dashboard.hosts) then return wrong_host(asked), "refused" end
  if not dashboard:answers(asked.path) then return not_mine(), "other" end
  local path = asked.path:sub(#dashboard.mount + 1)
  if path == "" then
    return { status = 308, headers = { location = dashboard.mount .. "/" }, body = "" }, "other"
  end
  local asset = assets.find(path)
  if asset then return answer_asset(asked, asset), "asset" end
  local context, view = context_of(dashboard, asked, path), dashboard.view_at[path]
  if not view then
    -- nothing that is sent back has this path in it: carriers may have decoded it
    return context.session and context.not_found "There is no such page." or context.redirect "/login", "other"
  end
  local ok, answer = scheduler.protected(answer_view, context, view, asked)
  if not ok then
    dashboard:broke(view, answer)
    answer = refusal(context, 500, "Something is wrong",
      "This page failed because of a mistake in the program. The log says which.")
  end
  return answer, view.name
end

--- The views, in the order of the bar.
---@return marketplace.dashboard.View[] list
---@return table<string, marketplace.dashboard.View> by path
function router.views()
  local list, by_path = {}, {}
  for i, name in ipairs(VIEWS) do
    local view = { name = name }
    for key, value in pairs(require("marketplace.dashboard.views." .. name)) do view[key] = value end
    list[i], by_path[view.path] = view, view
  end
  return list, by_path
end

return router
