--- Explains why a signature does not match a body: tries what usually goes wrong on the way, and names what did.
---
--- The header may have been changed by a proxy or by copying, the body by an editor or by a framework that encoded it
--- again, the secret by a shell or in a file. If undoing a change makes the signature match, that change is the
--- explanation.
local core = require "marketplace.core"
local signature = require "marketplace.signature"
local text = require "marketplace.text"

local explain = {}

local PREFIX = "hmacsha256="

-- A finding is {cause=, advice=}: a stable word, and a sentence.

--[[ The header ]]

local HEADER_STEPS = {
  { cause = "header_white_space", advice = "the header has white space around its value",
    undo = function(header) return text.trim(header) end },
  { cause = "header_name", advice = "the value begins with the header's name: use only what follows the colon",
    undo = function(header)
      return header:lower():find("^['\"]?x%-apple%-signature['\"]?%s*:") and header:match("^[^:]*:(.*)$") or header
    end },
  { cause = "header_quoted", advice = "the header's value is in quotes",
    undo = function(header) return header:match("^['\"]*(.-)['\"]*$") end },
  { cause = "header_upper_case", advice = "the header is not in lower case, as App Store Connect writes it: " ..
      "something on the way changed it",
    undo = string.lower },
  { cause = "header_scheme", advice = "the digits do not follow " .. PREFIX,
    undo = function(header)
      local digits = header:match("^%x+$") or header:match("^[%w_-]*[=:]%s*(%x+)$")
      return digits and #digits == 64 and PREFIX .. digits or header
    end },
}

