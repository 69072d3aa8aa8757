-- What happens when a notification arrives: see the handlers' guide. An event that no callback takes is kept as dead,
-- `no_callback`, until one is added here, the services are restarted and it is replayed. So nothing is lost before this
-- file is complete.
return function(receiver)
  receiver:on("ping", function(n) print("App Store Connect reaches this receiver: ping " .. n.id) end)
end
