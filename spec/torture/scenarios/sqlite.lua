--- Scenarios of marketplace.sqlite.
local sqlite = require "marketplace.sqlite"

local CODES = { "out_of_memory", "inbox_unavailable" }

local function remove(path)
  for _, suffix in ipairs { "", "-wal", "-shm", "-copy", "-copy-wal", "-copy-shm", "-holders" } do
    os.remove(path .. suffix)
  end
end

local function setup()
  local path = os.tmpname()
  local database = assert(sqlite.open { path = path, create = true })
  assert(database:run(assert(database:prepare "CREATE TABLE t (i INTEGER PRIMARY KEY, a)")))
  assert(database:run(assert(database:prepare "INSERT INTO t (a) VALUES ('a'), (NULL), (2.5)")))
  database:close()
  return path
end

-- Calls each of the steps, which give nil, message and code if they fail, and closes the database after that.
local function on_database(path, steps)
  local database, message, code = sqlite.open { path = path }
  if not database then return database, message, code end
  database:limit(60)
  local result
  for _, step in ipairs(steps) do
    result, message, code = step(database)
    if result == nil then break end
  end
  database:close()
  return result, message, code
end

return {
  { covers = { "sqlite.open", "sqlite:limit", "sqlite:has_its_files", "sqlite:close" }, codes = CODES, setup = setup,
    teardown = remove,
    run = function(path)
      return on_database(path, { function(database) return database:has_its_files() end })
    end },
  { covers = { "sqlite:prepare", "sqlite:run", "sqlite:each", "sqlite:rollback" }, codes = CODES, setup = setup,
    teardown = remove,
    run = function(path)
      local results, number = {}, nil
      return on_database(path, {
        function(database)
          local message, code
          number, message, code = database:prepare "SELECT i, a, :b AS b, hash(a) AS h FROM t WHERE i > :i"
          return number, message, code
        end,
        function(database)
          local rows, message, code = database:run(number, { i = 0 }, { b = ("x"):rep(100) })
          results.rows = rows
          return rows, message, code
        end,
        function(database)
          local rows, message, code = database:each(number, { { i = 1 }, { i = 9 } }, { b = 1 })
          results.each = rows
          return rows, message, code
        end,
        function(database)
          local begun, message, code = database:begin()
          if not begun then return nil, message, code end
          number, message, code = database:prepare "INSERT INTO t (a) VALUES (:a)"
          if number then results.changed, message, code = database:each(number, { { a = "x" }, {} }) end
          database:rollback()
          if not results.changed then return nil, message, code end
          return results
        end,
      })
    end },
  { covers = { "sqlite:begin", "sqlite:commit", "sqlite:quick_check" }, codes = CODES, setup = setup, teardown = remove,
    run = function(path)
      return on_database(path, {
        function(database) return database:begin() end,
        function(database)
          local number, message, code = database:prepare "UPDATE t SET a = a || 'x' WHERE i = 1"
          if not number then return nil, message, code end
          return database:run(number)
        end,
        function(database) return database:commit() end,
        function(database) return database:quick_check() end,
      })
    end },
  { covers = { "sqlite:copy_to" }, codes = CODES, setup = setup, teardown = remove,
    run = function(path)
      return on_database(path, {
        function(database)
          local other, message, code = sqlite.open { path = path .. "-copy", create = true }
          if not other then return nil, message, code end
          local copied
          copied, message, code = database:copy_to(other, function() return true end)
          other:close()
          return copied, message, code
        end,
      })
    end },
}
