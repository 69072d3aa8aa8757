--- Each call that a receiver, a dispatcher, retention and an operator make of an inbox, so that its statements can be
--- looked at.
---@param box marketplace.Inbox an empty one
---@param record fun(key: string, more?: table): table
---@param at fun(time: number) sets the inbox's clock, which is at 100
return function(box, record, at)
  box:put { record "a", record "b", record("c", { digest = "unsigned:1" }), record("bad", { reason = "bad" }) }
  box:put { record "c", record("a", { digest = "other" }), record("a2", { app_id = "a" }) }
  box:probe()
  local claimed = box:claim(1, 10)
  box:extend(claimed, 10)
  claimed[1].state, claimed[1].code = "dead", "failed"
  box:finish(claimed)
  box:put { record "a" }
  claimed = box:claim(10, 10)
  for _, one in ipairs(claimed) do one.state = "done" end
  box:finish { claimed[1] }
  for _, time in ipairs { 120, 90, 200 } do
    at(time)
    box:recover { 5 }
  end
  box:claim(10, 10)
  box:next_in()
  box:backlog()
  box:get "a"
  box:later("a", 1)
  box:oldest_done()
  box:replay { id = "a" }
  box:run { id = "a" }
  box:cancel({ id = "a" }, "why")
  box:forget({ bodies = 150, ids = 150 }, 10)
end
