--- What the answer to a forwarded notification means for it, as Standard Webhooks recommends.
local headers = require "marketplace.client.headers"
local text = require "marketplace.text"

local answer = {}

local LONGEST_WAIT = 86400 -- seconds of a Retry-After that are heeded
local MOST_SHOWN = 200     -- bytes of an answer's body that a reason has

local GONE = "it wants no more of them: remove the forward, or mend that system and replay this"
local MOVED = "redirects are not followed, so name the place that it points to"

---@class marketplace.ForwardOutcome
---@field state "done"|"gone"|"failed"
---@field status? integer of the answer; nil if none came
---@field reason? string of those that are not done
---@field wait? number seconds that the other system asks to wait

local function advice(status)
  if status == 410 then return GONE end
  return status >= 300 and status < 400 and MOVED or nil
end

-- The beginning of what it said, on one line.
local function said(body, secrets)
  local words = text.one_line(text.hide(text.cut(body, MOST_SHOWN), secrets))
  return words ~= "" and words or nil
end

local function wait_of(response)
  if response.status ~= 429 and response.status ~= 503 then return nil end
  local seconds = headers.retry_after(response)
  return seconds and math.min(seconds, LONGEST_WAIT)
end

--- Reads an answer.
---@param name string the forward's
---@param response {status: integer, headers: table, body: string}
---@param secrets string[] that a reason must not show
---@return marketplace.ForwardOutcome
function answer.read(name, response, secrets)
  local status = response.status
  if status >= 200 and status < 300 then return { state = "done", status = status } end
  local reason = ("%s answered %d"):format(name, status)
  local more = advice(status) or said(response.body, secrets)
  return {
    state = status == 410 and "gone" or "failed", status = status, wait = wait_of(response),
    reason = more and reason .. ": " .. more or reason,
  }
end

--- Of one to which no answer came.
---@param name string the forward's
---@param message string
---@param secrets string[] as of `read`
---@return marketplace.ForwardOutcome
function answer.none(name, message, secrets)
  return { state = "failed", reason = ("not forwarded to %s: %s"):format(name, text.hide(message, secrets)) }
end

return answer
