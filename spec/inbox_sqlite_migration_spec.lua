-- Opening an inbox of a former release: spec/fixtures/inbox_version_4.sql says how that was made.
local ask = require "support.inbox_answers"
local cjson = require "cjson"
local core = require "marketplace.core"
local expect_unavailable = require "support.unavailable"
local inbox = require "marketplace.inbox"
local links = require "marketplace.sqlite.link"
local shell = require "support.shell"
local sqlite = require "marketplace.sqlite"

local record = require("support.shared_inbox").record

local run = shell.run

local FIXTURE, ANSWERS = "spec/fixtures/inbox_version_4.sql", "spec/fixtures/inbox_version_4.json"
local AT = 1795690800 -- where its clock ended

local function read(path) return assert(core.read_file(path)) end

local function query(database, statement, values)
  return assert(database:run(assert(database:prepare(statement)), values))
end

describe("a SQLite inbox of a former release", function()
  local folder, path, now

  before_each(function()
    folder = run "mktemp -d"
    path, now = folder .. "/inbox.db", AT
  end)

  after_each(function() run("rm -rf " .. folder) end)

  local function with_database(work)
    local database = assert(sqlite.open { path = path, create = true })
    local result = work(function(...) return query(database, ...) end)
    database:close()
    return result
  end

  -- More of the same, so that it takes a while.
  local MORE = "WITH RECURSIVE counted (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM counted WHERE n < :count) " ..
    "INSERT INTO inbox (id, key, digest, type, event, app_id, lane, received_at, state, at, set_at, leads, body) " ..
    "SELECT 'more' || n, 'more' || n, 'd' || n, 'T', 'other', 'app' || n, 'app' || n, 1, 'ready', 1, 1, 1, " ..
    "hex(zeroblob(400)) FROM counted"

  local function write_former(more)
    with_database(function(execute)
      execute "BEGIN"
      for statement in read(FIXTURE):gmatch "(.-);\n" do execute(statement) end
      if more then execute(MORE, { count = more }) end
      execute "COMMIT"
    end)
  end

  local function open(settings)
    settings = settings or { clock = function() return now end }
    return inbox.open("sqlite:" .. path, settings)
  end

  -- All that it holds, and its version.
  local function contents()
    return with_database(function(execute)
      return {
        execute "PRAGMA user_version"[1].user_version, execute "SELECT * FROM inbox",
        execute "SELECT * FROM inbox_self",
      }
    end)
  end

  it("answers as it did, to all that is asked and done", function()
    write_former()
    local box = assert(open())
    local answers = ask(box, function(time) now = time end, AT)
    box:close()
    local place = 0
    for line in read(ANSWERS):gmatch "[^\n]+" do
      place = place + 1
      local given = answers[place] or {}
      assert.same(cjson.decode(line), { given[1], given[2] }, ("answer %d, of %s"):format(place, given[1] or "none"))
    end
    assert.equal(place, #answers)
  end)

  it("has the tables of a new one, and is whole", function()
    local TABLES = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name"
    write_former()
    assert(open()):close()
    local migrated = with_database(function(execute)
      assert.equal("ok", execute "PRAGMA integrity_check"[1].integrity_check)
      assert.same({}, execute "SELECT id FROM inbox WHERE key = id")
      return execute(TABLES)
    end)
    path = folder .. "/new.db"
    assert(open()):close()
    assert.same(with_database(function(execute) return execute(TABLES) end), migrated)
  end)

  it("hardly grows, and what comes next uses the former tables' space", function()
    write_former(3000)
    local function pages()
      return with_database(function(execute) return execute "PRAGMA page_count"[1].page_count end)
    end
    local before, records = pages(), {}
    assert(open()):close()
    local migrated = pages()
    assert.is_true(migrated < 1.5 * before)
    for i = 1, 300 do records[i] = record("new" .. i, { body = ("x"):rep(400) }) end
    local box = assert(open())
    assert(box:put(records))
    box:close()
    assert.equal(migrated, pages())
  end)

  it("has what its log holds alone, as after its process was killed", function()
    write_former()
    with_database(function(execute)
      execute("UPDATE inbox_self SET id = 'in the log'")
      run(("for f in '' -wal; do cp %s$f %s/killed.db$f; done"):format(path, folder))
    end)
    path = folder .. "/killed.db"
    local box = assert(open())
    assert.equal("in the log", box:id())
    box:close()
  end)

  it("runs an app that waited for an entry without one, whose id was the app's", function()
    write_former()
    with_database(function(execute)
      local ROW = "INSERT INTO inbox (id, key, digest, app_id, lane, received_at, state, at, set_at, leads, body) " ..
        "VALUES (:id, :id, 'd', :app_id, '6740000001', 1, 'ready', 1, 1, :leads, '{}')"
      execute(ROW, { id = "6740000001", leads = 1 })
      execute(ROW, { id = "behind", app_id = "6740000001", leads = 0 })
      execute(ROW, { id = "behind too", app_id = "6740000001", leads = 0 })
      -- and the other way round
      execute(ROW:gsub("6740000001", "waits"), { id = "leader", app_id = "waits", leads = 1 })
      execute(ROW:gsub("6740000001", "waits"), { id = "waits", leads = 0 })
    end)
    local box = assert(open())
    assert.equal("behind", box:get("behind too").behind)
    for _, id in ipairs { "6740000001", "behind", "leader", "waits" } do assert.is_nil(box:get(id).behind) end
    local claimed = {}
    repeat
      local list = assert(box:claim(100, 60))
      for _, entry in ipairs(list) do claimed[entry.id] = true end
    until #list == 0
    for _, id in ipairs { "6740000001", "behind", "leader", "waits" } do assert.is_true(claimed[id], id) end
    assert.is_nil(claimed["behind too"])
    box:close()
  end)

  local function write_script(text)
    local script = folder .. "/script.lua"
    assert(core.replace_file(script, text))
    return script
  end

  it("is as it was if its process is killed meanwhile, and is migrated then", function()
    write_former(2000)
    local before = contents()
    local script = write_script(([[
      local links = require "marketplace.sqlite.link"
      local Link = getmetatable(links.new {})
      local execute = Link.run
      function Link:run(statement, values)
        -- so that much of it is in the log by then
        if statement:find "^ALTER TABLE" then execute(self, "PRAGMA cache_size = 10") end
        if statement:find "^DROP TABLE inbox_self" then os.execute "kill -9 $PPID" end
        return execute(self, statement, values)
      end
      require("marketplace.inbox").open("sqlite:%s")
    ]]):format(path))
    local _, status = shell.capture(shell.LUA .. " " .. script)
    assert.equal(128 + 9, status)
    assert.is_true(tonumber(run("stat -c %s " .. path .. "-wal")) > 500000)
    assert.same(before, contents())
    local box = assert(open())
    assert.equal(#before[2], #box:list())
    box:close()
  end)

  it("is as it was if the disk is full, and is migrated once there is space", function()
    write_former(2000)
    local before = contents()
    local script = write_script(('print(select(2, require("marketplace.inbox").open("sqlite:%s")))'):format(path))
    -- the limit on a file's size stands for the disk's: the write fails just so
    local output = run(("trap '' XFSZ; ulimit -f 1000; %s %s"):format(shell.LUA, script))
    assert.is_truthy(output:find "SQLITE_FULL" or output:find "SQLITE_IOERR", output)
    assert.same(before, contents())
    local box = assert(open())
    assert.equal(#before[2], #box:list())
    box:close()
  end)

  it("is migrated by one of those that open it at the same time", function()
    write_former(2000)
    local script = write_script(([[
      local box = assert(require("marketplace.inbox").open("sqlite:%s"))
      print(assert(box:id()), box:counts().ready)
      box:close()
    ]]):format(path))
    local COUNT = "SELECT self.id || '\t' || count(*) AS line FROM inbox_self self JOIN inbox ON state = 'ready'"
    local expected = with_database(function(execute) return execute(COUNT)[1].line end)
    local one = ("%s %s & "):format(shell.LUA, script)
    local output = run(one:rep(4) .. "wait")
    for line in output:gmatch "[^\n]+" do assert.equal(expected, (line:gsub("%.0$", ""))) end
    local _, lines = output:gsub("[^\n]+", "")
    assert.equal(4, lines)
  end)

  it("is left alone if another has migrated it since its version was read", function()
    write_former()
    local begun = false
    local Link = getmetatable(links.new {})
    local begin = Link.begin
    finally(function() Link.begin = begin end)
    function Link:begin()
      if not begun then
        begun = true
        local other = assert(open())
        other:put { record "stored since" }
        other:close()
      end
      return begin(self)
    end
    local box = assert(open())
    assert.equal("stored since", box:get("stored since").id)
    box:close()
  end)

  it("takes the time that it takes, and waits for another that migrates it", function()
    write_former()
    local Link = getmetatable(links.new {})
    local former, seconds, at = { limit = Link.limit, begin = Link.begin, run = Link.run }, nil, {}
    finally(function()
      for name, method in pairs(former) do Link[name] = method end
    end)
    function Link:limit(given)
      seconds = given
      return former.limit(self, given)
    end
    function Link:begin()
      at.begin = seconds
      return former.begin(self)
    end
    function Link:run(statement, values)
      if statement:find "^ALTER TABLE" then at.work = seconds end
      return former.run(self, statement, values)
    end
    assert(open()):close()
    assert.same({ begin = 600, work = 86400 }, at)
  end)

  it("has all bodies that cannot be read as they came, however many", function()
    write_former()
    local COUNT = 50
    with_database(function(execute)
      execute("WITH RECURSIVE counted (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM counted WHERE n < :count) " ..
        "INSERT INTO inbox (id, key, digest, lane, received_at, state, code, reason, at, set_at, leads, body) " ..
        "SELECT 'bad' || n, 'bad' || n, 'd', 'bad' || n, 1, 'dead', 'invalid', 'why', 1, 1, 0, " ..
        "'hex:' || printf('00%02xff', n) FROM counted", { count = COUNT })
    end)
    local box = assert(open())
    for i = 1, COUNT do assert.equal("\0" .. string.char(i) .. "\255", box:get("bad" .. i).body) end
    box:close()
  end)

  it("leaves what is leased to who has it, who can extend the lease until the end", function()
    write_former()
    assert(open()):close()
    -- what a process of the former release asks that still runs
    local EXTEND = "UPDATE inbox SET at = :at, set_at = :now WHERE id = :id AND token = :token AND state = 'leased' " ..
      "RETURNING 1 AS held"
    local leased = read(FIXTURE):match "VALUES%(%d+,'([^']+)'[^\n]*'leased',NULL,NULL,[^\n]*,2,0,NULL,"
    assert.equal(1, with_database(function(execute)
      return #execute(EXTEND, { at = AT + 5000, now = AT, id = leased, token = 2 })
    end))
    now = AT + 4000
    local box = assert(open())
    box:recover { 5 }
    assert.equal("leased", box:get(leased).state)
    now = AT + 5000
    assert.is_true(box:recover { 5 } > 0)
    assert.equal("ready", box:get(leased).state)
    box:close()
  end)

  it("is refused if it is older or newer, and left as it is", function()
    for _, version in ipairs { 3, 7 } do
      write_former()
      with_database(function(execute) execute("PRAGMA user_version = " .. version) end)
      local before = contents()
      expect_unavailable(("tables of .*/inbox.db have version %d, .* needs version 6: use the release that made them")
        :format(version), open())
      assert.same(before, contents())
      run("rm " .. path)
    end
  end)

  it("is refused if it is another program's, whatever its version", function()
    write_former()
    with_database(function(execute) execute "PRAGMA application_id = 7" end)
    local before = contents()
    expect_unavailable("another program's database", open())
    assert.same(before, contents())
  end)

  it("is refused if it is damaged, and left as it is", function()
    write_former(2000)
    local file = assert(io.open(path, "r+b"))
    file:seek("set", math.floor(file:seek "end" / 2048 / 2) * 2048)
    file:write(("\255"):rep(2048))
    file:close()
    local before = core.sha256(read(path))
    expect_unavailable("inbox.db is damaged", open())
    assert.equal(before, core.sha256(read(path)))
  end)
end)

describe("a SQLite inbox of version 5", function()
  local folder, now

  before_each(function()
    folder, now = run "mktemp -d", AT
  end)

  after_each(function() run("rm -rf " .. folder) end)

  local function open(name)
    return assert(inbox.open("sqlite:" .. folder .. "/" .. name, { clock = function() return now end }))
  end

  local function with_database(name, work)
    local database = assert(sqlite.open { path = folder .. "/" .. name, create = true })
    local result = work(function(...) return query(database, ...) end)
    database:close()
    return result
  end

  -- A new file with what that of version 4 held, and a copy of it as version 5 was.
  local function write_both()
    with_database("new", function(execute)
      execute "BEGIN"
      for statement in read(FIXTURE):gmatch "(.-);\n" do execute(statement) end
      execute "COMMIT"
    end)
    open "new":close()
    run(("cp %s/new %s/former"):format(folder, folder))
    return with_database("former", function(execute)
      execute "ALTER TABLE inbox DROP COLUMN history"
      execute "ALTER TABLE inbox DROP COLUMN traceparent"
      local number = execute "PRAGMA user_version"[1].user_version
      execute(("PRAGMA user_version = %d"):format(number - 1))
      return number
    end)
  end

  it("answers as a new one does, to all that is asked and done", function()
    write_both()
    local answers = {}
    for i, name in ipairs { "new", "former" } do
      local box = open(name)
      now = AT
      answers[i] = ask(box, function(time) now = time end, AT)
      box:close()
    end
    assert.same(answers[1], answers[2])
  end)

  it("has the tables of a new one, keeps count of its commits, and is whole", function()
    local number = write_both()
    open "former":close()
    local TABLES = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name"
    local function tables(execute)
      local list = execute(TABLES)
      for _, row in ipairs(list) do row.sql = row.sql and row.sql:gsub("%s+", " ") end
      return list
    end
    assert.same(with_database("new", tables), with_database("former", function(execute)
      assert.equal("ok", execute "PRAGMA integrity_check"[1].integrity_check)
      assert.equal(number + 256, execute "PRAGMA user_version"[1].user_version)
      return tables(execute)
    end))
  end)

  it("is brought up to date while another process of that release uses it", function()
    write_both()
    with_database("former", function(execute)
      execute "INSERT INTO bodies VALUES (999999, 'other')"
      local box = open "former"
      execute "DELETE FROM bodies WHERE seq = 999999"
      assert.is_true(#box:list() > 0)
      box:run {}
      box:close()
    end)
  end)
end)
