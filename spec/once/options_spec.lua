-- The classes of options tables, which people and editors read, and the tables that options.check is given, which stand
-- below them, say the same.
package.path = "tools/?.lua;" .. package.path
local luacats = require "luacats"
local public = require "public"
local raw = require "support.raw_http"
local shell = require "support.shell"

local NAMES = {
  string = "string", number = "number", integer = "number", boolean = "boolean", ["false"] = "boolean",
  userdata = "userdata",
}

-- The alternatives of a type, split where a bar stands outside brackets.
local function alternatives(type_name)
  local list, depth, start = {}, 0, 1
  for place, letter in type_name:gmatch "()(.)" do
    if letter:find "[%(%[{<]" then depth = depth + 1 elseif letter:find "[%)%]}>]" then depth = depth - 1 end
    if letter == "|" and depth == 0 then
      list[#list + 1], start = type_name:sub(start, place - 1), place + 1
    end
  end
  list[#list + 1] = type_name:sub(start)
  return list
end

-- The types of Lua, as type() gives them, that an annotated type has.
local function lua_types(type_name)
  local found = {}
  for _, one in ipairs(alternatives(type_name)) do
    if one:find '^"' then one = "string" end
    local results = one:match "^fun%b()(.*)"
    found[results and "function" or NAMES[one] or "table"] = true
    if results and results ~= "" then break end -- what else there is are types of its results
  end
  return found
end

local function types_of(text)
  local found = {}
  for word in text:gsub("^!", ""):gmatch "[^|]+" do found[word] = true end
  return found
end

local function value_of(literal)
  return assert((loadstring or load)("return " .. literal))() -- luacheck: ignore
end

local function sources()
  local paths = {}
  for path in shell.run "find lua simulator/lua -name '*.lua'":gmatch "%S+" do paths[path] = raw.read_file(path) end
  return paths
end

describe("the options of", function()
  for name, class in pairs(public.options()) do
    local function compare()
      local checked, told = value_of(class.literal), {}
      for _, field in ipairs(luacats.tags(class, "field")) do
        told[field.name] = lua_types(field.type)
        local known = assert.is_string(checked[field.name], field.name) and checked[field.name]
        assert.equal(not field.optional, known:sub(1, 1) == "!", field.name .. ": required or not")
      end
      local expected = {}
      for option, types in pairs(checked) do expected[option] = types_of(types) end
      assert.same(expected, told)
    end
    if class.literal then it(name .. " are the ones that are checked", compare) end
  end

  it("every function that checks them stand below their class", function()
    local checks = 0
    for path, text in pairs(sources()) do
      local constants = {}
      for _, block in ipairs(luacats.read(text).classes) do
        local class = luacats.tags(block, "class")[1].name
        if public.options()[class] and block.constant then constants[block.constant] = true end
      end
      local calls = text:gsub("function options%.check", "")
      for arguments in calls:gmatch "options%.check(%b())" do
        local known = arguments:match "^%([^,]+,[^,]+,%s*([%w_.]+)"
        -- token.lua puts the options of all kinds before those of the kind that is asked for
        assert.is_truthy(known and (constants[known] or path == "lua/marketplace/token.lua"),
          path .. ": options.check" .. arguments)
        checks = checks + 1
      end
    end
    assert.is_true(checks > 15)
  end)
end)
