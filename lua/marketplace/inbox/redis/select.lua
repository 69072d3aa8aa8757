--- What a script that selects entries has for all that a filter selects, in order.
local fields = require "marketplace.inbox.fields"
local MOST_SELECTED = require("marketplace.inbox.redis.script").MOST_ENTRIES
local number = require("marketplace.text").number

-- Text that is empty selects nothing, unlike text that is absent.
local function criterion(value)
  if value == nil then return "" end
  return "=" .. (type(value) == "number" and number(value) or value)
end

local function arguments_of(filter, last, most, examine)
  local arguments = { filter.newest and "newest" or "oldest", last, ("%d"):format(most), ("%.0f"):format(examine) }
  for _, name in ipairs(fields.filter) do arguments[#arguments + 1] = criterion(filter[name]) end
  return arguments
end

local MOST_EXAMINED = 500  -- more are not examined at once, whatever is asked
local MOST_OF_PAGE = 5000  -- nor for a page that is to take a bounded time: each is read on its own

---@param inbox table
---@param script string
---@param filter marketplace.InboxPageFilter checked
---@return table|nil selected
---@return string? cursor if there may be more; a message if there are none
---@return string? code
return function(inbox, script, filter)
  local selected, last, examined = {}, filter.from or "", 0
  local limit, examine = filter.limit or math.huge, math.huge
  if filter.examine then examine = math.min(filter.examine, MOST_OF_PAGE) end
  repeat
    local most = math.max(0, math.min(limit - #selected, MOST_SELECTED))
    local arguments = arguments_of(filter, last, most, math.min(examine - examined, MOST_EXAMINED))
    local answer, message, code = inbox:run_script(script, arguments)
    if not answer then return nil, message, code end
    last, examined = answer[1], examined + answer[3]
    for _, one in ipairs(answer[2]) do selected[#selected + 1] = one end
  until last == "" or #selected >= limit or examined >= examine
  if limit == 0 then return selected, filter.from end
  return selected, last ~= "" and last or nil
end
