--- Records for an inbox (see marketplace.inbox), made from the bodies of notifications.
local core = require "marketplace.core"
local uuid = require "marketplace.uuid"

local record = {}

local UNSIGNED = "unsigned:"
local INVALID = { json_invalid = true, notification_invalid = true, too_large = true }

--- The event of a record that is to be sent on to another system (marketplace.dispatcher.forwards); no notification
--- has it.
record.FORWARD = "forward"

--- The record of an authentic body that cannot be read. It is kept as dead, so that an operator sees it.
---@param body string
---@param message string why core could not read it, which is the record's reason
---@param code string that of the message
---@return table|nil record
---@return string? message
---@return string? code crypto_failed, out_of_memory: nothing is wrong with the body
function record.dead(body, message, code)
  if not INVALID[code] then return nil, message, code end
  local digest, problem, problem_code = core.sha256(body)
  if not digest then return nil, problem, problem_code end
  return { key = digest, digest = digest, body = body, reason = message }
end

--- The record of an authentic body. If the body cannot be read, the record's reason says what is wrong with it.
---@param body string
---@return table|nil record
---@return string? message
---@return string? code crypto_failed, out_of_memory
function record.of(body)
  local made, message, code = core.envelope(body)
  if made then return made end
  return record.dead(body, message, code)
end

--- The record of a body that came without a signature: App Store Connect's API returned it.
---@param body string
---@return table|nil record
---@return string? message
---@return string? code crypto_failed, out_of_memory
function record.of_unsigned(body)
  local made, message, code = record.of(body)
  if not made then return nil, message, code end
  made.digest = UNSIGNED .. made.digest
  return made
end

--- The digest of a body that did not come with a signature of its own.
---@param body string
---@return string|nil digest
---@return string? message
---@return string? code crypto_failed
function record.unsigned_digest(body)
  local digest, message, code = core.sha256(body)
  if not digest then return nil, message, code end
  return UNSIGNED .. digest
end

local BODY_OF_PROBE = "{" .. (" "):rep(1000) .. "}" -- no smaller than a notification: where that has room, one has, too

--- A record of nothing that was received, for an inbox to find out whether it stores. No other one is the same.
---@return table
function record.of_probe()
  local id = uuid.new()
  return { key = id, digest = id, body = BODY_OF_PROBE }
end

--- By the outcome for a record as if it had a key of its own: the one if its key is another body's.
record.OUTCOME_BESIDE = {
  stored = "conflict", conflict = "conflict", duplicate = "#duplicate", rearmed = "#rearmed", too_old = "#too_old",
}

local UNMARKED = {
  conflict = "conflict", ["#duplicate"] = "duplicate", ["#rearmed"] = "rearmed", ["#too_old"] = "too_old",
}

--- The id of the entry that an outcome of put is about, and the outcome without its mark.
---@param given table a record
---@param outcome string
---@return string id
---@return string outcome
function record.stored_as(given, outcome)
  local unmarked = UNMARKED[outcome]
  if not unmarked then return given.key, outcome end
  return given.key .. "#" .. given.digest, unmarked
end

--- Whether a digest is of bytes that came without a signature.
---@param digest string
---@return boolean
function record.is_unsigned(digest)
  return digest:sub(1, #UNSIGNED) == UNSIGNED
end

--- Whether two bodies under one key are one notification: their bytes are the same, or either came without a signature,
--- as its bytes need not be those that were signed.
---@param digest string
---@param other string
---@return boolean
function record.is_same(digest, other)
  return digest == other or record.is_unsigned(digest) or record.is_unsigned(other)
end

return record
