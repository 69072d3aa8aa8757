--- What was found, one after another: each says what is so, of what, and what to do next. Text from outside is shown
--- cut, and so that it can control nothing.
local text = require "marketplace.text"

local findings = {}

local MOST_SHOWN, MOST_SAID = 200, 1000 -- bytes of a text from outside, and of all that is said of one thing

---@class marketplace.CheckFinding
---@field level "ok"|"warning"|"error"|"skipped" skipped: not looked at, and why
---@field check string what was looked at: "app_store_connect", "clock", "domain", "tls", "well_known", "updates",
--- "restore", "license", "token", "packages", "key_blobs", "takedowns", "webhook", "deliveries", "receiver", "ping"
---@field about string a URL, a host, a webhook, an app …
---@field message string what was found
---@field action? string what to do next
---@field expires_at? number of a certificate ("tls"), in seconds since the epoch
---@field webhook? string id, if it is about whether a webhook is enabled
---@field is_enabled? boolean of that webhook

---@class marketplace.check.Findings
---@field list marketplace.CheckFinding[]
local Findings = {}
Findings.__index = Findings

local function safe(self, value, most)
  local whole = text.hide(value, self.secrets)
  local cut = text.cut(whole, most)
  return text.safe(cut) .. (#cut < #whole and "…" or "")
end

--- Text from outside, to be shown.
---@param value any
---@return string
function Findings:shown(value)
  return safe(self, tostring(value), MOST_SHOWN)
end

--- Adds one.
---@param level "ok"|"warning"|"error"|"skipped"
---@param check string
---@param about string
---@param message string
---@param action? string
---@param facts? {expires_at?: number, webhook?: string, is_enabled?: boolean} for programs
function Findings:add(level, check, about, message, action, facts)
  local finding = {
    level = level, check = check, about = safe(self, about, MOST_SAID),
    message = safe(self, message, MOST_SAID), action = action and safe(self, action, MOST_SAID),
  }
  for name, value in pairs(facts or {}) do finding[name] = value end
  self.list[#self.list + 1] = finding
  if self.on_finding then self.on_finding(finding) end
end

-- Whether the last one says that already of something that was not looked at.
local function is_said(self, about, message)
  local last = self.list[#self.list]
  return last ~= nil and last.level == "skipped" and last.about == safe(self, about, MOST_SAID) and
    last.message == safe(self, message, MOST_SAID)
end

--- Adds one of what could not be asked, once for all that would have been asked of one thing.
---@param check string
---@param about string
---@param failure marketplace.check.Failure
function Findings:add_failure(check, about, failure)
  if failure.is_skipped and is_said(self, about, failure.message) then return end
  self:add(failure.is_skipped and "skipped" or "error", check, about, failure.message, failure.action)
end

--- No findings yet.
---@param on_finding? fun(finding: marketplace.CheckFinding) is told of each at once
---@param secrets string[] that no finding may show
---@return marketplace.check.Findings
function findings.new(on_finding, secrets)
  return setmetatable({ list = {}, on_finding = on_finding, secrets = secrets }, Findings)
end

return findings
