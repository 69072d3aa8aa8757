--- Signing in, with the token.
local forms = require "marketplace.dashboard.forms"
local h = require "marketplace.dashboard.html"
local page = require "marketplace.dashboard.page"

local login = { path = "/login", title = "Sign in", is_public = true }

-- Where to go on: a view of this dashboard, whatever the query says.
local function go_on(context)
  local path, query = (context.query.next or ""):match "^([^?]*)%??(.*)$"
  local view = context.dashboard.view_at[path]
  if not view or not view.get or view.is_public then return context.redirect "/" end
  return context.redirect(path, forms.read(query))
end

local function form(context, problem)
  return h.div { class = "login", page.form(context, {
    action = context.url("/login", { next = context.query.next }),
    problem and h.p { class = "bad", role = "alert", id = "problem", problem },
    page.field("Token", h.input {
      type = "password", name = "token", id = "token", required = true, autofocus = true,
      autocomplete = "current-password", ["aria-describedby"] = problem and "problem" or nil,
    }, "token", "It is in the dashboard's token file. Nobody can send it in a link."),
    h.button { class = "primary", "Sign in" },
  }) }
end

function login.get(context)
  if context.session then return nil, go_on(context) end
  return form(context)
end

local function refused(context, status, problem)
  return context.page(login.title, form(context, problem), { status = status, reason = problem })
end

function login.post(context)
  local dashboard = context.dashboard
  local wait = math.ceil(dashboard.logins:wait(context.remote))
  if wait > 0 then
    dashboard:count_login "slowed"
    local answer = refused(context, 429, ("Too many wrong tokens came from here. Try again in %d s."):format(wait))
    answer.headers["retry-after"] = ("%d"):format(wait)
    return answer
  end
  local index = dashboard.sessions:token(context.form.token or "")
  if not index then
    dashboard.logins:failed(context.remote)
    dashboard:count_login "failed"
    return refused(context, 401, "This is not the token.")
  end
  dashboard.logins:succeeded(context.remote)
  dashboard:count_login("succeeded", context.remote)
  local answer = go_on(context)
  answer.headers["set-cookie"] = dashboard.sessions:cookie(index, context.url "/", context.is_https)
  return answer
end

return login
