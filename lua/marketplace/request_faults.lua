--- What is wrong with a request for a notification, before its signature is compared.
---
--- Each function returns the kind of the answer (marketplace.responses), the reason for the log, its code and perhaps
--- the log's level; nothing if all is well.
local request_head = require "marketplace.request_head"

local request_faults = {}

local TOO_LARGE = "the body is larger than the limit"

local HEAD_FAULTS = {
  malformed = { "malformed", "the request can be read in more than one way" },
  no_length = { "no_length", "it says not how long its body is" },
  no_request = { "malformed", "what came is not an HTTP request" },
}

-- Anybody can make up a header in the form of a signature; scanners do not, and cost no more than their heads.
local function of_signature(header, keyring)
  if header ~= nil and type(header) ~= "string" then
    return "refused", "the signature header came more than once", "signature_malformed"
  end
  local ok, message, code = keyring:check(header)
  if not ok then return "refused", message, code end
end

--- Of its head.
---@param head table as of Receiver:receive
---@param keyring table of marketplace.signature
---@param max_body integer bytes
---@return string|nil kind
---@return string? reason
---@return string? code
function request_faults.of_head(head, keyring, max_body)
  local found = HEAD_FAULTS[head.fault]
  if found then return found[1], found[2], head.fault end
  if head.method ~= "POST" then return "not_post", "not a POST", "not_post" end
  if head.encoding and not request_head.is_identity(head.encoding) then
    return "encoded", "the body is encoded", "encoded"
  end
  if head.length and request_head.declares_more(head.length, max_body) then
    return "too_large", TOO_LARGE, "too_large"
  end
  return of_signature(head.signature, keyring)
end

local FAULTS = {
  timeout = { "timeout", "the body was not complete in time" },
  too_large = { "too_large", TOO_LARGE },
  overloaded = { "unavailable", "too much is being received at once" },
  unread = { "unavailable", "the body was wanted, and was not received", "error", "failed" },
  unreadable = { "unavailable", "the body cannot be read back from its temporary file", "error" },
}

--- Of its body.
---@param body string
---@param max_body integer bytes
---@param fault string|nil why there is none
---@param problem string|nil what the system said of that
---@return string|nil kind
---@return string? reason
---@return string? code
---@return string? level
function request_faults.of_body(body, max_body, fault, problem)
  local found = FAULTS[fault]
  if found then return found[1], problem and found[2] .. ": " .. problem or found[2], found[4] or fault, found[3] end
  if #body > max_body then return "too_large", TOO_LARGE, "too_large" end
end

return request_faults
