-- Writes each event into a file once, however often its callback runs: a worker that dies in the midst of it leaves the
-- notification to another one, which begins anew. The name is the notification's id, and the rename is one step.
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
