--- The texts in the source of the command that operators read, and which of them a text does not have.
local exceptions = require "support.messages.exceptions"
local raw = require "support.raw_http"
local shell = require "support.shell"

local literals = {}

-- The command, and what of the rest speaks of what is typed or put into files.
local PATHS = table.concat({
  "lua/marketplace/cli", "simulator/lua/marketplace/cli", "lua/marketplace/event_types.lua",
  "lua/marketplace/folders.lua", "lua/marketplace/handlers.lua", "lua/marketplace/inbox/sqlite/backup.lua",
  "lua/marketplace/inbox/url.lua", "lua/marketplace/lua_file.lua", "lua/marketplace/secret_file.lua",
}, " ")

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
        local more, next_after = line:match("^(.-)" .. letter .. "()", after)
        if not more then break end
        value, after = value .. letter .. more, next_after
      end
    end
    if value then list[#list + 1] = value end
    at = after or start + 1
  end
end

-- What a sentence has, and a list of names has not.
local SMALL = {}
local WORDS = "a an and are as at by for has have in is it must no not of or so than that the to was with"
for word in WORDS:gmatch "%l+" do SMALL[word] = true end

-- Words for people, and not a pattern, a column, a statement or a list of names.
local function is_text(value)
  local count, is_sentence = 0, value:find "%%[sd]" ~= nil
  for word in value:gmatch "%a+" do
    count, is_sentence = count + (#word > 1 and 1 or 0), is_sentence or SMALL[word] == true
  end
  local is_pattern = value:find "[%^%$]" or value:find "%%[%w]%+"
  return count >= 3 and is_sentence and not is_pattern and value:find "%l%l+ %l" ~= nil
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
  for path in shell.run("find " .. PATHS .. " -name '*.lua' | sort"):gmatch "%S+" do
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
