--- The operator's web page: what waits, what failed and why, what the packages do, and what can be done about it. It
--- does no I/O of its own but what the inbox and the packages do: a server, nginx or a test hands it requests.
---
--- Its parts: `router` (who may ask, and which view answers), `session`, `cookies`, `origin` and `logins` (who has
--- signed in, and from where), `html`, `page` and `shown` (what a page is made of), `assets`, `style`, `script` and
--- `icon` (what a browser loads beside it), `views`.
local check = require "marketplace.check"
local core = require "marketplace.core"
local log_entries = require "marketplace.log"
local logins = require "marketplace.dashboard.logins"
local metrics = require "marketplace.metrics"
local options = require "marketplace.options"
local outside = require "marketplace.dashboard.outside"
local requests = require "marketplace.device.request"
local router = require "marketplace.dashboard.router"
local session = require "marketplace.dashboard.session"
local tokens = require "marketplace.dashboard.tokens"

local dashboard = {}

local WHERE = "marketplace.dashboard"
local MOST_FORM = 65536 -- bytes

---@class marketplace.Dashboard
---@field max_body integer bytes of a form that are read
---@field name string
local Dashboard = {}
Dashboard.__index = Dashboard
Dashboard.name, Dashboard.max_body = "dashboard", MOST_FORM

--[[ What views ask for ]]

local function log(self, level, message, more)
  local entry = { level = level, message = message, at = self.clock() }
  for name, value in pairs(more or {}) do entry[name] = value end
  if level ~= "info" or self.log.wants_info then self.log.write(entry) end
end

--- Counts who tried to sign in, and logs who could. The carrier logs who was refused, and sums up who is often.
---@param outcome "succeeded"|"failed"|"slowed"
---@param remote? any
function Dashboard:count_login(outcome, remote)
  self.login_outcomes[outcome] = self.login_outcomes[outcome] + 1
  if outcome == "succeeded" then log(self, "info", "signed in to the dashboard", { remote = remote }) end
end

--- Logs what somebody has done with the dashboard.
---@param context marketplace.dashboard.Context
---@param what string
function Dashboard:note(context, what)
  log(self, "info", "done from the dashboard", { remote = context.remote, reason = what })
end

--- Logs that a view raised.
---@param view marketplace.dashboard.View
---@param problem any
function Dashboard:broke(view, problem)
  log(self, "error", "a page of the dashboard failed", {
    status = 500, reason = ("%s: %s"):format(view.name, tostring(problem)),
  })
end

