-- The device as a configuration of nginx has it. PACKAGES_FOLDER and KEY_FILE name what it answers with.
local marketplace = require "marketplace"
local nginx = require "marketplace.nginx"

local function add_device(receiver)
  receiver:add_responder(assert(marketplace.device {
    packages = assert(marketplace.packages { folder = os.getenv "PACKAGES_FOLDER" }),
    token = { key_id = "KEY1", marketplace_id = "6740012345", key_file = os.getenv "KEY_FILE" },
    base_url = "https://market.example/device", packages_url = "https://packages.market.example",
    authenticate = function(request)
      if request.headers.authorization ~= "Bearer a-session" then return nil end
      return "4711", "DEU"
    end,
  }))
end

nginx.init { secrets = "a-secret-for-measuring", inbox = "memory", dispatch = true, handlers = add_device }

return nginx.device
