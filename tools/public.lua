--- What of this project is public, for tools/reference.lua and the specs that check it: the modules that a program may
--- `require`, and the classes of the objects that they give.
local public = {}

--- Modules, in the order in which the reference has them.
public.MODULES = {
  "http", "inbox", "server", "nginx", "simulator", "samples", "explain", "log", "handlers", "secret_file", "rotation",
  "json", "operations",
}

--- Classes, the file that each is in, and the name that it has there.
public.CLASSES = {
  { name = "marketplace.Notification", file = "notification" },
  { name = "marketplace.Receiver", file = "receiver", owner = "Receiver" },
  { name = "marketplace.Dispatcher", file = "dispatcher/init", owner = "Dispatcher" },
  { name = "marketplace.Context", file = "dispatcher/context", owner = "Context" },
  { name = "marketplace.Inbox", file = "inbox/init" },
  { name = "marketplace.Client", file = "client/init", owner = "Client" },
  { name = "marketplace.Exchange", file = "http", owner = "Exchange" },
  { name = "marketplace.Server", file = "server/init", owner = "Server" },
  { name = "marketplace.Simulator", file = "simulator/init", owner = "Simulator" },
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
  { "inbox", "inbox/init", "open" },
  { "token", "token", "new" },
  { "client", "client/init", "new" },
  { "reconcile", "reconcile/init", "run" },
}

-- Where rocks of this project have their Lua files.
local FOLDERS = { "lua/marketplace/", "simulator/lua/marketplace/" }

local function is_there(path)
  local file = io.open(path)
  return file ~= nil and file:close()
end

--- The file of a module.
---@param name string such as "http", or "client/init"
---@return string path
function public.path_of(name)
  for _, folder in ipairs(FOLDERS) do
    for _, ending in ipairs { ".lua", "/init.lua" } do
      if is_there(folder .. name .. ending) then return folder .. name .. ending end
    end
  end
  error("there is no module " .. name)
end

return public
