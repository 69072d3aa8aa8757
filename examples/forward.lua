-- Posts what happened to a chat channel, through an incoming webhook of Slack or of anything that takes {"text": ...}:
--
--     CHAT_URL=https://... marketplace serve examples/forward.lua --secret-file secrets.txt
--
-- What cannot be posted now is tried again, with growing pauses; what the chat refuses for good becomes dead, and
-- `marketplace inbox list --state dead` shows it. A message can come twice if the answer to the first was lost: the
-- chat can recognize it by the header Idempotency-Key. Certificates are verified, against CHAT_CA_FILE if your own chat
-- has one that the system does not know.
local http = require "marketplace.http"
local json = require "marketplace.json"

local URL = assert(os.getenv "CHAT_URL", "CHAT_URL is not set: the address of the chat's incoming webhook")
local CA_FILE = os.getenv "CHAT_CA_FILE"
local SECONDS = 10 -- a callback must end within its lease

local WORDS = {
  version_available = "a new version can be sold",
  versions_unavailable = "versions must go",
  versions_restored = "versions may be sold again",
  app_unavailable = "the app must go",
  app_restored = "the app may be sold again",
}

local function message_of(n)
  local where = n.territories and " in " .. table.concat(n.territories, ", ") or ""
  return ("App %s: %s%s (%s)"):format(n.app_id or "?", WORDS[n.event], where, n.timestamp or "at an unknown time")
end

local function tell(n, ctx)
  local answer, message = http.exchange {
    method = "POST", url = URL, timeout = SECONDS, ca_file = CA_FILE, body = json.encode { text = message_of(n) },
    headers = { "Content-Type: application/json", "Idempotency-Key: " .. ctx.id },
  }
  if not answer then return nil, message end
  if answer.status < 300 then return true end
  local problem = ("the chat answered %d"):format(answer.status)
  -- too many requests, or a failure of the chat's own: try later
  if answer.status == 429 or answer.status >= 500 then return nil, problem end
  return ctx:cancel(problem)
end

return function(receiver)
  for event in pairs(WORDS) do receiver:on(event, tell) end
end
