-- reference.lua FOLDER: writes what the source's comments say of the public functions into FOLDER/docs/reference.md.
local luacats = require "luacats"
local operations = require "marketplace.operations"
local public = require "public"

local FOLDER = arg[1]

local function read(file)
  local stream = assert(io.open(public.path_of(file)))
  local text = stream:read "*a"
  stream:close()
  return luacats.read(text)
end

local function write(path, lines)
  os.execute(("mkdir -p '%s/%s'"):format(FOLDER, path:match "^(.*)/"))
  local file = assert(io.open(FOLDER .. "/" .. path, "w"))
  assert(file:write(table.concat(lines, "\n"), "\n"))
  assert(file:close())
end

local function functions_of(source, owner)
  local found = {}
  for _, one in ipairs(source.functions) do
    if one.owner == owner then found[#found + 1] = one end
  end
  return found
end

local function function_named(source, owner, name)
  for _, one in ipairs(functions_of(source, owner)) do
    if one.name == name then return one end
  end
  error(("there is no function %s of %s"):format(name, owner))
end

local function class_named(source, name)
  for _, block in ipairs(source.classes) do
    if luacats.tags(block, "class")[1].name == name then return block end
  end
  error("there is no class " .. name)
end

local function resource_names()
  local names = {}
  for name in pairs(operations.by_resource) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local function cell(text)
  return (text:gsub("|", "\\|"):gsub("%s+", " "))
end

local function code(text)
  return "`" .. text .. "`"
end

local function add_text(lines, text)
  local in_code = false
  for _, line in ipairs(text) do
    local is_code = line:find "^%s%s+%S" ~= nil
    if is_code ~= in_code then
      if is_code then lines[#lines + 1] = "" end
      lines[#lines + 1] = "```" .. (is_code and "text" or "")
    end
    in_code = is_code
    lines[#lines + 1] = line
  end
  if in_code then lines[#lines + 1] = "```" end
  lines[#lines + 1] = ""
end

local function add_fields(lines, block, kind, head)
  local tags = luacats.tags(block, kind)
  if #tags == 0 then return end
  lines[#lines + 1] = ("| %s | type | |\n| --- | --- | --- |"):format(head)
  for _, tag in ipairs(tags) do
    local name = code(tag.name) .. (tag.optional and " (optional)" or "")
    lines[#lines + 1] = ("| %s | %s | %s |"):format(name, cell(code(tag.type)), cell(tag.text))
  end
  lines[#lines + 1] = ""
end

-- Of a parameter whose type is a class of options, or a union of such.
local function add_options(lines, type_name)
  for name in type_name:gmatch "marketplace%.%w+Options" do
    local class = public.options()[name]
    local parent = luacats.tags(class, "class")[1].text
    local head = parent == "" and code(name) or ("%s, besides %s"):format(code(name), code(parent))
    add_fields(lines, class, "field", head)
  end
end

local function add_returns(lines, block)
  local tags = luacats.tags(block, "return")
  if #tags == 0 then return end
  lines[#lines + 1] = "Returns:\n"
  for place, tag in ipairs(tags) do
    lines[#lines + 1] = ("%d. %s %s"):format(place, code(tag.type), tag.text):gsub("%s+$", "")
  end
  lines[#lines + 1] = ""
end

local function add_function(lines, shown, one)
  lines[#lines + 1] = ("### `%s(%s)`\n"):format(shown, table.concat(one.parameters, ", "))
  add_text(lines, one.block.text)
  add_fields(lines, one.block, "param", "parameter")
  for _, tag in ipairs(luacats.tags(one.block, "param")) do add_options(lines, tag.type) end
  add_returns(lines, one.block)
end

local function add_class(lines, class)
  local source = read(class.file)
  local block = class_named(source, class.name)
  local object = class.name:match "%.(%w+)$":lower()
  lines[#lines + 1] = ("## `%s`\n"):format(class.name)
  if class.name == "marketplace.Inbox" then add_text(lines, source.head.text) end
  if #block.text > 0 then add_text(lines, block.text) end
  add_fields(lines, block, "field", "field")
  for _, one in ipairs(functions_of(source, class.owner)) do add_function(lines, object .. ":" .. one.name, one) end
end

local function required(known)
  local words = {}
  for name, kind in pairs(known or {}) do
    words[#words + 1] = ("`%s`%s"):format(name, kind:sub(1, 1) == "!" and "" or " (optional)")
  end
  table.sort(words)
  return table.concat(words, ", ")
end

local function takes(operation)
  local words = {}
  local function add(words_of_one) if words_of_one ~= "" then words[#words + 1] = words_of_one end end
  if operation.by_id then add "the id" end
  if operation.parent then add(("`%s`"):format(operation.parent)) end
  add(required(operation.attributes))
  add(required(operation.relationships))
  for _, name in ipairs { "fields", "include", "limit", "filter", "exists" } do
    if operation[name] then
      local given = name ~= "fields" and type(operation[name]) == "table" and table.concat(operation[name], ", ")
      add(given and ("`%s` (%s)"):format(name, given) or ("`%s`"):format(name))
    end
  end
  return table.concat(words, ", ")
end

local function add_resources(lines)
  local source = read "client/resources"
  lines[#lines + 1] = "## The resources of a client\n"
  add_text(lines, source.head.text)
  for _, resource in ipairs(resource_names()) do
    lines[#lines + 1] = ("### `client.%s`\n\n| method | request | takes |\n| --- | --- | --- |"):format(resource)
    for _, operation in ipairs(operations.by_resource[resource]) do
      lines[#lines + 1] = ("| `%s` | `%s %s` | %s |"):format(operation.action, operation.method, operation.path,
        takes(operation))
    end
    lines[#lines + 1] = ""
  end
end

local function reference()
  local lines = {
    "# Reference\n",
    "Written by `make docs` from the comments in the source: change them there.\n",
    "A mistake in the program (wrong type, unknown option, an empty secret) raises. What can fail at run time " ..
      "returns nil, a message for people, a stable word for programs (the code), and sometimes a table with details.\n",
    "## `marketplace`\n",
  }
  for _, one in ipairs(public.FACADE) do
    local source = read(one[2])
    local owner = one[2]:gsub("/init$", "")
    add_function(lines, "marketplace." .. one[1], function_named(source, owner, one[3]))
  end
  lines[#lines + 1] = "### `marketplace.null`\n\nJSON null in `attributes` and `relationships`; equal to cjson.null.\n"
  lines[#lines + 1] = "### `marketplace._VERSION`\n\nThe name and the version, as one string.\n"
  for _, class in ipairs(public.CLASSES) do
    add_class(lines, class)
    if class.name == "marketplace.Client" then add_resources(lines) end
  end
  for _, name in ipairs(public.MODULES) do
    local source, shown = read(name), public.table_of(name)
    lines[#lines + 1] = ("## `marketplace.%s`\n"):format(name)
    if name ~= "inbox" then add_text(lines, source.head.text) end
    for _, one in ipairs(functions_of(source, shown)) do add_function(lines, shown .. "." .. one.name, one) end
    for _, one in ipairs(source.values) do
      if one.owner == shown then
        lines[#lines + 1] = ("### `%s.%s`\n"):format(shown, one.name)
        add_text(lines, one.block.text)
      end
    end
  end
  while lines[#lines]:find "^\n*$" do lines[#lines] = nil end
  return lines
end

write("docs/reference.md", reference())
