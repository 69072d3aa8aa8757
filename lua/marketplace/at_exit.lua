--- Has something done before os.exit ends the process, as a callback may have it do.
local core = require "marketplace.core"

--- Replaces os.exit by one that first calls `work`; what that raises is of no account. In a forked child it does not:
--- what its parent has to say is not the child's to say, too.
---@param work fun()
---@return fun() restore puts back the former one
return function(work)
  local exit, owner = os.exit, core.process_id()
  local function exit_after_work(...)
    if core.process_id() == owner then pcall(work) end
    return exit(...)
  end
  rawset(os, "exit", exit_after_work)
  return function()
    if os.exit == exit_after_work then rawset(os, "exit", exit) end
  end
end
