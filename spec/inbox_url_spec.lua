local inbox = require "marketplace.inbox"
local url = require "marketplace.inbox.url"

local SECRET = "hunter2"

local function expect(expected, text)
  local parsed, message = url.parse(text)
  assert.is_nil(message)
  assert.same(expected, parsed)
end

-- Expects a message that holds this text, and no secret.
local function expect_problem(part, text)
  local parsed, message = url.parse(text)
  assert.is_nil(parsed, text)
  assert.is_truthy(message:find(part, 1, true), message)
  assert.is_nil(message:find(SECRET, 1, true), message)
  assert.is_nil(url.redacted(text):find(SECRET, 1, true))
end

local function postgres(parameters, more)
  local parsed = { kind = "postgres", parameters = parameters }
  for name, value in pairs(more or {}) do parsed[name] = value end
  return parsed
end

local function redis(parsed)
  parsed.kind = "redis"
  return parsed
end

describe("an inbox URL", function()
  it("names the inbox in memory", function()
    expect({ kind = "memory" }, "memory")
    for _, text in ipairs { "memory:", "memory:x", "memory://" } do
      expect_problem("the memory inbox has no path", text)
    end
    for text, is_memory in pairs {
      memory = true, ["memory:x"] = true, ["sqlite:memory"] = false, memoryx = false, [""] = false,
    } do
      assert.equal(is_memory, url.is_memory(text))
    end
  end)

  it("names a SQLite file by its path as it is", function()
    for _, path in ipairs { "a.db", "/var/lib/a b.db", "a%20b?c=d#e@f", "./x", "c:d" } do
      expect({ kind = "sqlite", path = path }, "sqlite:" .. path)
    end
    expect_problem("sqlite: needs a path", "sqlite:")
    expect_problem("write sqlite:PATH", "sqlite:///var/lib/a.db")
    expect_problem("NUL", "sqlite:a\0b")
  end)

  describe("of PostgreSQL", function()
    it("is taken as people write it", function()
      expect(postgres { user = "u", password = "p", host = "h", port = "5432", dbname = "db", sslmode = "require" },
        "postgres://u:p@h:5432/db?sslmode=require")
      expect(postgres { user = "u", host = "h", dbname = "db" }, "postgresql://u@h/db")
      expect(postgres { host = "h" }, "postgres://h")
      expect(postgres { host = "h" }, "postgres://h/")
      expect(postgres {}, "postgres://")
      expect(postgres { dbname = "db", host = "/run/postgresql", connect_timeout = "3" },
        "postgres:///db?host=/run/postgresql&connect_timeout=3")
      expect(postgres { host = "/run/postgresql", dbname = "db" }, "postgres://%2Frun%2Fpostgresql/db")
      expect(postgres { host = "h", user = "u", password = "" .. "p" }, "postgres://h?user=u&password=p")
    end)

    it("has a time limit, a durability and a count of replicas beside libpq's parameters", function()
      expect(postgres({ host = "h" }, { timeout = 2.5, durability = "relaxed", replicas = 2 }),
        "postgres://h?timeout=2.5&durability=relaxed&replicas=2")
      expect(postgres({ host = "h" }, { timeout = 10, durability = "strict" }),
        "postgres:host=h timeout=10 durability=strict")
      expect_problem("timeout must be seconds, from 0.001 to 3600", "postgres://h?timeout=0")
      expect_problem("timeout must be seconds", "postgres:timeout=3s")
      expect_problem("durability must be strict or relaxed", "postgres://h?durability=none")
      for _, count in ipairs { "0", "101", "-1", "1.5", "two" } do
        expect_problem("replicas must be a whole number from 1 to 100", "postgres://h?replicas=" .. count)
      end
    end)

    it("has its parts percent-decoded", function()
      expect(postgres { user = "u@x", password = "p:/?#[]@ %+é", host = "h", dbname = "d/b" },
        "postgres://u%40x:p%3A%2f%3F%23%5B%5D%40%20%25+é@h/d%2Fb")
      expect(postgres { user = "u", password = "hun@ter:2", host = "h" }, "postgres://u:hun@ter:2@h")
    end)

    it("takes IPv6 addresses in brackets, and several hosts", function()
      expect(postgres { host = "::1", port = "5433", dbname = "db" }, "postgres://[::1]:5433/db")
      expect(postgres { host = "fe80::1%eth0" }, "postgres://[fe80::1%25eth0]")
      expect(postgres { host = "a,b,::1", port = "5432,,5434" }, "postgres://a:5432,b,[::1]:5434")
      expect(postgres { host = "a,b", dbname = "db" }, "postgresql://a,b/db")
    end)

    it("can be libpq's words, with its quotation marks and backslashes", function()
      expect(postgres { host = "h", dbname = "db" }, "postgres:host=h dbname=db")
      expect(postgres { host = "a b", password = "it's \\", user = "", dbname = "x y" },
        [[postgresql:  host = 'a b'	password='it\'s \\' user='' dbname=x\ y  ]])
      expect(postgres {}, "postgres:")
      expect(postgres { port = "1,65535,2" }, "postgres:port=1,65535,2")
    end)

    it("is refused with the part that is wrong", function()
      for text, part in pairs {
        ["postgres://h:x/db"] = "the port must be a whole number from 1 to 65535", ["postgres://h:0"] = "the port",
        ["postgres://h:65536"] = "the port", ["postgres://h:/db"] = "the port", ["postgres://h:5432x"] = "the port",
        ["postgres://h:+5"] = "the port", ["postgres:port=0"] = "the port", ["postgres://h?port=65536"] = "the port",
        ["postgres:port=5.5"] = "the port", ["postgres://a:1,b:99999"] = "the port", ["postgres:port=-1"] = "the port",
        ["postgres://::1/db"] = "in brackets", ["postgres://[::1/db"] = "in brackets",
        ["postgres://[::1]5432"] = "only a port can follow", ["postgres://[]:1"] = "in brackets",
        ["postgres://h]:1"] = "in brackets",
        ["postgres://%zz:hunter2@h"] = "the user has a '%'", ["postgres://u:hunter2%@h"] = "the password has a '%'",
        ["postgres://u:%2@h"] = "the password has a '%'", ["postgres://h%/"] = "the host has a '%'",
        ["postgres://h/%G0"] = "the path has a '%'", ["postgres://h?user=%"] = "the parameter 'user' has a '%'",
        ["postgres://u:hunter2%00@h"] = "the password has a NUL byte",
        ["postgres://h?pasword=hunter2"] =
          "unknown parameter 'pasword'; known: those of libpq, durability, replicas, timeout",
        ["postgres:host=h password=a hunter=b"] = "word 3 is not one of libpq's parameters",
        ["postgres://h?sslmode"] = "name=value", ["postgres://h?=x"] = "name=value",
        ["postgres://h?sslmode="] = "the parameter 'sslmode' is empty",
        ["postgres://h?sslmode=a&sslmode=b"] = "'sslmode' is given twice",
        ["postgres://u:hunter2@h?password=x"] = "'password' is given twice",
        ["postgres://u:hun/hunter2@h/db"] = "write %40", ["postgres://u:hun?hunter2@h/db"] = "write %40",
        ["postgres://u:hun#hunter2@h/db"] = "write %40", ["postgres://h/db#hunter2"] = "write %40",
        ["postgres:hunter2"] = "words like host=db", ["postgres:host=h hunter2"] = "words like host=db",
        ["postgres:/run/hunter2"] = "words like host=db", ["postgres:Host=hunter2"] = "words like host=db",
        ["postgres:host=h password='hunter2"] = "a quotation mark is not closed",
        ["postgres:password=hunter2 password=hunter2"] = "the word 'password' is given twice",
      } do
        expect_problem(part, text)
      end
    end)
  end)

  describe("of Redis", function()
    it("is taken as people write it", function()
      expect(redis { host = "h", port = 6380, db = 1, prefix = "p", durability = "relaxed", timeout = 2.5 },
        "redis://h:6380/1?prefix=p&durability=relaxed&timeout=2.5")
      expect(redis { host = "h", user = "u@x", password = "p:/" }, "redis://u%40x:p%3A%2F@h")
      expect(redis { host = "h", password = "p@q" }, "redis://:p@q@h/")
      expect(redis { host = "h", user = "u" }, "redis://u:@h")
      expect(redis { host = "::1", port = 6379, db = 0 }, "redis://[::1]:6379/0")
      expect(redis {}, "redis://")
      expect(redis { port = 1 }, "redis://:1")
    end)

    it("can ask for TLS, with files", function()
      expect(redis { host = "h", port = 6380, db = 1, tls = true }, "rediss://h:6380/1")
      expect(redis { host = "h", tls = true, ca = "/a b", cert = "/c", key = "/k", replicas = 2 },
        "rediss://h?ca=/a%20b&cert=/c&key=/k&replicas=2")
    end)

    it("can name a socket", function()
      expect(redis { path = "/run/a b", db = 1, prefix = "p" }, "redis+unix:/run/a%20b?db=1&prefix=p")
      expect(redis { path = "/run/s" }, "redis+unix:///run/s")
      expect(redis { path = "/run/s", user = "u", password = "p" }, "redis+unix://u:p@/run/s")
    end)

    it("can be words", function()
      expect(redis { host = "h", port = 65535, db = 3, user = "u", password = "p", prefix = "x", timeout = 3600 },
        "redis:host=h port=65535 db=3 user=u password=p prefix=x timeout=3600")
      expect(redis { path = "/run/s", durability = "strict", timeout = 0.001 },
        "redis: path=/run/s  durability=strict timeout=0.001 ")
      expect(redis {}, "redis:")
    end)

    it("is refused with the part that is wrong", function()
      for text, part in pairs {
        ["redis://h:x"] = "the port must be a whole number from 1 to 65535", ["redis://h:0"] = "the port",
        ["redis://h:65536"] = "the port", ["redis://h:"] = "the port", ["redis://:hunter2"] = "the port",
        ["redis:port=6379.5"] = "the port", ["redis:port=0x10"] = "the port",
        ["redis://::1:6379"] = "in brackets", ["redis://[x y]"] = "in brackets",
        ["redis://h/x"] = "the database must be a whole number from 0", ["redis:db=-1"] = "the database",
        ["redis://h/0/1"] = "the database", ["redis:db=0.5"] = "the database", ["redis:db=2147483648"] = "the database",
        ["redis://h?timeout=0"] = "timeout must be seconds, from 0.001 to 3600", ["redis:timeout=-1"] = "timeout",
        ["redis:timeout=0.0009"] = "timeout must be", ["redis:timeout=3600.1"] = "timeout must be",
        ["redis:timeout=nan"] = "timeout must be", ["redis:timeout=1e2"] = "timeout must be",
        ["redis://h?durability=hunter2"] = "durability must be strict or relaxed", ["redis:durability="] = "words like",
        ["redis://h?prefx=p"] = "unknown parameter 'prefx'; known: prefix, timeout, durability, replicas",
        ["redis://h?db=1"] = "unknown parameter 'db'",
        ["redis+unix:/s?host=h"] = "unknown parameter 'host'; known: db, prefix",
        ["redis://h?prefix="] = "the parameter 'prefix' is empty", ["redis://h?hunter2"] = "name=value",
        ["redis://h?prefix=a&prefix=b"] = "'prefix' is given twice", ["redis:db=1 db=2"] = "'db' is given twice",
        ["redis://:hunter2%4@h"] = "the password has a '%'", ["redis://:hun/hunter2@h"] = "write %40",
        ["redis:localhost"] = "words like host=127.0.0.1", ["redis:hots=a"] = "known: host, port, path, user, password",
        ["redis:password=a hunter2=b"] = "words like", ["redis:hunter2@h:6379"] = "words like",
        ["redis+unix://h/s"] = "no host", ["redis+unix:s"] = "must begin with '/'",
        ["rediss:host=h"] = "write rediss://HOST:PORT/DB",
        ["rediss://h?cert=a"] = "cert and key must be given together",
        ["rediss://h?key=a"] = "cert and key", ["redis://h?ca=a"] = "unknown parameter 'ca'",
        ["redis://h?replicas=0"] = "replicas must be a whole number from 1 to 100", ["redis:replicas=x"] = "replicas",
        ["redis+unix:"] = "must begin with '/'", ["redis+unix:/"] = "must begin with '/'",
      } do
        expect_problem(part, text)
      end
    end)
  end)

  it("with a scheme that is unknown, misspelt or forgotten is refused with those that are known", function()
    local known = "known: memory, sqlite:PATH, postgres://USER@HOST:PORT/DBNAME, redis://HOST:PORT/DB, " ..
      "rediss://HOST:PORT/DB, redis+unix:/PATH"
    for _, text in ipairs { "", ":", "paper", "hunter2", "hunter2@h:1", "host=db password=hunter2", "//u:hunter2@h",
      "redis //:hunter2@h", "postgres host=h password=hunter2", "sqlite" } do
      expect_problem("the inbox URL has no scheme; " .. known, text)
    end
    for scheme, text in pairs {
      paper = "paper:x", postgre = "postgre://u:hunter2@h", Postgres = "Postgres:host=x password=hunter2",
      redisss = "redisss://:hunter2@h", Memory = "Memory:",
    } do
      expect_problem(("unknown kind of inbox '%s'; %s"):format(scheme, known), text)
    end
  end)

  it("is shown without secrets, and in one way", function()
    for text, shown in pairs {
      ["memory"] = "memory", ["sqlite:a b.db"] = "sqlite:a b.db", ["sqlite:a\27[1mb\n"] = "sqlite:a\\x1b[1mb\\x0a",
      ["postgres://u:hunter2@h:5/db?sslmode=require&sslpassword=hunter2"] = "postgres://u@h:5/db",
      ["postgres:password = hunter2 host=db dbname=x port=5 user=u"] = "postgres://u@db:5/x",
      ["postgresql://u:hun@hunter2@h/db"] = "postgres://u@h/db", ["postgres:"] = "postgres://",
      ["postgres:host='a b' dbname='c?d'"] = "postgres://a%20b/c%3Fd",
      ["postgres:host=::1 port=5 dbname=x"] = "postgres://[::1]:5/x",
      ["postgres:host=a,b port=1,2"] = "postgres://a:1,b:2", ["postgres:host=a,b port=1"] = "postgres://a:1,b",
      ["postgres:host=/run/postgresql port=5 user=u dbname=x"] = "postgres://u@/x?host=/run/postgresql&port=5",
      ["redis://:hunter2@h:6379/0?prefix=p&timeout=3"] = "redis://h:6379/0?prefix=p", ["redis:"] = "redis://",
      ["rediss://:hunter2@h:6379/0?ca=/ca"] = "rediss://h:6379/0",
      ["redis:host=::1 port=2 user=u password=hunter2 db=3"] = "redis://u@[::1]:2/3",
      ["redis:path=/run/s db=1 prefix=a/b"] = "redis+unix:/run/s?db=1&prefix=a/b",
      ["redis+unix://u:hunter2@/run/a%20b"] = "redis+unix://u@/run/a%20b",
      ["postgres://h:hunter2"] = "postgres:(unreadable)", ["redis+unix:hunter2"] = "redis+unix:(unreadable)",
      ["hunter2"] = "(unreadable inbox URL)", ["hunter2:x"] = "(unreadable inbox URL)", [""] = "(unreadable inbox URL)",
    } do
      assert.equal(shown, url.redacted(text))
    end
    for _, value in ipairs { 5, true, {}, print } do assert.equal("(no inbox URL)", url.redacted(value)) end
    assert.equal("(no inbox URL)", url.redacted(nil))
  end)

  it("that is shown is read as the same one, but for what is hidden", function()
    for _, text in ipairs {
      "memory", "sqlite:a b.db", "postgres://u%40v@h:5/d%2Fb", "postgres://[::1]:5,b:6/x", "postgres:///x?host=/run/p",
      "redis://u@[::1]:2/3?prefix=p", "redis+unix:/run/a%20b?db=1&prefix=p", "redis://", "rediss://h:1/0?prefix=p",
      "postgres://",
    } do
      assert.same(url.parse(text), url.parse(url.redacted(text)))
    end
  end)
end)

describe("marketplace.inbox", function()
  it("raises for what is no string, and returns what is wrong with a URL", function()
    for _, value in ipairs { 5, {}, false } do
      local ok, problem = pcall(inbox.open, value)
      assert.is_false(ok)
      assert.matches("marketplace.inbox: the URL must be a string, not a " .. type(value), problem)
    end
    assert.is_false((pcall(inbox.open)))
    assert.same({ nil, "redis: the port must be a whole number from 1 to 65535", "inbox_unavailable" },
      { inbox.open "redis://:hunter2@h:0" })
  end)
end)
