---@meta marketplace.explain
-- Written by `make docs` from the comments in the source: change them there.

---@class marketplace.explain
local explain = {}

--- Explains.
---@param secrets string[] 1 to 8, none empty
---@param body string the bytes as they arrived
---@param header string|nil the value of x-apple-signature as it arrived
---@return table explanation {valid=, secret=, findings=}: whether it verifies as it is; the index of the secret that
--- matches, if any does; what is wrong, each {cause=, advice=}, empty where it is valid
function explain.signature(secrets, body, header) end

return explain
