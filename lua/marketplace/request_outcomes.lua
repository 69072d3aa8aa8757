--- What becomes of the requests that a receiver is given, as its metrics show it.
local request_outcomes = {}

-- All outcomes, shown from 0 on: to Prometheus a series that first appears as 1 has not grown, and raises no alarm.
local OUTCOMES = {
  "conflict", "dead", "duplicate", "rearmed", "refused:crypto_failed", "refused:draining", "refused:encoded",
  "refused:failed", "refused:malformed", "refused:no_length", "refused:no_request", "refused:not_found",
  "refused:not_get", "refused:not_post", "refused:out_of_memory", "refused:overloaded",
  "refused:signature_malformed", "refused:signature_mismatch", "refused:signature_missing", "refused:timeout",
  "refused:too_large", "refused:unreadable", "refused:wrong_path", "stored", "too_old",
  "unavailable:inbox_unavailable",
}

--- Of each outcome how many requests had it.
---@param counted table<string, integer> by outcome or "outcome:reason"
---@return table[] values as of metrics.add
function request_outcomes.counted(counted)
  local names, values = {}, {}
  for _, name in ipairs(OUTCOMES) do names[#names + 1] = not counted[name] and name or nil end
  for name in pairs(counted) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do
    local outcome, reason = name:match("^([^:]*):?(.*)$")
    values[i] = { counted[name] or 0, "outcome", outcome, "reason", reason }
  end
  return values
end

--- Of each secret how many requests it has verified.
---@param verified table<string, integer> by fingerprint
---@return table[] values as of metrics.add
function request_outcomes.verified(verified)
  local values = {}
  for fingerprint, count in pairs(verified) do values[#values + 1] = { count, "secret", fingerprint } end
  table.sort(values, function(a, b) return a[3] < b[3] end)
  return values
end

return request_outcomes
