--- The token that a client sends: made when it is needed, used until shortly before it expires, and dated by the
--- server's clock if this machine's is wrong.
local core = require "marketplace.core"

local token_cache = {}

local TokenCache = {}
TokenCache.__index = TokenCache

local RENEWED_BEFORE = 120 -- seconds before it expires: time for an attempt
local SKEW_NOTICED = 2     -- seconds: less may be the network's delay and the Date header's whole seconds

--- A token that is good now.
---@return string|nil token
---@return string? message
---@return string? code crypto_failed
function TokenCache:token()
  local now = self.clock() + self.skew
  if self.current and now < self.expires_at - RENEWED_BEFORE and now >= self.made_at then return self.current end
  local token, expires_at, code = self.issue(now)
  if not token then return nil, expires_at, code end
  self.current, self.expires_at, self.made_at = token, expires_at, now
  return token
end

--- Notes that the server refused a token: the next one is new, and dated by the server's clock.
---@param token string the one that was refused
---@param date string|nil the answer's Date header
function TokenCache:refused(token, date)
  local at = type(date) == "string" and core.http_date(date)
  local skew = at and at - self.clock() or 0
  self.skew = math.abs(skew) >= SKEW_NOTICED and skew or 0
  -- another call may have made a new one meanwhile
  if self.current == token then self.current = nil end
end

--- An empty cache.
---@param issue fun(now: number): string|nil, integer|string, string? see marketplace.token's issuer
---@param clock fun(): number seconds since the epoch
---@return table
function token_cache.new(issue, clock)
  local self = { issue = issue, clock = clock, skew = 0, current = nil }
  return setmetatable(self, TokenCache)
end

return token_cache
