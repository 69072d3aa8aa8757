--- Who has signed in. Each line of the file `sessions` is `TOKEN ACCOUNT TERRITORY`. In earnest: your sign-in.
local sessions = {}

local COOKIE = "__Host-session" -- browsers send it to this host alone, and over HTTPS only

local function read(path)
  local by_token = {}
  for line in io.lines(path) do
    local token, account, territory = line:match "^(%x+) (%S+) (%u%u%u)$"
    if token then by_token[token] = { account = account, territory = territory } end
  end
  return by_token
end

local by_token = read(debug.getinfo(1, "S").source:match "^@(.*/)" .. "sessions")

local function header(request, name)
  local value = request.headers[name]
  return type(value) == "string" and value or ""
end

local function known(session)
  return session.account, session.territory
end

--- What marketplace.device asks: iPhones send the header that the app's extension adds.
---@param request {headers: table}
---@return string|false|nil account
---@return string? territory
function sessions.authenticate(request)
  local token = header(request, "authorization"):match "^Bearer (%x+)$"
  if not token then return nil end
  if not by_token[token] then return false end
  return known(by_token[token])
end

--- Who looks at the site, if anybody is signed in.
---@param request {headers: table}
---@return string|nil account
---@return string? territory
function sessions.visitor(request)
  local cookies = "; " .. header(request, "cookie")
  local session = by_token[cookies:match("; " .. COOKIE:gsub("%p", "%%%0") .. "=(%x+)")]
  if not session then return nil end
  return known(session)
end

--- What has a browser send a token from now on; nil if it is nobody's.
---@param token string
---@return string|nil cookie value of the header Set-Cookie
function sessions.cookie(token)
  if not by_token[token] then return nil end
  return ("%s=%s; Path=/; Secure; HttpOnly; SameSite=Lax"):format(COOKIE, token)
end

return sessions
