--- How often each notification ran, by id, and how many ran after a later one of their app, or before the one that
--- comes before.
---@param list {id: string, app: string, number: integer}[] in the order in which they ran
---@return table<string, integer> times
---@return integer disorder
return function(list)
  local times, last, disorder = {}, {}, 0
  for _, run in ipairs(list) do
    local latest = last[run.app] or 0
    if run.number < latest or run.number > latest + 1 then disorder = disorder + 1 end
    last[run.app] = math.max(latest, run.number)
    times[run.id] = (times[run.id] or 0) + 1
  end
  return times, disorder
end
