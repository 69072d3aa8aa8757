--- Which options a function takes, as the function itself checks them: it is called, and stopped where it looks.
local options = require "marketplace.options"
local public = require "public"

local known_options = {}

-- nginx's own modules, which the module for nginx needs only later.
local function load_nginx()
  local function nothing() return setmetatable({}, { __index = function() return 0 end }) end
  local kept = rawget(_G, "ngx")
  rawset(_G, "ngx", nothing())
  for _, name in ipairs { "ngx.semaphore", "ngx.errlog" } do package.loaded[name] = nothing() end
  local module = require "marketplace.nginx"
  rawset(_G, "ngx", kept)
  return module
end

local function function_of(name)
  local holder, own = name:match "^(%w+)%.(%w+)$"
  if holder == "marketplace" then return require("marketplace")[own] end
  return (holder == "nginx" and load_nginx() or require("marketplace." .. holder))[own]
end

local function asked_of(call, given)
  local check, known = options.check, nil
  options.check = function(_, _, asked)
    known = asked
    error "stopped where it looks at its options"
  end
  pcall(call, given)
  options.check = check
  return assert(known, "it looks at no options")
end

--- The options of a function.
---@param name string as public.OPTIONS has it
---@return {name: string, type: string, required: boolean}[] list sorted by name
function known_options.of(name)
  local found, list, calls = {}, {}, public.OPTIONS[name]
  for _, given in ipairs(calls) do
    for option, types in pairs(asked_of(function_of(name), given)) do
      local one = found[option] or { name = option, type = types:gsub("^!", ""), times = 0 }
      if types:sub(1, 1) == "!" then one.times = one.times + 1 end
      if not found[option] then list[#list + 1] = one end
      found[option] = one
    end
  end
  for _, one in ipairs(list) do one.required = one.times == #calls end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

return known_options
