--- nginx's current request as Receiver:receive takes it, and the receiver's answer as nginx's.
local core = require "marketplace.core"

local request = {}

local function remote_address()
  return ngx.var.remote_addr
end

-- From HTTP/2 on the end of a body needs no header.
local function has_no_length(method, headers)
  return method == "POST" and not rawget(headers, "content-length") and not rawget(headers, "transfer-encoding")
    and ngx.req.http_version() < 2
end

--- The request's head.
---@return table head {method=, signature=, encoding=, length=, traceparent=, request_id=, fault=, remote=}; request_id:
--- nginx's own, as $request_id in its access log
function request.head()
  -- 0, no limit on their number: nginx bounds their bytes, and beyond a limit a second signature would not be seen
  local headers, method = ngx.req.get_headers(0), ngx.req.get_method()
  return {
    method = method, signature = rawget(headers, "x-apple-signature"),
    encoding = rawget(headers, "content-encoding"), length = rawget(headers, "content-length"),
    traceparent = rawget(headers, "traceparent"), request_id = ngx.var.request_id,
    fault = has_no_length(method, headers) and "no_length" or nil, remote = remote_address,
  }
end

--- The current request without its body, for a responder.
---@return {method: string, path: string, headers: table<string, string|string[]>, remote: string, fault: string|nil}
--- path: as nginx has it, decoded, normalized and perhaps rewritten, without the query; headers: in lower case
function request.whole()
  local headers, method = ngx.req.get_headers(0), ngx.req.get_method()
  return {
    method = method, path = ngx.var.uri, headers = setmetatable(headers, nil), remote = ngx.var.remote_addr,
    fault = has_no_length(method, headers) and "no_length" or nil,
  }
end

--- A path with the query of the current request.
---@param path string
---@return string
function request.with_query(path)
  local query = ngx.var.args
  return query and query ~= "" and ("%s?%s"):format(path, query) or path
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

--- Whether `answer` has refused the current request.
---@return boolean
function request.is_answered()
  return ngx.ctx.marketplace_answered == true
end

--- Answers the current request.
---@param status integer
---@param headers table<string, string>
---@param body string
function request.answer(status, headers, body)
  local header = ngx.header
  header["content-length"] = #body
  for name, value in pairs(headers) do header[name] = value end
  -- what nginx answers by default
  if status == 200 and body == "" then return end
  ngx.ctx.marketplace_answered = true
  ngx.status = status
  ngx.print(body)
end

return request
