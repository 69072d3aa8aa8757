--- Secret files: one secret a line, the newest first, up to 8 while they are rotated. And what is said of a secret,
--- wherever it comes from.
local core = require "marketplace.core"
local file_mode = require "marketplace.file_mode"
local text = require "marketplace.text"

local secret_file = {}

--- The most secrets that a receiver takes.
secret_file.MOST = core.limits.secrets

--- A text's lines as they stand, without what editors and shells add: a byte order mark, a carriage return at a line's
--- end, and empty lines.
---@param bytes string
---@return string[]
function secret_file.lines(bytes)
  local list = {}
  for line in bytes:gsub("^\239\187\191", ""):gmatch("[^\n]+") do
    line = line:gsub("\r$", "")
    if line ~= "" then list[#list + 1] = line end
  end
  return list
end

local function white_space_around(secret)
  local begins, ends = secret:find("^%s"), secret:find("%s$")
  if begins and ends then return "begins and ends with white space" end
  return begins and "begins with white space" or ends and "ends with white space"
end

local function is_quoted(secret)
  local inner = text.trim(secret)
  return #inner > 1 and inner:find("^[\"']") and inner:sub(1, 1) == inner:sub(-1)
end

--- Warns of white space and quotes around secrets: they count, and are mostly an accident of whatever wrote the secret
--- down, after which every notification is refused.
---@param list string[]
---@param where string "the file PATH", "MARKETPLACE_SECRET"
---@param warn fun(message: string) is told which one has what, and what to do; never a secret
function secret_file.advise(list, where, warn)
  for i, secret in ipairs(list) do
    local name = #list > 1 and "secret " .. i or "the secret"
    local function tell(oddity)
      warn(("%s in %s %s: remove %s, unless App Store Connect was given the same"):format(name, where, oddity,
        oddity:find("quotes", 1, true) and "them" or "it"))
    end
    local space = white_space_around(secret)
    if space then tell(space) end
    if is_quoted(secret) then tell "is in quotes" end
  end
end

--- The secrets in a file's text.
---@param bytes string
---@param path string for the message
---@return string[]|nil secrets
---@return string? message
function secret_file.parse(bytes, path)
  local list = secret_file.lines(bytes)
  if #list == 0 then return nil, "the secret file holds no secret: " .. path end
  if #list > secret_file.MOST then
    return nil, ("the secret file holds %d secrets, more than %d: %s"):format(#list, secret_file.MOST, path)
  end
  return list
end

--- The secrets in a file.
---@param path string
---@param warn fun(message: string) is told if others on this machine can read or change the file, and of what is odd
---@return string[]|nil secrets
---@return string? message
function secret_file.read(path, warn)
  local bytes, problem = core.read_file(path)
  if not bytes then return nil, "the secret file cannot be read: " .. problem end
  file_mode.check(warn, path)
  local list, message = secret_file.parse(bytes, path)
  if not list then return nil, message end
  secret_file.advise(list, path, warn)
  return list
end

--- The text of a file with these secrets.
---@param list string[]
---@return string
function secret_file.text(list)
  return table.concat(list, "\n") .. "\n"
end

return secret_file
