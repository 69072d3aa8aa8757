--- lua-marketplace: App Store Connect's marketplace notifications, received and acted on in Lua.
local check = require "marketplace.check"
local client = require "marketplace.client"
local core = require "marketplace.core"
local dashboard = require "marketplace.dashboard"
local device = require "marketplace.device"
local dispatcher = require "marketplace.dispatcher"
local forward = require "marketplace.forward"
local inbox = require "marketplace.inbox"
local notification = require "marketplace.notification"
local packages = require "marketplace.packages"
local receiver = require "marketplace.receiver"
local reconcile = require "marketplace.reconcile"
local signature = require "marketplace.signature"
local spotlight = require "marketplace.spotlight"
local token = require "marketplace.token"

local marketplace = {
  _VERSION = "marketplace 0.1.0",
  --- JSON null in `attributes` and `relationships`; equal to cjson.null.
  null = core.null,
  sign = signature.sign,
  verify = signature.verify,
  fingerprint = signature.fingerprint,
  parse = notification.parse,
  to_table = notification.to_table,
  receiver = receiver.new,
  dispatcher = dispatcher.new,
  forward = forward.new,
  inbox = inbox.open,
  token = token.new,
  client = client.new,
  packages = packages.new,
  device = device.new,
  spotlight = spotlight.new,
  dashboard = dashboard.new,
  check = check.run,
  reconcile = reconcile.run,
}

return marketplace
