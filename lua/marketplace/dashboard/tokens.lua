--- The tokens that sign in: a file has one a line, up to 8, so that each operator can have one, or a new one can be
--- handed out before the old one ends.
local core = require "marketplace.core"
local file_mode = require "marketplace.file_mode"
local folders = require "marketplace.folders"
local secret_file = require "marketplace.secret_file"

local tokens = {}

local LEAST = 16 -- bytes
local NEW = 32 -- bytes of a token that is made here, before they are written in hex

--- What is wrong with tokens, if anything; never the tokens themselves.
---@param list any
---@return string?
function tokens.problem(list)
  if type(list) ~= "table" or #list == 0 then return "there is no token" end
  if #list > secret_file.MOST then return ("there are %d tokens, more than %d"):format(#list, secret_file.MOST) end
  for i, token in ipairs(list) do
    if type(token) ~= "string" or #token < LEAST then
      return ("token %d is shorter than %d bytes and could be guessed: openssl rand -hex 32 makes one"):format(i, LEAST)
    end
  end
end

--- Those in a file.
---@param path string
---@param warn fun(message: string) is told if others on this machine can read or change the file
---@return string[]|nil
---@return string? message
function tokens.read(path, warn)
  local bytes, problem = core.read_file(path)
  if not bytes then return nil, "the token file cannot be read: " .. problem end
  file_mode.check(warn, path)
  local list = secret_file.lines(bytes)
  if #list == 0 then
    return nil, ("the token file %s holds no token: write one into it, or remove it to have one made"):format(path)
  end
  problem = tokens.problem(list)
  if problem then return nil, ("the token file %s: %s"):format(path, problem) end
  return list
end

--- Makes a file with a new token, which only its owner can read, unless there is one.
---@param path string
---@return boolean|nil is_new
---@return string? message
function tokens.make(path)
  if core.file_id(path) then return false end
  local ok, problem, code = core.replace_file(path, core.random_hex(NEW) .. "\n", "new")
  if ok then return true end
  if code == "file_exists" then return false end
  return nil, folders.problem(path, "the token file cannot be made: " .. problem)
end

return tokens
