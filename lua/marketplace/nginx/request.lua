--- nginx's current request as the receiver takes it, and the receiver's answer as nginx's.
local request = {}

local WANTED = { "x-apple-signature", "content-encoding", "content-length" }

-- Who asks for the address is a refusal's log entry: most requests need not know it.
local LAZY = {
  __index = function(_, name)
    if name == "remote" then return ngx.var.remote_addr end
  end,
}

--- The request's method and those of its headers that matter; one that came more than once is a list.
---@return table request {method=, headers=}
function request.head()
  -- all of them, however many: nginx has bounded their bytes, and of more than a limit the second signature might be
  -- the one that is left out
  local given, headers = ngx.req.get_headers(0), {}
  for i = 1, #WANTED do
    local name = WANTED[i]
    headers[name] = rawget(given, name)
  end
  return setmetatable({ method = ngx.req.get_method(), headers = headers }, LAZY)
end

local function read_file(path, max_body)
  local file, problem = io.open(path, "rb")
  if not file then return nil, "unreadable", problem end
  local size = file:seek("end")
  if size > max_body then
    file:close()
    return nil, "too_large"
  end
  file:seek("set")
  local body = file:read(size) or ""
  file:close()
  if #body ~= size then return nil, "unreadable", path .. " is shorter than it was" end
  return body
end

--- The body of the current request, from memory or from the file that nginx put it into.
---@param max_body integer bytes; a longer file is not read
---@return string|nil body
---@return string? fault "too_large" or "unreadable"
---@return string? problem
function request.read_body(max_body)
  ngx.req.read_body()
  local body = ngx.req.get_body_data()
  if body then return body end
  local path = ngx.req.get_body_file()
  if not path then return "" end
  return read_file(path, max_body)
end

--- Answers the current request.
---@param status integer
---@param headers table<string, string>
---@param body string
function request.answer(status, headers, body)
  ngx.status = status
  local header = ngx.header
  for name, value in pairs(headers) do header[name] = value end
  header["content-length"] = #body
  ngx.print(body)
end

return request
