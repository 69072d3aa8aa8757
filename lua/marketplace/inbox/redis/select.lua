--- What a script that selects entries has for all that a filter selects, in order.
local fields = require "marketplace.inbox.fields"
local MOST_SELECTED = require("marketplace.inbox.redis.script").MOST_ENTRIES
local number = require("marketplace.text").number

-- Text that is empty selects nothing, unlike text that is absent.
local function criterion(value)
  if value == nil then return "" end
  return "=" .. (type(value) == "number" and number(value) or value)
end

---@param inbox table
---@param script string
---@param filter table checked
---@return table|nil selected
---@return string? message
---@return string? code
return function(inbox, script, filter)
  local selected, last = {}, ""
  repeat
    local left = (filter.limit or math.huge) - #selected
    local most = math.max(0, math.min(left, MOST_SELECTED))
    local arguments = { filter.newest and "newest" or "oldest", last, ("%d"):format(most) }
    for _, name in ipairs(fields.filter) do arguments[#arguments + 1] = criterion(filter[name]) end
    local answer, message, code = inbox:run_script(script, arguments)
    if not answer then return nil, message, code end
    last = answer[1]
    for _, one in ipairs(answer[2]) do selected[#selected + 1] = one end
  until last == "" or filter.limit and #selected >= filter.limit
  return selected
end
