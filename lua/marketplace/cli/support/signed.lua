--- Notifications posted to a receiver as App Store Connect posts them.
local http = require "marketplace.http"

local signed = {}

--- Posts a body with its signature, even over plain HTTP to other machines: this tests a receiver, wherever it is.
---@param url string
---@param body string
---@param header string value of x-apple-signature
---@param timeout number seconds
---@param ca_file? string certificates to trust in place of the system's
---@return table|nil response {status=, headers=, body=}
---@return string? message
function signed.post(url, body, header, timeout, ca_file)
  return http.exchange {
    method = "POST", url = url, body = body, timeout = timeout, ca_file = ca_file, plain = true,
    headers = { "content-type: application/json", "x-apple-signature: " .. header },
  }
end

return signed