-- Repeats until nothing is left to undo: one change may hide another, as quotes hide white space.
local function repaired_header(header)
  local findings, found = {}, {}
  local after
  repeat
    after = header
    for _, step in ipairs(HEADER_STEPS) do
      local before = step.undo(header)
      if before ~= header and not found[step.cause] then
        found[step.cause] = true
        findings[#findings + 1] = { cause = step.cause, advice = step.advice }
      end
      header = before
    end
  until header == after
  return header, findings
end

--[[ The body and the secret: lists of {value=, finding=}, the changes undone one at a time ]]

local function variations(value)
  local list = {}
  local function add(cause, advice, other)
    if not other or other == "" or other == value then return end
    list[#list + 1] = { value = other, finding = { cause = cause, advice = advice } }
  end
  return list, add
end

local function end_of_string(json, first)
  local at = first + 1
  while at <= #json and json:sub(at, at) ~= '"' do
    at = at + (json:sub(at, at) == "\\" and 2 or 1)
  end
  return at
end

local function change_outside_strings(json, change)
  local parts, at = {}, 1
  while at <= #json do
    local first = json:find('"', at, true)
    parts[#parts + 1] = change(json:sub(at, (first or #json + 1) - 1))
    if not first then break end
    local last = end_of_string(json, first)
    parts[#parts + 1] = json:sub(first, last)
    at = last + 1
  end
  return table.concat(parts)
end

local function without_space(json)
  return change_outside_strings(json, function(between) return (between:gsub("%s+", "")) end)
end

local function with_space(json)
  return change_outside_strings(json, function(between) return (between:gsub("[:,]", "%0 ")) end)
end

local function with_plain_slashes(json)
  return (json:gsub("\\/", "/"))
end

local function with_escaped_slashes(json)
  return (with_plain_slashes(json):gsub("/", "\\/"))
end

local function reencoded(what)
  return ("the body was decoded and encoded again on its way (%s); the signature covers the bytes as they arrived: " ..
    "pass on the raw body"):format(what)
end

local function from_base64(body)
  local packed = body:gsub("%s", ""):gsub("=*$", "")
  return core.base64url_decode((packed:gsub("%+", "-"):gsub("/", "_")))
end

local function from_hex(digits)
  return string.char(tonumber(digits, 16))
end

-- What a form's only field holds, or its first one.
local function from_form(body)
  local value = body:match("^[%w_.-]+=([^&]*)")
  return value and (value:gsub("%+", " "):gsub("%%(%x%x)", from_hex))
end

local function body_variations(body)
  local list, add = variations(body)
  add("body_trailing_newline", "a line ending was added after the body, as editors do", (body:gsub("\r?\n$", "")))
  add("body_trailing_newline", "white space was added after the body", text.trim_end(body))
  add("body_lost_newline", "the line ending after the body was lost", body .. "\n")
  add("body_line_ends", "the body's line endings were changed from LF to CRLF", (body:gsub("\r\n", "\n")))
  add("body_line_ends", "the body's line endings were changed from CRLF to LF", (body:gsub("\r?\n", "\r\n")))
  add("body_byte_order_mark", "a byte order mark was added before the body", (body:gsub("^\239\187\191", "")))
  add("body_byte_order_mark", "the byte order mark before the body was lost", "\239\187\191" .. body)
  add("body_base64", "the body was encoded in base64 on its way, as gateways in front of functions do: decode it first",
    from_base64(body))
  add("body_form", "the body was put into a field of a form (payload=...) on its way: pass on the raw body",
    from_form(body))
  local compact = without_space(body)
  for _, slashes in ipairs { with_plain_slashes, with_escaped_slashes, tostring } do
    add("body_reencoded", reencoded("white space or slashes changed"), slashes(body))
    add("body_reencoded", reencoded("white space was added"), slashes(compact))
    add("body_reencoded", reencoded("white space was removed"), slashes(with_space(compact)))
  end
  return list
end

local function secret_variations(secret)
  local list, add = variations(secret)
  local trimmed = text.trim(secret)
  add("secret_white_space", "the secret has white space around it that App Store Connect's does not have", trimmed)
  for _, ending in ipairs { "\n", "\r\n", " " } do
    add("secret_white_space", "App Store Connect's secret ends with white space that this one does not have",
      secret .. ending)
  end
  add("secret_quoted", "the secret is in quotes that App Store Connect's does not have",
    trimmed:match('^"(.+)"$') or trimmed:match("^'(.+)'$"))
  return list
end

--[[ The search ]]

local function first_match(secrets, bodies, header)
  for _, secret in ipairs(secrets) do
    for _, body in ipairs(bodies) do
      if signature.verify(secret.value, body.value, header) then return secret, body end
    end
  end
end

local function as_they_are(values)
  local list = {}
  for i, value in ipairs(values) do list[i] = { value = value, index = i } end
  return list
end

local function all_secret_variations(secrets)
  local all = {}
  for index, secret in ipairs(secrets) do
    for _, variation in ipairs(secret_variations(secret)) do
      variation.index = index
      all[#all + 1] = variation
    end
  end
  return all
end

-- One change before two, so that nothing that is right is blamed.
local function search(secrets, body, header)
  local bodies, changed_bodies = as_they_are { body }, body_variations(body)
  local plain, changed = as_they_are(secrets), all_secret_variations(secrets)
  local tries = { { plain, bodies }, { plain, changed_bodies }, { changed, bodies }, { changed, changed_bodies } }
  for _, try in ipairs(tries) do
    local secret, matched = first_match(try[1], try[2], header)
    if secret then return secret, matched end
  end
end

local OTHER_SECRET = {
  cause = "other_secret", advice = "none of the given secrets makes this signature for these bytes, even if the " ..
    "usual changes are undone: it was made with another secret (a rotation is not complete, or it belongs to " ..
    "another webhook), or for another body",
}

local COMPRESSED = { gzip = "^\31\139", zlib = "^\120[\1\94\156\218]", zstd = "^%(\181/\253" } -- how each begins

local function compression_of(body)
  for name, magic in pairs(COMPRESSED) do
    if body:find(magic) then return name end
  end
end

local function is_cut_off(body)
  if not body:find("^%s*{") then return false end
  local _, _, code, detail = core.envelope(body)
  return code == "json_invalid" and detail.offset == #body
end

-- What kept the search from finding anything: a body that lacks what was signed, or else the secret.
local function obstacle_of(body)
  local name = compression_of(body)
  if name then
    return { cause = "body_compressed", advice = ("the body is compressed (%s), and the signature covers what it " ..
      "was before: decompress it first"):format(name) }
  end
  if body == "" then
    return { cause = "body_empty", advice = "the body is empty: something read it before, such as a framework, " ..
      "or dropped it, such as a redirect" }
  end
  if is_cut_off(body) then
    return { cause = "body_cut_off", advice = ("the body ends within its JSON, after %d bytes: it was cut off " ..
      "on its way, by a limit of a proxy or of what kept it"):format(#body) }
  end
  return OTHER_SECRET
end

--- Finds out why a signature does not match a body.
---@param secrets string[] 1 to 8, none empty
---@param body string the bytes as they arrived
---@param header string|nil the value of x-apple-signature as it arrived
---@return table explanation {valid=, secret=, findings=}: whether it verifies as it is; the index of the secret that
--- matches, if any does; what is wrong, each {cause=, advice=}, empty if it is valid
function explain.signature(secrets, body, header)
  local matched = signature.verify(secrets, body, header)
  if matched then return { valid = true, secret = matched, findings = {} } end
  if not header or header:match("^%s*$") then
    return { valid = false, findings = { { cause = "header_missing", advice = "there is no header " ..
      "x-apple-signature: the request is not from App Store Connect, or a proxy drops the header" } } }
  end
  local repaired, findings = repaired_header(header)
  local _, message, code = signature.verify(secrets, body, repaired)
  if code == "signature_malformed" then
    findings[#findings + 1] = { cause = "header_malformed", advice = message }
    return { valid = false, findings = findings }
  end
  local secret, found_body = search(secrets, body, repaired)
  if not secret then
    findings[#findings + 1] = obstacle_of(body)
    return { valid = false, findings = findings }
  end
  findings[#findings + 1] = secret.finding
  findings[#findings + 1] = found_body.finding
  return { valid = false, secret = secret.index, findings = findings }
end

return explain
