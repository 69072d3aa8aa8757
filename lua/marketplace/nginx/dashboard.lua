--- The dashboard in nginx, which shows the inbox of its receiver; its calls wait as nginx does.
local dashboard = require "marketplace.dashboard"
local from_prefix = require "marketplace.nginx.from_prefix"
local nginx_log = require "marketplace.nginx.log"
local options = require "marketplace.options"
local packages = require "marketplace.packages"

local nginx_dashboard = {}

local PATH = "/dashboard/"

---@class marketplace.NginxDashboardOptions
---@field token_file string path of the token that signs in, or of up to 8, one a line
---@field path? string below which it is, default "/dashboard/"
---@field packages? string folder of the packages that it shows, default none
---@field hosts? string[] names that its users' browsers call it by, beside addresses and localhost; default none
local OPTIONS = { token_file = "!string", path = "string", packages = "string", hosts = "table" }

local function opened_packages(folder)
  if not folder then return nil end
  return packages.new { folder = folder, log = nginx_log.target }
end

--- The dashboard of a receiver. Raises for options that cannot be meant.
---@param given marketplace.NginxDashboardOptions
---@param receiver marketplace.Receiver
---@return marketplace.Dashboard|nil
---@return string? message
function nginx_dashboard.open(given, receiver)
  options.check("marketplace.nginx.init: dashboard", given, OPTIONS, 0)
  local shown, problem = opened_packages(given.packages)
  if problem then return nil, problem end
  return dashboard.new {
    inbox = receiver.inbox, place = receiver.inbox.place, packages = shown, path = given.path or PATH,
    token_file = from_prefix(given.token_file), hosts = given.hosts, log = nginx_log.target,
  }
end

return nginx_dashboard
