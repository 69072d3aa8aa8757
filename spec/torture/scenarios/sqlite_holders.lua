--- Scenarios of holders of leases in an inbox in a SQLite file.
local sqlite = require "marketplace.sqlite"

return {
  {
    covers = {
      "sqlite.make_holders", "sqlite.holder", "sqlite.holder:number", "sqlite.holder:close", "sqlite.is_held",
    },
    setup = os.tmpname,
    run = function(path)
      local made, message, code = sqlite.make_holders(path)
      if not made then return made, message, code end
      local holder, problem, its_code = sqlite.holder(path)
      if not holder then return holder, problem, its_code end
      local held, why, why_code = sqlite.is_held(path, holder:number())
      holder:close()
      return held, why, why_code
    end,
    teardown = os.remove,
  },
  { covers = { "sqlite.is_held" }, run = function() return sqlite.is_held("/nowhere/at/all", 1) end,
    codes = { "out_of_memory", "file_missing" } },
}
