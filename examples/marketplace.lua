-- What a marketplace does when App Store Connect calls. Each callback runs once its notification is stored; one
-- that raises, or returns nil and a message, runs again later.
local function listed(ids)
  return table.concat(ids or {}, ", ")
end

return function(receiver)
  receiver:on("version_available", function(n)
    print(("app %s: package version %s can be fetched and sold"):format(n.app_id, n.package_version_id))
  end)

  receiver:on("versions_unavailable", function(n)
    print(("app %s: take down %s"):format(n.app_id, listed(n.package_ids)))
  end)

  receiver:on("versions_restored", function(n)
    print(("app %s: %s may be sold again"):format(n.app_id, listed(n.package_ids)))
  end)

  receiver:on("app_unavailable", function(n)
    print(("app %s: take down %s"):format(n.app_id, n.territories and "in " .. listed(n.territories) or "everywhere"))
  end)

  receiver:on("app_restored", function(n)
    print(("app %s: may be sold again in %s"):format(n.app_id, listed(n.territories)))
  end)

  receiver:on("ping", function()
    print("App Store Connect tried the webhook: it works")
  end)

  receiver:on("other", function(n)
    print(("app %s: nothing is done for %s"):format(n.app_id or "?", n.type))
  end)
end
