--- Scenarios of files.
local core = require "marketplace.core"

local CODES = { "out_of_memory", "file_failed" }

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

return {
  { covers = { "core.replace_file", "core.remove_leftovers" }, codes = CODES, setup = os.tmpname,
    run = function(path)
      local done, message, code = core.replace_file(path, "some bytes")
      if not done then return done, message, code end
      return core.remove_leftovers(path)
    end,
    teardown = function(path)
      assert(read(path) == "some bytes")
      os.remove(path)
    end },
  { covers = { "core.replace_locked", "core.is_locked" }, codes = CODES, setup = os.tmpname,
    run = function(path)
      local lock, message, code = core.replace_locked(path, "held")
      if not lock then return lock, message, code end
      local locked, problem, its_code = core.is_locked(path)
      lock:close()
      return locked, problem, its_code
    end,
    teardown = os.remove },
  { covers = { "core.put_in_place" }, codes = CODES, setup = os.tmpname,
    run = function(path)
      local done, message, code = core.replace_file(path .. ".part", "all of it")
      if not done then return done, message, code end
      return core.put_in_place(path .. ".part", path)
    end,
    teardown = function(path)
      assert(read(path) == "all of it")
      os.remove(path)
    end },
  { covers = { "core.lock_file", "lock:close" }, codes = CODES, setup = os.tmpname,
    run = function(path)
      local lock, message, code = core.lock_file(path)
      if not lock then return lock, message, code end
      local _, refused, its_code = core.lock_file(path)
      lock:close()
      return true, refused, its_code
    end,
    teardown = os.remove },
  { covers = { "core.read_file" }, codes = CODES,
    setup = function()
      local path = os.tmpname()
      assert(core.replace_file(path, ("a line\n"):rep(10000)))
      return path
    end,
    run = function(path) return core.read_file(path) end, teardown = os.remove },
  { covers = { "core.stat", "core.file_id", "core.real_path" }, codes = CODES,
    run = function()
      return core.stat ".", core.file_id ".", core.real_path ".", core.stat "/none"
    end },
}
