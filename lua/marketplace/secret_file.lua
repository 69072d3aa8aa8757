--- Secret files: one secret a line, the newest first, up to 8 while they are rotated.
local core = require "marketplace.core"
local file_mode = require "marketplace.file_mode"

local secret_file = {}

--- The most secrets that a receiver takes.
secret_file.MOST = core.limits.secrets

--- The secrets in a file's text: its lines as they stand, without what editors add: a byte order mark, a carriage
--- return at a line's end, and empty lines.
---@param text string
---@param path string for the message
---@return string[]|nil secrets
---@return string? message
function secret_file.parse(text, path)
  local list = {}
  for line in text:gsub("^\239\187\191", ""):gmatch("[^\n]+") do
    line = line:gsub("\r$", "")
    if line ~= "" then list[#list + 1] = line end
  end
  if #list == 0 then return nil, "the secret file holds no secret: " .. path end
  if #list > secret_file.MOST then
    return nil, ("the secret file holds %d secrets, more than %d: %s"):format(#list, secret_file.MOST, path)
  end
  return list
end

--- The secrets in a file.
---@param path string
---@param warn fun(message: string) is told if others on this machine can read or change the file
---@return string[]|nil secrets
---@return string? message
function secret_file.read(path, warn)
  local text, problem = core.read_file(path)
  if not text then return nil, "the secret file cannot be read: " .. problem end
  file_mode.check(warn, path)
  return secret_file.parse(text, path)
end

--- The text of a file with these secrets.
---@param list string[]
---@return string
function secret_file.text(list)
  return table.concat(list, "\n") .. "\n"
end

return secret_file
