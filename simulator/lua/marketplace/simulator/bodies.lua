--- The bodies of answers: a string, or a list of strings, which is how gigabytes are sent that are in no one's memory.
---
--- A list may have the members that marketplace.http_server knows: `length`, what is promised in place of what is
--- sent, or false to promise nothing; `rate`, the most bytes a second.
local bodies = {}

--- As a list, the caller's own.
---@param body string|string[]
---@return string[]
function bodies.list(body)
  if type(body) == "string" then return { body } end
  local list = {}
  for i, piece in ipairs(body) do list[i] = piece end
  list.length, list.rate = body.length, body.rate
  return list
end

--- The number of its bytes.
---@param body string|string[]
---@return integer
function bodies.size(body)
  if type(body) == "string" then return #body end
  local size = 0
  for _, piece in ipairs(body) do size = size + #piece end
  return size
end

--- Its first bytes.
---@param body string|string[]
---@param count integer
---@return string[]
function bodies.first(body, count)
  local list = {}
  for _, piece in ipairs(bodies.list(body)) do
    if count <= 0 then break end
    list[#list + 1] = piece:sub(1, count)
    count = count - #piece
  end
  return list
end

local function changed(piece, at)
  return piece:sub(1, at) .. string.char((piece:byte(at + 1) + 1) % 256) .. piece:sub(at + 2)
end

--- The same with another byte at one place.
---@param body string|string[]
---@param at integer offset; if it is outside, nothing changes
---@return string[]
function bodies.corrupt(body, at)
  local list, from = bodies.list(body), 0
  for i, piece in ipairs(list) do
    if at >= from and at < from + #piece then list[i] = changed(piece, at - from) end
    from = from + #piece
  end
  return list
end

--- As a string. A list that promises more, or has a rate, cannot be one.
---@param body string|string[]
---@return string
function bodies.text(body)
  return type(body) == "string" and body or table.concat(body)
end

return bodies
