--- The texts in the source of the command that operators read, and which of them a text does not have.
local exceptions = require "support.messages.exceptions"
local raw = require "support.raw_http"
local shell = require "support.shell"

local literals = {}

local FOLDERS = "lua/marketplace/cli simulator/lua/marketplace/cli"

-- The strings of a line of Lua, without its comment.
local function strings_of(line)
  local list, at = {}, 1
  while true do
    local start = line:find("[\"'%-%[]", at)
    if not start then return list end
    local letter = line:sub(start, start)
    if line:find("^%-%-", start) then return list end
    local value, after
    if letter == '"' or letter == "'" then
      value, after = line:match("^" .. letter .. "(.-)" .. letter .. "()", start)
      while value and value:find "\\$" do
        local more
        more, after = line:match("^(.-)" .. letter .. "()", after)
        value = value .. letter .. more
      end
    end
    if value then list[#list + 1] = value end
    at = after or start + 1
  end
end

-- Words for people, and not a pattern, a column or a statement.
local function is_text(value)
  local _, count = value:gsub("%a%a+", "")
  return count >= 3 and value:find "%l%l+ %l" ~= nil and not value:find "[%^%$]" and not value:find "%%[%w]%+"
end

-- The longest part of it that is written as it stands.
local function part_of(value)
  local longest = ""
  for part in value:gsub("%%%-?[%d.]*[sdf]", "\1"):gmatch "[^\1]+" do
    if #part > #longest then longest = part end
  end
  local unescaped = longest:gsub("\\n", " "):gsub('\\"', '"'):gsub("%%%%", "%%"):gsub("%s+", " ")
  return (unescaped:gsub("^ ", ""):gsub(" $", ""))
end

local function key_of(path, value) return path:match "[^/]*/?[^/]*$" .. ": " .. value end

--- The texts that are not there, each with the end of its file's path.
---@param all string what is written, in one line
---@return string[]
function literals.missing(all)
  local list, used = {}, {}
  for path in shell.run("find " .. FOLDERS .. " -name '*.lua' | sort"):gmatch "%S+" do
    local text = path:find "/examples%.lua$" and "" or raw.read_file(path)
    for line in text:gmatch "[^\n]+" do
      for _, value in ipairs(strings_of(line)) do
        local is_known = exceptions[value] ~= nil
        used[value] = is_known or nil
        if is_text(value) and not is_known and not all:find(part_of(value), 1, true) then
          list[#list + 1] = key_of(path, value)
        end
      end
    end
  end
  for value in pairs(exceptions) do
    if not used[value] then list[#list + 1] = "an exception that is not in the source: " .. value end
  end
  return list
end

return literals