--[[ A responder's methods ]]

--- Answers a request.
---@param request table {method=, path=, headers=, body=, remote=}: path: with its query, if it has one; header names in
--- any case, a repeated header as a list; remote: the sender's address
---@return integer status
---@return table headers
---@return string body
---@return string? reason what the log is to say of a refusal
function Dashboard:handle(request)
  local asked = requests.of(request, "dashboard:handle")
  local answer, name = router.answer(self, asked)
  metrics.count_answers(self.answered, name, answer.status, 1)
  return answer.status, answer.headers, answer.body, answer.reason
end

--- Whether requests for a path are the dashboard's to answer: for a program that answers others, too.
---@param path string with a query or without
---@return boolean
function Dashboard:answers(path)
  path = path:match "^[^?]*"
  return path == self.mount or path:sub(1, #self.mount + 1) == self.mount .. "/"
end

--- The paths below which requests are its own: for a program that routes requests to it.
---@return string[]
function Dashboard:paths()
  return self.mount == "" and { "/" } or { self.mount, self.mount .. "/" }
end

--- Counts a request that its carrier refused, as its body was too large or did not come.
---@param _ string the path
---@param status integer
---@param count? integer how many, default one
function Dashboard:refused(_, status, count)
  metrics.count_answers(self.answered, "refused", status, count or 1)
end

--- Its counters, as text for Prometheus.
---@return string
function Dashboard:metrics()
  local lines, logins_made = {}, {}
  metrics.add_answers(lines, "marketplace_dashboard_answers_total", "Answers of the dashboard, by page and status.",
    "page", self.answered)
  for i, outcome in ipairs { "succeeded", "failed", "slowed" } do
    logins_made[i] = { self.login_outcomes[outcome], "outcome", outcome }
  end
  metrics.add(lines, "marketplace_dashboard_logins_total", "counter", "Attempts to sign in, by outcome.", logins_made)
  return metrics.text(lines)
end

--- Has other tokens from now on: sessions of those that are not among them end.
---@param list string[] 1 to 8, at least 16 bytes each
function Dashboard:set_tokens(list)
  local problem = tokens.problem(list)
  if problem then error("dashboard:set_tokens: " .. problem, 2) end
  self.sessions:close()
  self.sessions = session.new(list, self.clock, self.sessions)
end

--- Wipes the token. The inbox and the packages are the caller's.
function Dashboard:close()
  self.sessions:close()
end

--[[ Options ]]

---@class marketplace.DashboardOptions
---@field inbox marketplace.Inbox that it shows
---@field token_file? string path of the token that signs in, or of up to 8, one a line; this or `token` is needed
---@field token? string|string[] itself, at least 16 bytes
---@field packages? marketplace.Packages that it shows, default none
---@field check? marketplace.CheckOptions with which it looks from the outside: at the webhooks, with `client` and
--- `apps`, and at the receiver's address and certificate, with `webhook_url`; default it does not
---@field reconcile_state? string path of the state that reconciliations keep, which it shows; default it does not
---@field path? string below which it is, default "/"
---@field hosts? string[] names that its users' browsers call it by, beside addresses and localhost; default none
---@field place? string what the pages call the inbox, without a password; default nothing
---@field log? fun(entry: table)|table see marketplace.log; default what someone should look at, on standard error
---@field clock? fun(): number seconds since the epoch; default the machine's
local OPTIONS = {
  inbox = "!table", token_file = "string", token = "string|table", packages = "table", check = "table",
  reconcile_state = "string", path = "string",
  hosts = "table", place = "string", log = "function|table", clock = "function",
}

local PROBLEMS = {}

function PROBLEMS.path(path)
  if path:find "^/[%w%-._~/]*$" and not path:find "//" then return nil end
  return "must begin with a slash, and have only letters, digits, -, ., _ and ~ between slashes"
end

function PROBLEMS.hosts(hosts)
  for _, name in ipairs(hosts) do
    if type(name) ~= "string" or not name:find "^[%w._-]+$" then
      return "must be a name without a port, such as dashboard.example.com"
    end
  end
end

PROBLEMS.check = check.problem

function PROBLEMS.inbox(inbox)
  if type(inbox.backlog) == "function" then return nil end
  return "must be an inbox: use assert(marketplace.inbox(url))"
end

--- What is wrong with an option's value, if anything: for a command that has it by another name.
---@param name "path"|"hosts"|"inbox"
---@param value any
---@return string?
function dashboard.option_problem(name, value)
  return PROBLEMS[name](value)
end

local function check_options(given)
  if (given.token == nil) == (given.token_file == nil) then
    error("one of the options 'token' and 'token_file' is needed", 0)
  end
  for name in pairs(PROBLEMS) do
    local problem = given[name] and dashboard.option_problem(name, given[name])
    if problem then error(("option '%s' %s"):format(name, problem), 0) end
  end
end

local function hosts_of(given)
  local hosts = {}
  for _, name in ipairs(given.hosts or {}) do hosts[name:lower()] = true end
  return hosts
end

local function tokens_of(given, target)
  if given.token then return type(given.token) == "table" and given.token or { given.token } end
  return tokens.read(given.token_file, function(message)
    target.write { level = "warning", message = "advice", reason = message, at = core.now() }
  end)
end

--- The operator's web page, a responder.
---@param given marketplace.DashboardOptions
---@return marketplace.Dashboard|nil dashboard
---@return string? message
---@return string? code token_invalid
function dashboard.new(given)
  options.check(WHERE, given, OPTIONS)
  local ok, problem = pcall(check_options, given)
  if not ok then error(("%s: %s"):format(WHERE, problem), 2) end
  local target, clock = log_entries.target(given.log), given.clock or core.now
  local list, message = tokens_of(given, target)
  message = message or tokens.problem(list)
  if message then return nil, ("%s: %s"):format(WHERE, message), "token_invalid" end
  local looks = given.check and outside.new(given.check, clock)
  local views, view_at = router.views()
  return setmetatable({
    inbox = given.inbox, packages = given.packages, outside = looks, reconcile_state = given.reconcile_state,
    place = given.place, log = target, clock = clock, mount = (given.path or "/"):gsub("/$", ""),
    hosts = hosts_of(given), views = views, view_at = view_at, sessions = session.new(list, clock),
    logins = logins.new(core.monotonic), answered = {},
    login_outcomes = { succeeded = 0, failed = 0, slowed = 0 },
  }, Dashboard)
end

return dashboard
