--- The contract of an inbox: what stands between an acknowledged notification and its callback.
---
---     verified -> put (ready) -> 200 -> claim (leased) -> finish: done | ready again at a time | dead
---
--- Every method takes the time as seconds since the epoch, so that a test can say what time it is. What can fail
--- returns nil, message, "inbox_unavailable": nothing was changed then, or it is not known whether it was.
---
--- A record is {key, digest, type, event, app_id, time, body, reason}: `key` is the notification's id (or, without
--- one, its digest), `digest` the body's SHA-256 in hex; a record with a `reason` could not be read and is
--- kept as dead. An entry is a record in the inbox; its `identity` is the key, and for a further body under the
--- same key the key, "#" and the digest.
---
---   inbox:put(records, now)       -> a list of outcomes: "stored", "duplicate" (same key and digest), "conflict"
---                                    (same key, other digest: stored too), "rearmed" (a duplicate of a dead one,
---                                    which is ready again). All are stored when it returns, or none.
---   inbox:claim(limit, now, lease) -> a list of at most `limit` leased entries {identity, key, token, attempt, body,
---                                    type, event, app_id, received_at}, held for `lease` seconds. At most
---                                    one of an app at a time, oldest first; the attempt is counted here.
---   inbox:finish(items, now)      -> a list of booleans: false where the lease had passed to another. An item is
---                                    {identity, token, state, at, reason, uncounted}: state "done" (drops the body,
---                                    keeps the key), "ready" (again at `at`; `uncounted`: the attempt does
---                                    not count) or "dead".
---   inbox:extend(items, now, lease) -> a list of booleans, as finish
---   inbox:counts()                -> {ready=, leased=, done=, dead=}
---   inbox:next_at()               -> when something can be claimed next (now, or a time ago, if something can now);
---                                    nil when nothing waits
---   inbox:list(filter)            -> entries without bodies, oldest first; filter {state, app_id, type, event,
---                                    received_before, received_since, limit}
---   inbox:get(identity)           -> the entry with its body, or nil
---   inbox:replay(filter, now)     -> how many dead ones that the filter finds are ready again, from attempt 0
---   inbox:prune(done_before)      -> how many done ones, done before that time, were forgotten
---   inbox:close()
local inbox = {}

local KINDS = { memory = "marketplace.inbox.memory" }

--- Opens the inbox that a word on the command line names.
---@param word string "memory"
---@return table|nil inbox
---@return string? message
---@return string? code inbox_unavailable
function inbox.open(word)
  local kind = word:match("^%a+")
  local module_name = kind and KINDS[kind]
  if not module_name then
    return nil, ("there is no inbox '%s'; known: memory"):format(word), "inbox_unavailable"
  end
  return require(module_name).new()
end

return inbox
