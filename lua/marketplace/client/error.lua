--- Answers of App Store Connect that refuse a request, or make no sense, as message, code and detail.
---
--- An answer may hold several errors, and the one that matters may be the last of them or lie within another
--- (`meta.associatedErrors`), so all are named. Gateways on the way answer HTML, or nothing.
local advice = require "marketplace.client.advice"
local core = require "marketplace.core"
local headers = require "marketplace.client.headers"
local json = require "marketplace.json"
local text = require "marketplace.text"

local api_error = {}

local MOST_MESSAGE = 1000 -- bytes
local MOST_PART = 300 -- bytes of one error in the message
local MOST_PATH = 200 -- bytes of the path in the message
local MOST_QUOTED = 80 -- bytes of an answer that is not JSON

-- A secret as it is, and as JSON writes it, with its slashes escaped or not: an answer may quote a request's body.
local function all_forms(redact)
  local all = {}
  for _, secret in ipairs(redact or {}) do
    local escaped = json.encode(secret):sub(2, -2)
    all[#all + 1] = secret
    all[#all + 1] = escaped
    all[#all + 1] = escaped:gsub("/", "\\/")
  end
  return all
end

local function shown(value, most, redact)
  return text.cut(text.utf8(text.safe(text.hide(value, redact))), most)
end

local function detail_of(response, errors, redact)
  local id = headers.request_id(response)
  return {
    status = response.status, errors = errors, retry_after = headers.retry_after(response),
    request_id = id and text.hide(id, redact),
  }
end

local function prefix(request, response, redact)
  return ("%s %s: %d"):format(request.method, shown(request.path, MOST_PATH, redact), response.status)
end

--[[ Errors ]]

local FIELDS = { "id", "status", "code", "title", "detail" }

local function is_word(value)
  return type(value) == "string" or type(value) == "number"
end

local function flat(error_object, path, redact)
  local made = { path = path and text.hide(path, redact) }
  local source = type(error_object.source) == "table" and error_object.source or {}
  for _, name in ipairs(FIELDS) do made[name] = error_object[name] end
  made.pointer, made.parameter = source.pointer, source.parameter
  for name, value in pairs(made) do
    made[name] = is_word(value) and text.hide(tostring(value), redact) or nil
  end
  return made
end

local flatten

-- The paths in their order, so that the same answer always has the same message.
local function flatten_associated(associated, redact, into)
  local paths = {}
  for path in pairs(associated) do paths[#paths + 1] = path end
  table.sort(paths, function(a, b) return tostring(a) < tostring(b) end)
  for _, path in ipairs(paths) do flatten(associated[path], tostring(path), redact, into) end
end

-- False if it is not a list of errors. Each is followed by those that lie within it.
function flatten(list, path, redact, into)
  if type(list) ~= "table" or (#list == 0 and next(list) ~= nil) then return false end
  for _, error_object in ipairs(list) do
    if type(error_object) ~= "table" then return false end
    into[#into + 1] = flat(error_object, path, redact)
    local meta = error_object.meta
    local associated = type(meta) == "table" and meta.associatedErrors
    if type(associated) == "table" then flatten_associated(associated, redact, into) end
  end
  return true
end

local function described(one)
  local words = {}
  if one.code then words[1] = one.code end
  local says = one.detail or one.title
  if says then words[#words + 1] = (one.code and ": " or "") .. says end
  if one.pointer or one.parameter then words[#words + 1] = (" (%s)"):format(one.pointer or one.parameter) end
  return shown(table.concat(words), MOST_PART)
end

local function list_of(errors)
  local parts, length = {}, 0
  for i, one in ipairs(errors) do
    local part = described(one)
    length = length + #part
    if length > MOST_MESSAGE then
      parts[i] = ("and %d more"):format(#errors - i + 1)
      break
    end
    parts[i] = part
  end
  return table.concat(parts, "; ")
end

--[[ What is not Apple's ]]

local function first_words(body, redact)
  local words = text.trim(text.hide(body, redact)):gsub("%s+", " ")
  if #words > MOST_QUOTED then words = text.cut(words, MOST_QUOTED) .. "..." end
  return shown(words, 4 * MOST_QUOTED)
end

--- An answer that is not App Store Connect's: HTML, nothing, or cut off.
---@param request {method: string, path: string}
---@param response {status: integer, headers?: table, body?: string} header names in lower case
---@param problem string what is wrong with it, such as "is not JSON"
---@param redact? string[] secrets that are not to be shown
---@return string message names the status, the content type and the first words
---@return string code answer_invalid
---@return table detail {status=, errors={}, retry_after=, request_id=}
function api_error.invalid(request, response, problem, redact)
  local hidden = all_forms(redact)
  local body, kind = response.body or "", headers.first(response, "content-type")
  local is_empty = not body:find "%S"
  local message = ("%s; the answer %s"):format(prefix(request, response, hidden), is_empty and "is empty" or problem)
  if kind then message = ("%s (%s)"):format(message, shown(kind, MOST_QUOTED, hidden)) end
  if not is_empty then message = message .. ": " .. first_words(body, hidden) end
  return message, "answer_invalid", detail_of(response, {}, hidden)
end

--- A document of App Store Connect's that does not have the expected shape.
---@param request {method: string, path: string}
---@param response {status: integer, headers?: table}
---@param problem string what is wrong with it, such as "data is missing"
---@return string message
---@return string code answer_invalid
---@return table detail as of api_error.from
function api_error.mistyped(request, response, problem)
  return ("%s; the answer's %s"):format(prefix(request, response), shown(problem, MOST_PART)), "answer_invalid",
    detail_of(response, {})
end

--- A document that says that there is no such resource.
---@param request {method: string, path: string}
---@param response {status: integer, headers?: table}
---@return string message
---@return string code api_error
---@return table detail as of api_error.from
function api_error.none(request, response)
  return prefix(request, response) .. "; there is no such resource", "api_error", detail_of(response, {})
end

local CODES = { [401] = "unauthorized", [429] = "rate_limited" }

local function describe(request, response, redact)
  local code = CODES[response.status] or response.status >= 400 and "api_error"
  local document, problem = json.decode(response.body or "")
  local errors, hidden = {}, all_forms(redact)
  local known = type(document) == "table" and document.errors ~= nil
    and flatten(document.errors, nil, hidden, errors)
  if not known or not code then
    problem = problem and "is not JSON" or "names no errors"
    local message, invalid, detail = api_error.invalid(request, response, problem, redact)
    return message, CODES[response.status] or invalid, detail
  end
  local all = #errors > 0 and " " .. list_of(errors) or "; the answer names no error"
  return prefix(request, response, hidden) .. all, code, detail_of(response, errors, hidden)
end

--- An answer that refuses the request.
---
--- The code is unauthorized for 401 and rate_limited for 429, whatever the body; otherwise api_error, or
--- answer_invalid if the body is not App Store Connect's. `detail.status` is always there.
---@param request {method: string, path: string}
---@param response {status: integer, headers?: table, body?: string} header names in lower case
---@param redact? string[] secrets that are not to be shown: the token, a webhook's secret
---@param now? number seconds since the epoch, by this machine's clock, default core.now()
---@return string message one line; of a 429 also when to try again, of a 401 also that this machine's clock is wrong
---@return string code unauthorized, rate_limited, api_error, answer_invalid
---@return table detail {status=, errors=, retry_after= seconds, request_id=}; errors: a flat list of {id=, status=,
--- code=, title=, detail=, pointer=, parameter=, path=}, all strings and any of them may be missing; each is
--- followed by those associated with it, whose `path` is the one that they were listed under
function api_error.from(request, response, redact, now)
  local message, code, detail = describe(request, response, redact)
  local more = advice.of(response, now or core.now())
  return more and message .. "; " .. more or message, code, detail
end

return api_error
