--- How the inboxes in SQL databases (SQLite, PostgreSQL) change what an operator selects: page by page, so that neither
--- a read nor a transaction is about all of many.
local fields = require "marketplace.inbox.fields"
local unpack = require("marketplace.runtime").unpack

local changes = {}

local function reversed(list)
  local other = {}
  for i = #list, 1, -1 do other[#other + 1] = list[i] end
  return other
end

-- Says in each row whether it was changed.
local function change_in_slices(self, given, list)
  if #list == 0 then return true end
  local last = 0
  return self:transact_in_slices(function(link, now)
    local slice = { unpack(list, last + 1, math.min(#list, last + given.limits.changed)) }
    local changed = given.change(link, slice, now)
    for i, row in ipairs(slice) do row.is_changed = changed[i] ~= false end
    last = last + #slice
    return last < #list
  end)
end

-- The first page, and whether it is of all: it is if there is a limit and the last are to be changed first.
local function first_page(given)
  local filter = given.filter
  local page = fields.copy(filter, fields.filter)
  page.newest, page.limit = filter.newest, filter.limit
  if given.is_reversed and page.limit then return page, true end
  if given.is_reversed then page.newest = not page.newest end
  page.examine = given.limits.examined
  return page, false
end

local function keep_changed(ids, list)
  for _, row in ipairs(list) do
    if row.is_changed then ids[#ids + 1] = row.id end
  end
end

---@class marketplace.inbox.Changes
---@field filter marketplace.InboxFilter
---@field read fun(page: marketplace.InboxPageFilter): table[]|nil, string?, string? rows with an id, and a cursor
---@field change fun(link: table, slice: table[], now: number): (table|boolean)[] by row, false: it was not changed
---@field is_reversed? boolean the last ones are to be changed first
---@field is_meant? boolean as fields.meant
---@field limits {changed: integer, selected: integer, examined: integer} in a transaction, and for a page

--- The ids of those that a filter selects and that are changed, in its order. Others can write in between.
---@param self table the inbox
---@param given marketplace.inbox.Changes
---@return string[]|nil
---@return string? message
---@return string? code
function changes.run(self, given)
  local page, is_whole = first_page(given)
  local ids, left = {}, given.filter.limit or math.huge
  repeat
    if not is_whole then page.limit = math.min(left, given.limits.selected) end
    local list, cursor, code = given.read(page)
    if not list then return nil, cursor, code end
    if given.is_meant then list = fields.meant(list, given.filter) end
    local done, message
    done, message, code = change_in_slices(self, given, is_whole and reversed(list) or list)
    if not done then return nil, message, code end
    keep_changed(ids, list)
    left, page.from = left - #list, cursor
  until not cursor or left <= 0
  return given.is_reversed and not is_whole and reversed(ids) or ids
end

return changes
