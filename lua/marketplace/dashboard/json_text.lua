--- JSON laid out for reading, as it was written: numbers, escapes and members that come twice stay what they are. What
--- is no JSON, or was cut off, comes out in some order, in a time that is linear in its length.
local json_text = {}

local INDENT, MOST_DEPTH = "  ", 20

local function string_end(source, first)
  local from = first + 1
  while true do
    local at = source:find('["\\]', from)
    if not at then return #source end
    if source:byte(at) == 34 then return at end
    from = at + 2
  end
end

local function new_line(depth)
  return "\n" .. INDENT:rep(math.min(depth, MOST_DEPTH))
end

local AFTER = {}

-- Each returns what is written of the bytes at `at`, where it goes on, and the depth.
local function opening(source, at, depth)
  local after = source:match("^%s*[}%]]()", at + 1)
  if after then return source:sub(at, at) .. source:sub(after - 1, after - 1), after, depth end
  return source:sub(at, at) .. new_line(depth + 1), at + 1, depth + 1
end

local function closing(source, at, depth)
  depth = math.max(0, depth - 1)
  return new_line(depth) .. source:sub(at, at), at + 1, depth
end

AFTER["{"], AFTER["["], AFTER["}"], AFTER["]"] = opening, opening, closing, closing
AFTER[","] = function(_, at, depth) return "," .. new_line(depth), at + 1, depth end
AFTER[":"] = function(_, at, depth) return ": ", at + 1, depth end
AFTER['"'] = function(source, at, depth)
  local last = string_end(source, at)
  return source:sub(at, last), last + 1, depth
end

local function word(source, at, depth)
  local last = select(2, source:find('^[^%s{}%[%],:"]+', at))
  return source:sub(at, last), last + 1, depth
end

--- Lays a text out.
---@param source string
---@param most integer bytes of the result, after which it is cut off
---@return string
---@return boolean whole whether all of it is there
function json_text.pretty(source, most)
  local parts, size, depth = {}, 0, 0
  local at = source:match "^%s*()"
  while at <= #source do
    local part
    part, at, depth = (AFTER[source:sub(at, at)] or word)(source, at, depth)
    parts[#parts + 1], size = part, size + #part
    if size > most then return table.concat(parts), false end
    at = source:match("^%s*()", at)
  end
  return table.concat(parts), true
end

return json_text
