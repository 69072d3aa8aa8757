-- Posts what happened to a chat channel, through an incoming webhook of Slack or of anything that takes {"text": ...}:
--
--     CHAT_URL=https://... marketplace serve examples/forward.lua --secret-file secrets.txt
--
-- What cannot be posted now is tried again, with growing pauses, and holds nothing else up; what was tried too often
-- becomes dead, and `marketplace inbox list --event forward --state dead` shows it. A message can come twice if the
-- answer to the first was lost: the chat can recognize it by the header Idempotency-Key. Certificates are verified,
-- against CHAT_CA_FILE if your own chat has one that the system does not know.
local forward = require "marketplace.forward"
local json = require "marketplace.json"

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

local chat = assert(forward.new {
  name = "chat",
  url = assert(os.getenv "CHAT_URL", "CHAT_URL is not set: the address of the chat's incoming webhook"),
  ca_file = os.getenv "CHAT_CA_FILE",
  body = function(n) return json.encode { text = message_of(n) } end,
})

return function(receiver)
  for event in pairs(WORDS) do receiver:on(event, chat) end
end
