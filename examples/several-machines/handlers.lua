-- Writes each event into a file once, however often its callback runs: if a worker dies halfway, another one runs the
-- notification from the beginning. The name is the notification's id, and the rename is one step.
local folder = assert(os.getenv "EVENTS", "EVENTS is not set: the folder for the events, which all workers share")

return function(receiver)
  receiver:on("*", function(n, ctx)
    local name = folder .. "/" .. ctx.id:gsub("[^%w._-]", "_")
    local unfinished = ("%s.%d.tmp"):format(name, ctx.attempt)
    local file = assert(io.open(unfinished, "w"))
    assert(file:write(n.event, " ", n.app_id or "", "\n"))
    assert(file:close())
    assert(os.rename(unfinished, name))
  end)
end
