-- Keeps a catalogue true, in the SQLite file that CATALOGUE names (catalogue.db):
--
--     CATALOGUE=catalogue.db marketplace serve examples/catalogue/handlers.lua --secret-file secrets.txt
--     lua5.4 examples/catalogue/list.lua catalogue.db FRA
local folder = debug.getinfo(1, "S").source:match "^@(.*/)" or "./"
local catalogue = dofile(folder .. "catalogue.lua")

return function(receiver)
  local sold = catalogue.open(os.getenv "CATALOGUE" or "catalogue.db")

  -- What has no time of its own could undo anything that is newer: somebody must look at it.
  local function with_time(change)
    return function(n, ctx)
      if not n.time then return ctx:cancel "the notification does not say when it happened" end
      return change(n)
    end
  end

  receiver:on("version_available", with_time(function(n)
    return sold:add(n.app_id, n.package_version_id, n.package_id, n.time)
  end))
  receiver:on("versions_unavailable", with_time(function(n)
    return sold:say(n.app_id, n.package_ids, n.territories, true, n.time)
  end))
  receiver:on("versions_restored", with_time(function(n)
    return sold:say(n.app_id, n.package_ids, n.territories, false, n.time)
  end))
  receiver:on("app_unavailable", with_time(function(n)
    return sold:say(n.app_id, nil, n.territories, true, n.time)
  end))
  receiver:on("app_restored", with_time(function(n)
    return sold:say(n.app_id, nil, n.territories, false, n.time)
  end))
end
