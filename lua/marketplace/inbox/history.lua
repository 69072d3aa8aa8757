--- What happened to an entry of an inbox beside being stored, claimed and done: a list of items, the oldest first, each
--- with `at`, when that was, `what`, the `attempt` that counted until then, and perhaps a `reason`.
---
--- `what`: "failed", "cancelled", "no_callback", "invalid" or "too_old", what a dispatcher made of it ("failed" also if
--- it is tried again); "lost", its lease ended without a result; "rearmed", another delivery made it ready again;
--- "replayed", "run" and "cancelled", what an operator did; "done", before it was replayed.
local core = require "marketplace.core"
local json = require "marketplace.json"
local text = require "marketplace.text"

local history = {}

--- The most items; of further ones the oldest go.
history.MOST = 24

--- The most bytes of a reason.
history.REASON_BYTES = 500

--- A reason as it is kept.
---@param reason string|nil
---@return string|nil
function history.reason(reason)
  return reason and text.cut(text.utf8(reason), history.REASON_BYTES) or nil
end

--- What an item of finish adds, nil for nothing: to be done and to be given back is nothing, and neither is a wait that
--- a callback asked for.
---@param item table
---@return string|nil
function history.what_of(item)
  if item.state == "dead" then return item.code end
  return item.state == "ready" and not item.uncounted and "failed" or nil
end

--- A list with one more item; the former one is left as it is.
---@param former table[]|false
---@param item {at: number, what: string, attempt: integer, reason?: string}
---@return table[]
function history.with(former, item)
  local list = {}
  for i = former and #former >= history.MOST and 2 or 1, former and #former or 0 do list[#list + 1] = former[i] end
  list[#list + 1] = item
  return list
end

--- The items of a JSON array.
---@param written string|nil
---@return table[]|nil
function history.read(written)
  if not written then return nil end
  local items = json.decode(written)
  if not items then return nil end
  local list = {}
  for i, item in ipairs(items) do
    list[i] = {
      at = item.at, what = item.what, attempt = item.attempt, reason = item.reason ~= core.null and item.reason or nil,
    }
  end
  return list
end

return history
