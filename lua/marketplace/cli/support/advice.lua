--- What to do about failures whose messages others write: App Store Connect's answers, and the network's.
local advice = {}

local ADVICE = {
  { ": 401 NOT_AUTHORIZED", "App Store Connect does not accept the key: see that --key-file, --key-id and " ..
    "--issuer-id belong together, that the key is not revoked, and that this machine's clock is right; " ..
    "`marketplace check` says what is wrong" },
  { "REQUIRED_AGREEMENTS_MISSING_OR_EXPIRED", "the account's holder has to sign the agreements at " ..
    "https://appstoreconnect.apple.com/business" },
  { "127%.0%.0%.1 port %d+ ", "nothing listens there: start what is to answer, or name another address" },
  { "RATE_LIMIT_EXCEEDED", "others use the same key, too: leave them time, or use a key of its own" },
}

--- A message, and what to do about it if that is known.
---@param message string
---@return string
function advice.add(message)
  for _, one in ipairs(ADVICE) do
    if message:find(one[1]) then return ("%s\n%s"):format(message, one[2]) end
  end
  return message
end

return advice
