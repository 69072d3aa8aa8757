--- The page around a view: its head, the way to the other views, and the message of what was just done.
local h = require "marketplace.dashboard.html"
local shown = require "marketplace.dashboard.shown"
local text = require "marketplace.text"

local page = {}

local MOST_REASON = 500 -- bytes

local function head(context, title, options)
  return h.head {
    h.meta { charset = "utf-8" },
    h.meta { name = "viewport", content = "width=device-width, initial-scale=1" },
    h.meta { name = "color-scheme", content = "light dark" },
    h.meta { name = "robots", content = "noindex" },
    options.refresh and h.noscript { h.meta { ["http-equiv"] = "refresh", content = options.refresh } },
    h.title { title .. " · marketplace" },
    h.link { rel = "stylesheet", href = context.asset "style.css" },
    h.link { rel = "icon", type = "image/svg+xml", href = context.asset "icon.svg" },
    h.script { src = context.asset "script.js", defer = true },
  }
end

--[[ The bar ]]

local function links(context)
  local items = {}
  for _, view in ipairs(context.views) do
    if view.nav and (not view.needs or context[view.needs]) then
      items[#items + 1] = h.li { h.a {
        href = context.url(view.path), ["aria-current"] = view.path == context.section and "page" or nil, view.nav,
      } }
    end
  end
  return items
end

local function bar(context)
  return h.header { class = "bar", h.div {
    h.a { class = "brand", href = context.url "/", "marketplace" },
    context.session and {
      h.nav { ["aria-label"] = "Views", h.ul { links(context) } },
      page.form(context, {
        action = context.url "/logout", class = "sign-out", h.button { class = "plain", "Sign out" },
      }),
    },
  } }
end

local function flash(context)
  local told = context.flash
  if not told then return nil end
  return h.div { class = "flash " .. (told.kind == "problem" and "bad" or "good"), role = "status", h.p { told.text } }
end

--- A whole page.
---@param context marketplace.dashboard.Context
---@param title string
---@param node any what the view shows
---@param options? {refresh?: integer} refresh: seconds after which a browser without the script loads it anew
---@return string
function page.document(context, title, node, options)
  return h.document(h.html {
    lang = "en", head(context, title, options or {}),
    h.body {
      h.a { class = "skip", href = "#content", "Skip to the content" },
      bar(context),
      h.main {
        id = "content", tabindex = "-1", flash(context), h.div { class = "heading", h.h1 { title } }, node,
      },
      h.footer { h.p {
        context.session and context.place and { "Inbox: ", h.code { context.place }, " · " },
        "All times are UTC. This page: ", shown.time(context.now),
      } },
    },
  })
end

--[[ Forms ]]

--- A form that posts, with the session's token.
---@param context marketplace.dashboard.Context
---@param given table as of an element: its `action`, its children
---@return any node
function page.form(context, given)
  local with_token = { method = "post" }
  for name, value in pairs(given) do
    if type(name) == "string" then with_token[name] = value end
  end
  with_token[1] = context.csrf and h.input { type = "hidden", name = "csrf", value = context.csrf }
  with_token[2] = {}
  for index, child in pairs(given) do
    if type(index) == "number" then with_token[2][index] = child end
  end
  return h.form(with_token)
end

--- A button that posts, alone.
---@param context marketplace.dashboard.Context
---@param address string of context.url
---@param words string
---@param class? string "danger", "primary"
---@return any node
function page.button(context, address, words, class)
  return page.form(context, { action = address, class = "inline", h.button { class = class, words } })
end

--- A field of a form, with its label.
---@param label string
---@param node any an input, whose id is the same as `id`
---@param id string
---@param hint? string which the input names with `aria-describedby`, as the id and "-hint"
---@return any node
function page.field(label, node, id, hint)
  return h.div { class = "field", h.label { ["for"] = id, label }, node,
    hint and h.p { id = id .. "-hint", class = "hint", hint } }
end

--- The field for why something is done.
---@param reason string what is in it at first
---@param hint string
---@return any node
function page.reason_field(reason, hint)
  return page.field("Why", h.input {
    id = "reason", name = "reason", value = reason, maxlength = MOST_REASON, autocomplete = "off",
    ["aria-describedby"] = "reason-hint",
  }, "reason", hint)
end

--- What was written into that field.
---@param form table<string, string>
---@return string|nil reason nil if nothing was
function page.reason_of(form)
  local reason = text.cut(text.utf8(text.trim(form.reason or "")), MOST_REASON)
  return reason ~= "" and reason or nil
end

return page
