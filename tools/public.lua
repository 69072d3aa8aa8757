--- What of this project is public, for tools/reference.lua and the specs that check it: the modules that a program may
--- `require`, and the classes of the objects that they return.
local luacats = require "luacats"

local public = {}

--- Modules, in the order in which the reference has them.
public.MODULES = {
  "http", "inbox", "server", "nginx", "simulator", "simulator.device", "samples", "explain", "log", "log_queue",
  "handlers", "secret_file", "rotation", "json", "operations",
}

--- Classes, the file that each is in, and the name that it has there.
public.CLASSES = {
  { name = "marketplace.Notification", file = "notification" },
  { name = "marketplace.Receiver", file = "receiver", owner = "Receiver" },
  { name = "marketplace.Dispatcher", file = "dispatcher/init", owner = "Dispatcher" },
  { name = "marketplace.Alert", file = "alerts/init" },
  { name = "marketplace.Forward", file = "forward/init", owner = "Forward" },
  { name = "marketplace.ForwardAbout", file = "forward/init" },
  { name = "marketplace.ForwardOutcome", file = "forward/answer" },
  { name = "marketplace.Context", file = "dispatcher/context", owner = "Context" },
  { name = "marketplace.Inbox", file = "inbox/init" },
  { name = "marketplace.InboxFilter", file = "inbox/fields" },
  { name = "marketplace.InboxBacklog", file = "inbox/init" },
  { name = "marketplace.Client", file = "client/init", owner = "Client" },
  { name = "marketplace.Exchange", file = "http", owner = "Exchange" },
  { name = "marketplace.Packages", file = "packages/init", owner = "Packages" },
  { name = "marketplace.Device", file = "device/init", owner = "Device" },
  { name = "marketplace.Spotlight", file = "spotlight/init", owner = "Spotlight" },
  { name = "marketplace.Dashboard", file = "dashboard/init", owner = "Dashboard" },
  { name = "marketplace.SpotlightEntry", file = "spotlight/entry" },
  { name = "marketplace.CheckFinding", file = "check/findings" },
  { name = "marketplace.Server", file = "server/init", owner = "Server" },
  { name = "marketplace.Simulator", file = "simulator/init", owner = "Simulator" },
  { name = "marketplace.SimulatorAssetOptions", file = "simulator/packages/shape" },
  { name = "marketplace.SimulatedDevice", file = "simulator/device/init", owner = "SimulatedDevice" },
  { name = "marketplace.SimulatedDeviceReport", file = "simulator/device/report" },
  { name = "marketplace.SimulatedDeviceApp", file = "simulator/device/report" },
}

--- What the module `marketplace` has, and which function of which file each is.
public.FACADE = {
  { "sign", "signature", "sign" },
  { "verify", "signature", "verify" },
  { "fingerprint", "signature", "fingerprint" },
  { "parse", "notification", "parse" },
  { "to_table", "notification", "to_table" },
  { "receiver", "receiver", "new" },
  { "dispatcher", "dispatcher/init", "new" },
  { "forward", "forward/init", "new" },
  { "inbox", "inbox/init", "open" },
  { "token", "token", "new" },
  { "client", "client/init", "new" },
  { "packages", "packages/init", "new" },
  { "device", "device/init", "new" },
  { "spotlight", "spotlight/init", "new" },
  { "dashboard", "dashboard/init", "new" },
  { "check", "check/init", "run" },
  { "reconcile", "reconcile/init", "run" },
}

-- The folders in which this project's rocks have their Lua files.
local FOLDERS = { "lua/marketplace/", "simulator/lua/marketplace/" }

local function is_there(path)
  local file = io.open(path)
  return file ~= nil and file:close()
end

--- The name that a module's table has in its file.
---@param name string of MODULES
---@return string
function public.table_of(name)
  return name:match "[^.]+$"
end

--- The file of a module.
---@param name string such as "http", "simulator.device" or "client/init"
---@return string path
function public.path_of(name)
  name = name:gsub("%.", "/")
  for _, folder in ipairs(FOLDERS) do
    for _, ending in ipairs { ".lua", "/init.lua" } do
      if is_there(folder .. name .. ending) then return folder .. name .. ending end
    end
  end
  error("there is no module " .. name)
end

local function lua_files()
  local pipe = assert(io.popen "find lua simulator/lua -name '*.lua' | sort")
  local paths = {}
  for path in pipe:lines() do paths[#paths + 1] = path end
  pipe:close()
  return paths
end

local function add_option_classes(found, path)
  local file = assert(io.open(path))
  local source = luacats.read(file:read "*a")
  file:close()
  for _, block in ipairs(source.classes) do
    local name = luacats.tags(block, "class")[1].name
    if name:find "Options$" or name:find "Filter$" then
      block.path, found[name] = path, block
    end
  end
end

local option_classes

--- The classes of tables of options and of filters in all Lua files.
---@return table<string, table> blocks of luacats.read by the name of the class, with the file's path= too
function public.options()
  if not option_classes then
    option_classes = {}
    for _, path in ipairs(lua_files()) do add_option_classes(option_classes, path) end
  end
  return option_classes
end

return public
