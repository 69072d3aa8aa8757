--- Puts a backup in the place of what is in an inbox in a SQLite file, which other processes may use meanwhile.
---
--- The backup is copied beside the inbox first, migrated if it has to be, and read from beginning to end. Then SQLite
--- copies it over the inbox in one transaction, within which what was there before is kept in a file of its own, so
--- that nothing that was acknowledged is in neither. The others see all of the old content or all of the new one.
---
--- If the inbox cannot be opened, it is moved aside, and the copy takes its place; but only if no process has it open.
local copy = require "marketplace.inbox.sqlite.copy"
local core = require "marketplace.core"
local reconnecting = require "marketplace.reconnecting"
local under_way = require "marketplace.inbox.sqlite.under_way"

local fail = reconnecting.fail

local restore = {}

local CHUNK_BYTES = 1048576
local WAIT_SECONDS = 60 -- for others that are writing

-- Whoever has a database open with a write-ahead log has the first of these bytes of it locked, and the second of its
-- -shm (https://sqlite.org/fileformat2.html, https://sqlite.org/walformat.html).
local SHARED_BYTE, MAPPED_BYTE = 0x40000002, 128

--[[ Files ]]

-- Asked through descriptors of their own, whose closing would drop the locks of connections of this process: only for
-- what it does not have open.
local function is_locked(path, byte)
  local held, message, code = require("marketplace.sqlite").is_held(path, byte)
  if held == nil and code ~= "file_missing" then fail("cannot look at " .. message) end
  return held
end

local function is_in_use(path)
  return is_locked(path, SHARED_BYTE) or is_locked(path .. "-shm", MAPPED_BYTE)
end

local function copy_bytes(from, to)
  local source = copy.checked(io.open(from, "rb"))
  local target = copy.checked(io.open(to, "r+b"))
  local ok, message
  repeat
    local bytes
    bytes, message = source:read(CHUNK_BYTES)
    ok = bytes or not message
    if bytes then ok, message = target:write(bytes) end
  until not (bytes and ok)
  source:close()
  local closed, problem = target:close()
  if not (ok and closed) then fail(("cannot copy %s to %s: %s"):format(from, to, message or problem)) end
end

-- Also what a process that was killed has left beside it, without which it would not be all there.
local function copy_files(from, to)
  copy.make(to)
  for _, suffix in ipairs { "-wal", "-journal" } do
    if core.file_id(from .. suffix) then
      copy.checked(core.replace_file(to .. suffix, "", "new"))
      copy_bytes(from .. suffix, to .. suffix)
    end
  end
  copy_bytes(from, to)
end

local function check_file(path, file)
  local found, problem = core.stat(file)
  if not found then fail("cannot read " .. problem) end
  if found.type ~= "file" then fail(file .. " is not a regular file") end
  if core.file_id(path) == found.id then fail(file .. " is the inbox itself: name a backup of it") end
  if is_in_use(file) then
    fail(("another process has %s open: name a backup of it, as `marketplace inbox backup` makes one"):format(file))
  end
end

-- A name that no file has, with the time in it.
local function name_of(path, what, now)
  local stamp = core.format_time(now):gsub("%.%d+Z$", ""):gsub("[-:]", "")
  local name, number = ("%s.%s-%s"):format(path, what, stamp), 1
  while core.file_id(name) do
    number = number + 1
    name = ("%s.%s-%s-%d"):format(path, what, stamp, number)
  end
  return name
end

--[[ Into an inbox that others may use ]]

local function is_empty_database(link)
  return link:run("SELECT count(*) AS count FROM sqlite_master")[1].count == 0
end

-- How many notifications a damaged inbox holds may be unknown: nil.
local function total_of(link)
  if is_empty_database(link) then return 0 end
  local ok, counts = pcall(copy.counts, link)
  return ok and copy.total(counts) or nil
end

local function refusal(path, total)
  return ("nothing was changed: %s holds %s, and the backup would take its place: give --yes to have that done; " ..
    "what is there now is then kept in a file beside it"):format(path,
      total and ("%d notification%s"):format(total, total == 1 and "" or "s") or "what cannot be counted")
end

local function keep(link, path, kept)
  local partial = path .. ".before-restore.partial"
  copy.make(partial)
  local ok, problem = pcall(function()
    copy.with(partial, function(target)
      copy.pages(link, target)
      copy.make_single(target)
    end)
    copy.checked(core.put_in_place(partial, kept))
  end)
  if ok then return end
  copy.remove(partial)
  error(problem, 0)
end

-- While nobody else can write. Whether there was something to keep.
local function look_after_former(link, staged, path, kept, is_sure)
  local total = total_of(link)
  if total == 0 then return false end
  if not is_sure then fail(refusal(path, total)) end
  local ok, leases = pcall(under_way.leases, link)
  if ok and #leases > 0 then copy.with(staged, under_way.hold_back, leases) end
  keep(link, path, kept)
  return true
end

local function replace_content(link, staged, path, given)
  local kept = name_of(path, "before-restore", given.now)
  local is_kept = false
  local ok, problem = pcall(copy.with, staged, function(source)
    copy.pages(source, link, function()
      local done, result = pcall(copy.with, path, look_after_former, staged, path, kept, given.is_sure)
      if not done then return reconnecting.outcome(false, result) end
      is_kept = result
      return true
    end)
  end)
  if not ok and is_kept then
    -- it may have been committed nevertheless
    local reason = type(problem) == "table" and problem.message or tostring(problem)
    fail(("%s (what the inbox held before is in %s, too)"):format(reason, kept))
  end
  if not ok then error(problem, 0) end
  link:run "PRAGMA wal_checkpoint(PASSIVE)" -- or another process would, while it stores something
  return { kept = is_kept and kept or nil }
end

--[[ In place of one that cannot be opened, or is not there ]]

-- First what is beside it: the copy must never lie beside another file's log.
local function swap(staged, path, aside)
  local moved = {}
  local ok, problem = pcall(function()
    for _, from in ipairs(copy.beside(path)) do
      local to = aside .. from:sub(#path + 1)
      copy.checked(os.rename(from, to))
      moved[from] = to
    end
    copy.checked(core.put_in_place(staged, path, core.file_id(path) and aside or nil))
  end)
  if ok then return end
  for from, to in pairs(moved) do os.rename(to, from) end
  error(problem, 0)
end

local function take_place(staged, path, given, problem)
  local reason = problem and problem.message
  if is_in_use(path) then
    fail(("%s: other processes have it open: stop serve, work and nginx, then run this again"):format(
      reason or "there is no " .. path))
  end
  local aside = name_of(path, "damaged", given.now)
  local leaves = core.file_id(path) or #copy.beside(path) > 0
  swap(staged, path, aside)
  return { damaged = leaves and aside or nil, problem = reason }
end

--[[ Both ]]

local function put(staged, path, given)
  if not core.file_id(path) then return take_place(staged, path, given) end
  local opened, link = pcall(copy.open, path)
  if not opened then return take_place(staged, path, given, link) end
  local ok, result = pcall(function()
    if not (copy.is_inbox(link) or is_empty_database(link)) then
      fail(path .. " is another program's database: name the inbox with --inbox")
    end
    link:limit(WAIT_SECONDS)
    return replace_content(link, staged, path, given)
  end)
  link:close()
  if not ok then error(result, 0) end
  return result
end

local function verify(link, file)
  local counts = copy.verify(link, file)
  under_way.prepare(link)
  copy.make_single(link)
  return counts
end

local function stage(file, staged)
  copy_files(file, staged)
  local counts, message = reconnecting.outcome(pcall(copy.with, staged, verify, file))
  if counts then return counts end
  -- what cannot be read in the copy cannot be read in the backup
  if not message:find "^cannot write" then
    message = message:gsub(staged:gsub("%p", "%%%0"), (file:gsub("%%", "%%%%")))
  end
  fail(message)
end

local function run(path, file, given)
  check_file(path, file)
  local staged = path .. ".restoring"
  local ok, result = pcall(function()
    local counts = stage(file, staged)
    local done = put(staged, path, given)
    done.counts = counts
    return done
  end)
  copy.remove(staged)
  if not ok then error(result, 0) end
  return result
end

--- Restores a backup.
---@param path string of the inbox, which need not be there
---@param file string the backup
---@param given {now: number, is_sure: boolean} is_sure: whether what the inbox holds may be replaced
---@return table|nil done counts: of the notifications in it, by state; kept: the file with what the inbox held before;
--- damaged: the file that it was moved to, as it could not be opened; problem: why it could not
---@return string? message
function restore.run(path, file, given)
  path = core.real_path(path) or path
  file = core.real_path(file) or file
  return reconnecting.outcome(pcall(copy.alone, path .. ".restoring", "another process is restoring " .. path, run,
    path, file, given))
end

return restore
