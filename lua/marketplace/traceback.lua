--- Errors in an operator's Lua as the operator reads them: what happened and where, and from where that was called;
--- without the frames of this project and of Lua's own functions.
local traceback = {}

local OWN = debug.getinfo(1, "S").source:match "^(.*/)[^/]*$" or "@marketplace/"
local NOT_FOUND = "not found, neither beside this file nor where Lua looks for modules (package.path, package.cpath)"
local FIRST = 3 -- level of what raised: this function's caller is called by Lua
local MOST_SHOWN, MOST_LEVELS = 10, 200 -- a stack overflow has many, and each is looked for from the top

local function is_shown(frame)
  return frame.what ~= "C" and frame.currentline > 0 and frame.source:sub(1, #OWN) ~= OWN
end

local function add_callers(message)
  local lines, level = { message }, FIRST
  local frame = debug.getinfo(level, "Slf")
  while frame and frame.func ~= xpcall and level < MOST_LEVELS and #lines <= MOST_SHOWN do
    local place = ("%s:%d"):format(frame.short_src, frame.currentline)
    -- the message itself mostly begins with the first one
    if is_shown(frame) and message:sub(1, #place + 1) ~= place .. ":" then
      lines[#lines + 1] = "  called from " .. place
    end
    level = level + 1
    frame = debug.getinfo(level, "Slf")
  end
  return table.concat(lines, "\n")
end

local function shown(raised)
  local ok, told = pcall(tostring, raised)
  local metatable = getmetatable(raised)
  if ok and type(told) == "string" and type(metatable) == "table" and metatable.__tostring then return told end
  return ("a %s was raised in place of a message"):format(type(raised))
end

local function describe(raised)
  if type(raised) ~= "string" and type(raised) ~= "number" then raised = shown(raised) end
  return add_callers((tostring(raised):gsub("not found:\n\tno field.*", NOT_FOUND)))
end

--- Calls an operator's function.
---@param called fun(): any, any
---@return boolean ok
---@return any value the first that it returned, or a string: what was raised, and from where
---@return any second that it returned
function traceback.call(called)
  local ok, value, second = xpcall(called, describe)
  -- so says LuaJIT if a stack overflow leaves no room for the handler
  if not ok and value == "error in error handling" then value = "stack overflow" end
  return ok, value, second
end

return traceback
