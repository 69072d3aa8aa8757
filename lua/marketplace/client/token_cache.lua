--- The token that a client shows: made when it is needed, used until shortly before it expires, and made with the
--- server's clock where this machine's is wrong.
local core = require "marketplace.core"

local session = {}

local Session = {}
Session.__index = Session

local RENEWED_BEFORE = 120 -- seconds before it expires: an attempt and its way must fit in
local SKEW_NOTICED = 2     -- seconds: less is the answer's way and the Date header's whole seconds

--- A token that is good now.
---@return string|nil token
---@return string? message
---@return string? code crypto_failed
function Session:token()
  local now = self.clock() + self.skew
  if self.current and now < self.expires_at - RENEWED_BEFORE and now >= self.made_at then return self.current end
  local token, expires_at, code = self.issue(now)
  if not token then return nil, expires_at, code end
  self.current, self.expires_at, self.made_at = token, expires_at, now
  return token
end

--- Says that the server refused a token: the next one is new, and made with the server's clock.
---@param token string the one that was refused
---@param date string|nil the answer's Date header
function Session:refused(token, date)
  local at = type(date) == "string" and core.http_date(date)
  local skew = at and at - self.clock() or 0
  self.skew = math.abs(skew) >= SKEW_NOTICED and skew or 0
  -- of several calls at once another may have made a new one meanwhile
  if self.current == token then self.current = nil end
end

--- A session.
---@param issue fun(now: number): string|nil, integer|string, string? see marketplace.token's issuer
---@param clock fun(): number seconds since the epoch
---@return table
function session.new(issue, clock)
  return setmetatable({ issue = issue, clock = clock, skew = 0, current = nil, expires_at = 0, made_at = 0 }, Session)
end

return session
