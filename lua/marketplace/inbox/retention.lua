--- How long inboxes keep what is done, and what is older than they remember.
local is_unsigned = require("marketplace.inbox.record").is_unsigned

local retention = {}

local DAY = 86400

retention.bodies = 7 * DAY     -- the default: for as long the operator can have it run again
retention.ids = 90 * DAY       -- for as long another delivery is known to be one
retention.least_ids = 11 * DAY -- reconcile looks ten days back, and clocks differ

retention.too_old_reason = "its event is older than what the inbox remembers"

--- Whether a record's event is so old that it may have run before, and its id been forgotten.
---@param record table
---@param now number
---@param forgotten_before number|nil the latest time before which ids were deleted
---@return boolean
function retention.is_too_old(record, now, forgotten_before)
  if record.reason or not record.time then return false end
  return record.time < math.max(now - retention.ids, forgotten_before or -math.huge) and not is_unsigned(record.digest)
end

--- The code of a record that is stored as dead; nil for all others.
---@param record table
---@param now number
---@param forgotten_before number|nil as of is_too_old
---@return "invalid"|"too_old"|nil
function retention.code_of(record, now, forgotten_before)
  if record.reason then return "invalid" end
  return retention.is_too_old(record, now, forgotten_before) and "too_old" or nil
end

--- Forgets ids and bodies, as forget of marketplace.inbox, but only if there is something to do: a look costs less than
--- a transaction.
---@param look {id?: number, body?: number, forgotten_before?: number} when the first done one, and the first that has
--- a body, was done; before when ids were deleted
---@param before {ids: number, bodies: number}
---@param forget {ids: (fun(): integer|nil, string?, string?), bodies: (fun(): integer|nil, string?, string?)} in a
--- transaction each, so that neither keeps others waiting for long
---@return {bodies: integer, ids: integer}|nil
---@return string? message
---@return string? code
function retention.forget(look, before, forget)
  local forgotten = { bodies = 0, ids = 0 }
  local message, code
  if look.id and look.id < before.ids or not look.forgotten_before or look.forgotten_before < before.ids then
    forgotten.ids, message, code = forget.ids()
    if not forgotten.ids then return nil, message, code end
  end
  if look.body and look.body < before.bodies then
    forgotten.bodies, message, code = forget.bodies()
    if not forgotten.bodies then return nil, message, code end
  end
  return forgotten
end

return retention
