--- nginx's current request as Receiver:receive takes it, and the receiver's answer as nginx's.
local core = require "marketplace.core"

local request = {}

local function remote_address()
  return ngx.var.remote_addr
end

--- The request's head.
---@return table head {method=, signature=, encoding=, length=, remote=}
function request.head()
  -- 0, no limit on their number: nginx bounds their bytes, and beyond a limit a second signature would not be seen
  local headers = ngx.req.get_headers(0)
  return {
    method = ngx.req.get_method(), signature = rawget(headers, "x-apple-signature"),
    encoding = rawget(headers, "content-encoding"), length = rawget(headers, "content-length"),
    remote = remote_address,
  }
end

--- The body of the current request, from memory or from the file that nginx put it into.
---@param max_body integer bytes; a longer file is not read
---@return string|nil body
---@return string? fault "too_large" or "unreadable"
---@return string? problem why it is unreadable
function request.read_body(max_body)
  ngx.req.read_body()
  local body = ngx.req.get_body_data()
  if body then return body end
  local path = ngx.req.get_body_file()
  if not path then return "" end
  local read, problem, code = core.read_file(path, max_body)
  if read then return read end
  if code == "too_large" then return nil, "too_large" end
  return nil, "unreadable", problem
end

--- Answers the current request.
---@param status integer
---@param headers table<string, string>
---@param body string
function request.answer(status, headers, body)
  local header = ngx.header
  header["content-length"] = #body
  -- what nginx answers by default
  if status == 200 and body == "" then return end
  ngx.status = status
  for name, value in pairs(headers) do header[name] = value end
  ngx.print(body)
end

return request
