--- Whether others on this machine can read or change files that are their owner's business alone: secrets, keys,
--- inboxes. A symbolic link counts as what it names.
local core = require "marketplace.core"
local text = require "marketplace.text"

local file_mode = {}

local OWNER_ONLY = "chmod 600 "

local function has(digit, bit) return math.floor(digit / bit) % 2 == 1 end

--- What others than its owner can do with a file, without the right to read it that root gave to a group: a file in
--- /etc that belongs to root and to the group of a service is meant to be read by that service.
---@param file table a core.stat result
---@return integer bits of a mode, 0 to 63
function file_mode.others(file)
  local bits = file.mode % 64
  local is_shared = file.uid == 0 and file.gid ~= 0 and has(bits, 32)
  return is_shared and bits - 32 or bits
end

-- What others than this process's user can do with a file. If it is somebody else's, this process may reach it as a
-- member of its group, which is then meant to.
local function others_of(file)
  local user = core.user_id()
  local bits = file_mode.others(file)
  local everybody, group = bits % 8, math.floor(bits / 8)
  if file.uid ~= user and user ~= 0 then group = 0 end
  return {
    read = has(everybody, 4) or has(group, 4), change = has(everybody, 2) or has(group, 2),
    is_own = file.uid == user or user == 0,
  }
end

local function doing(can_read, can_change)
  if can_read and can_change then return "read and change" end
  return can_read and "read" or "change"
end

-- Without its owner's rights this process would not reach a file that is somebody else's.
local function remedy(words, is_own)
  local paths = table.concat(words, " ")
  if is_own then return OWNER_ONLY .. paths end
  return ("as root, chown %d %s && %s%s"):format(core.user_id(), paths, OWNER_ONLY, paths)
end

-- What others can do with the files, and the command that puts an end to it; nil if all are their owner's alone.
local function exposure_of(paths)
  local shown, words, can_read, can_change, is_own = {}, {}, false, false, true
  for _, path in ipairs(paths) do
    local file = core.stat(path)
    local others = file and others_of(file) or {}
    if others.read or others.change then
      shown[#shown + 1] = ("%s (mode %04o)"):format(path, file.mode)
      words[#words + 1] = text.shell_word(path)
      can_read, can_change = can_read or others.read, can_change or others.change
      is_own = is_own and others.is_own
    end
  end
  if #shown == 0 then return nil end
  return ("others can %s %s: %s"):format(doing(can_read, can_change), table.concat(shown, ", "), remedy(words, is_own))
end

--- Warns if others can read or change files that only their owner should reach.
---@param warn fun(message: string) is told what they can do, to which files, and the command that puts an end to it
---@param ... string paths; what is not there is passed over
function file_mode.check(warn, ...)
  local exposure = exposure_of { ... }
  if exposure then warn(exposure) end
end

return file_mode
