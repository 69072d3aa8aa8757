--- Scenarios of the files of packages.
local core = require "marketplace.core"
local package_io = require "marketplace.package_io"
local zip = require "marketplace.simulator.zip"

local CODES = { "out_of_memory", "crypto_failed", "file_failed" }
local BYTES = "abcde"
local DIGESTS = { core.sha256 "ab", core.sha256 "cd", core.sha256 "e" }

local function asset(path, resume)
  return { path = path, size = #BYTES, chunk_size = 2, digests = DIGESTS, sha256 = true, md5 = true, resume = resume }
end

local function whole_file()
  local path = os.tmpname()
  assert(core.replace_file(path, BYTES))
  return path
end

local function folder()
  local path = os.tmpname()
  os.remove(path)
  assert(package_io.make_folders(path .. "/a/b", 493))
  assert(core.replace_file(path .. "/a/file", BYTES))
  return path
end

local function remove(path) assert(package_io.remove_tree(path)) end

return {
  { covers = { "package_io.sink", "package_io.sink:offset", "package_io.sink:finish", "package_io.sink:ready",
      "package_io.sink:written", "package_io.sink:close" },
    codes = CODES, setup = whole_file, teardown = os.remove,
    run = function(path)
      local sink, message, code = package_io.sink(asset(path, true))
      if not sink then return sink, message, code end
      local offset, problem, its_code = sink:offset()
      if not offset then return offset, problem, its_code end
      local result, why, why_code = sink:finish()
      local ready, written = sink:ready(), sink:written()
      sink:close()
      if not result then return result, why, why_code end
      return result, offset, ready, written
    end },
  { covers = { "package_io.sink:restart" }, codes = CODES, setup = os.tmpname, teardown = os.remove,
    run = function(path)
      local sink, message, code = package_io.sink(asset(path))
      if not sink then return sink, message, code end
      local done, problem, its_code = sink:restart()
      sink:close()
      return done, problem, its_code
    end },
  { covers = { "package_io.check", "package_io.check:step", "package_io.check:result", "package_io.check:close" },
    codes = CODES, setup = whole_file, teardown = os.remove,
    run = function(path)
      local check, message, code = package_io.check(asset(path))
      if not check then return check, message, code end
      local done, problem, its_code = check:step(#BYTES)
      if done == nil then return nil, problem, its_code end
      local result, why, why_code = check:result()
      check:close()
      return result, why, why_code
    end },
  { covers = { "package_io.read_archive" }, leaks_in = "libzip",
    codes = { "out_of_memory", "file_failed", "archive_invalid" },
    setup = function()
      local path = os.tmpname()
      local entries = { { name = "a", bytes = ("x"):rep(40000) }, { name = "b", bytes = "y" } }
      assert(core.replace_file(path, zip.stored(entries)))
      return path
    end,
    teardown = os.remove,
    run = function(path) return package_io.read_archive { path = path, names = { "a", "b" } } end },
  { covers = { "package_io.make_folders", "package_io.link", "package_io.rename", "package_io.sync",
      "package_io.remove_tree" },
    codes = CODES, setup = folder, teardown = remove,
    run = function(path)
      for _, call in ipairs {
        { "remove_tree", path .. "/c" }, { "remove_tree", path .. "/e" }, -- of a run that failed
        { "make_folders", path .. "/c/d", 493 }, { "link", path .. "/a/file", path .. "/c/file" },
        { "rename", path .. "/c", path .. "/e" }, { "sync", path .. "/e" }, { "remove_tree", path .. "/e" },
      } do
        local done, message, code = package_io[call[1]](call[2], call[3])
        if not done then return done, message, code end
      end
      return true
    end },
  { covers = { "package_io.list", "package_io.disk_free" }, codes = CODES, setup = folder, teardown = remove,
    run = function(path)
      local list, message, code = package_io.list(path)
      if not list then return list, message, code end
      local free, problem, its_code = package_io.disk_free(path)
      if not free then return free, problem, its_code end
      return list, free > 0
    end },
}
