--- Reads the documentation in a Lua file: the LuaCATS comments (lines that begin with "---") above its functions,
--- classes and values, as this project writes them. A tag's text may go on in the lines below it.
local luacats = {}

-- The position at which a type ends after a tag: brackets may hold spaces, and so may the results of "fun(...):".
local function type_end(text)
  local place = 1
  repeat
    local is_signature = text:find("^[^%s%(]*fun%(", place)
    local depth = 0
    while place <= #text and (depth > 0 or not text:find("^%s", place)) do
      local letter = text:sub(place, place)
      if letter:find "[%(%[{<]" then depth = depth + 1 elseif letter:find "[%)%]}>]" then depth = depth - 1 end
      place = place + 1
    end
    local last = text:sub(place - 1, place - 1)
    local goes_on = (is_signature or last == ",") and (last == ":" or last == ",") and text:match("^%s+()", place)
    place = goes_on or place
  until not goes_on
  return place
end

local function split_type(text)
  local place = type_end(text)
  return text:sub(1, place - 1), (text:sub(place):gsub("^%s+", ""))
end

local READ = {}

function READ.param(text)
  local name, rest = text:match "^(%S+)%s+(.*)$"
  assert(name, "a @param needs a name and a type: " .. text)
  local type_name, description = split_type(rest)
  return { name = name:gsub("%?$", ""), optional = name:sub(-1) == "?", type = type_name, text = description }
end

READ.field = READ.param

READ["return"] = function(text)
  local type_name, description = split_type(text)
  return { type = type_name, text = description }
end

function READ.class(text)
  local name, rest = text:match "^([%w_.]+)%s*:?%s*(.*)$"
  return { name = name, text = rest }
end

-- The parts of a block of comment lines: what stands before the first tag, and the tags in their order.
local function read_block(lines)
  local block = { lines = lines, text = {}, tags = {} }
  local tag
  for _, line in ipairs(lines) do
    local kind, rest = line:match "^%-%-%-@(%w+)%s*(.*)$"
    if kind then
      tag = { kind = kind, raw = rest }
      block.tags[#block.tags + 1] = tag
    else
      local words = line:match "^%-%-%- ?|?(.*)$"
      if tag then tag.raw = tag.raw .. "\n" .. words else block.text[#block.text + 1] = words end
    end
  end
  for _, one in ipairs(block.tags) do
    local read = READ[one.kind]
    if read then
      for name, value in pairs(read((one.raw:gsub("\n", " ")))) do one[name] = value end
    end
  end
  return block
end

--- The tags of a block that are of one kind, such as "param".
---@param block table|nil
---@param kind string
---@return table[]
function luacats.tags(block, kind)
  local found = {}
  for _, tag in ipairs(block and block.tags or {}) do
    if tag.kind == kind then found[#found + 1] = tag end
  end
  return found
end

local function names_of(list)
  local names = {}
  for name in list:gmatch "[%w_.]+" do names[#names + 1] = name end
  return names
end

local function lines_of(text)
  local lines = {}
  for line in (text .. "\n"):gmatch "(.-)\n" do lines[#lines + 1] = line end
  return lines
end

-- Up to the `end` that is indented as `function` is.
local function body_of(lines, first)
  if lines[first]:find "%f[%w]end%s*$" then return lines[first]:match "%b()(.*)" end
  local body = {}
  for place = first + 1, #lines do
    if lines[place]:find "^end" then break end
    body[#body + 1] = lines[place]
  end
  return table.concat(body, "\n")
end

local function add(found, block, lines, place)
  local line = lines[place] or ""
  local name, list = line:match "^function ([%w_.:]+)%((.-)%)"
  if name then
    local owner, separator, own = name:match "^(.-)([.:])([%w_]+)$"
    found.functions[#found.functions + 1] = {
      owner = owner, separator = separator, name = own, parameters = names_of(list), block = block,
      body = body_of(lines, place),
    }
  elseif block and line:find "^[%w_]+%.[%w_]+ = " then
    local owner, own = line:match "^([%w_]+)%.([%w_]+)"
    found.values[#found.values + 1] = { owner = owner, name = own, block = block }
  elseif block and luacats.tags(block, "class")[1] then
    block.constant, block.literal = table.concat(lines, "\n", place):match "^local ([%u_]+) = [^\n{]*(%b{})"
    found.classes[#found.classes + 1] = block
  elseif block and luacats.tags(block, "alias")[1] then
    found.aliases[#found.aliases + 1] = block
  elseif block and not found.head then
    found.head = block
  end
end

--- What a file's text says.
---@param text string
---@return table found {head=, functions=, values=, classes=, aliases=}: the block that the file begins with; its named
--- functions, also those without a comment, each {owner=, separator=, name=, parameters=, block=, body=}; the values
--- with a comment that are put into a table, each {owner=, name=, block=}; blocks of classes and
--- aliases. A block is {lines=, text=, tags=}; that of a class that stands above a table, a constant, has
--- its name and its text too, constant= and literal=.
function luacats.read(text)
  local found = { functions = {}, values = {}, classes = {}, aliases = {} }
  local lines, comment = lines_of(text), {}
  for place, line in ipairs(lines) do
    if line:find "^%-%-%-" then
      comment[#comment + 1] = line
    else
      add(found, #comment > 0 and read_block(comment) or nil, lines, place)
      comment = {}
    end
  end
  return found
end

local OPENS = { ["function"] = true, ["if"] = true, ["do"] = true, ["repeat"] = true }

--- Whether a function's body returns a value: a `return` of its own, not one of a function inside it.
---@param body string
---@return boolean
function luacats.returns(body)
  local code = body:gsub("%-%-[^\n]*", ""):gsub("%[%[.-%]%]", "''"):gsub('\\.', ""):gsub('"[^"\n]*"', "''")
  local open, depth = {}, 0
  for word, after in code:gmatch "%f[%w_]([%a_][%w_]*)()" do
    if OPENS[word] then
      open[#open + 1] = word
      if word == "function" then depth = depth + 1 end
    elseif word == "end" or word == "until" then
      if table.remove(open) == "function" then depth = depth - 1 end
    elseif word == "return" and depth == 0 then
      local value = code:match("^%s*(%S+)", after)
      if value and value ~= "end" and not value:find "^;" then return true end
    end
  end
  return false
end

return luacats
