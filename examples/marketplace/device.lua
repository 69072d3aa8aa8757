-- How iPhones are answered: the options of marketplace.device. `marketplace check` can read this file, too.
local sessions = require "sessions" -- such a file may require what is beside it

local folder = debug.getinfo(1, "S").source:match "^@(.*/)"

-- register.lua wrote it: the id that App Store Connect gave the public key.
local function key_id()
  local file = assert(io.open(folder .. "install-key-id"))
  local id = assert(file:read "*l")
  file:close()
  return id
end

return {
  packages = folder .. "packages",
  token = { key_id = key_id(), key_file = folder .. "install-key.p8", marketplace_id = "6740012345" },
  base_url = "https://localhost:8443/device",
  packages_url = "https://localhost:8443",
  share_url = "https://localhost:8443/apps/{appleItemId}",
  authenticate = sessions.authenticate,
  licensing = {
    socket = folder .. "licences.sock", -- where your program with Apple's SDK listens
    key_file = folder .. "encryption.pem",
    encryption_certificate_file = folder .. "encryption.cer", signing_certificate_file = folder .. "signing.cer",
  },
}
