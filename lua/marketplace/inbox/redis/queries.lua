--- The Redis inbox's methods that look up what it holds.
local codes = require "marketplace.inbox.codes"
local fields = require "marketplace.inbox.fields"
local MOST_RETURNED = require("marketplace.inbox.redis.script").MOST_ENTRIES
local select_with = require "marketplace.inbox.redis.select"
local text = require "marketplace.text"
local uuid = require "marketplace.uuid"
local values = require "marketplace.inbox.redis.values"

local queries = {}

local methods = {}

local number, to_number = text.number, text.to_number

function methods:counts()
  local row, message, code = self:run_script("counts")
  if not row then return nil, message, code end
  return { ready = row[1], leased = row[2], done = row[3], dead = row[4] }
end

function methods:backlog()
  local row, message, code = self:run_script("backlog", codes.ALL)
  if not row then return nil, message, code end
  local backlog = { ready = row[1], leased = row[2], dead = row[3], codes = {}, oldest_age = to_number(row[#row]) }
  for i, name in ipairs(codes.ALL) do backlog.codes[name] = row[i + 3] end
  return backlog
end

function methods:next_in()
  local seconds, message, code = self:run_script("next_in")
  if not seconds then return nil, message, code end
  return to_number(seconds)
end

function methods:list(filter)
  local rows, cursor, code = select_with(self, "list", fields.page("inbox:list", filter))
  if not rows then return nil, cursor, code end
  return values.entries_of(rows, fields.summary), cursor
end

function methods:count(filter, most)
  local ids, cursor, code = select_with(self, "ids", fields.counted(filter, most))
  if not ids then return nil, cursor, code end
  return fields.count_of(ids, cursor, most)
end

function methods:apps(given)
  local asked, found = fields.apps(given), {}
  local limit, from = asked.limit + 1, asked.from
  repeat
    local most = math.min(limit - #found, MOST_RETURNED)
    local rows, message, code = self:run_script("apps", { from, ("%d"):format(most) })
    if not rows then return nil, message, code end
    for _, row in ipairs(rows) do found[#found + 1] = values.entry_of(row, fields.app) end
    from = (found[#found] or {}).app_id
  until #rows < most or #found == limit
  if #found < limit then return found end
  found[limit] = nil
  return found, (found[#found] or {}).app_id
end

function methods:get(id)
  local rows, message, code = self:run_script("get", { id })
  if not rows then return nil, message, code end
  return rows[1] and values.entry_of(rows[1], fields.entry)
end

function methods:later(app_id, time)
  local answer, message, code = self:run_script("later", { app_id, number(time), number(MOST_RETURNED) })
  if not answer then return nil, message, code end
  local found, rest = values.entries_of(answer[1], fields.later), answer[2]
  for first = 1, #rest, MOST_RETURNED do
    local ids = {}
    for i = first, math.min(first + MOST_RETURNED - 1, #rest) do ids[#ids + 1] = rest[i] end
    local rows
    rows, message, code = self:run_script("later_rest", ids)
    if not rows then return nil, message, code end
    for _, row in ipairs(rows) do found[#found + 1] = values.entry_of(row, fields.later) end
  end
  return found
end

function methods:oldest_done()
  local row, message, code = self:run_script("oldest_done")
  if not row then return nil, message, code end
  return { body = to_number(row[1]), id = to_number(row[2]) }
end

function methods:id()
  return self:run_script("id", { uuid.new() })
end

queries.methods = methods

return queries
