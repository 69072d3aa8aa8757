-- marketplace packages, in this process, with packages that only write down what they are asked.
local cli = require "marketplace.cli"
local core = require "marketplace.core"
local json = require "marketplace.json"
local output = require "marketplace.cli.support.output"
local packages = require "marketplace.packages"
local shell = require "support.shell"
local unpack = require("marketplace.runtime").unpack

local NOW = 1790000000

describe("marketplace packages", function()
  local folder, written, noted, asked, opened, answers, is_terminal
  local real = {
    raw = output.raw, terminal = core.is_terminal, stderr = io.stderr, now = core.now, print = print,
    log_writer = core.log_writer,
  }

  -- Every method writes down what it is given, and answers what the spec has set.
  local function fake(given)
    opened = given
    return setmetatable({ close = function() asked[#asked + 1] = "close" end }, {
      __index = function(_, name)
        return function(_, ...)
          asked[#asked + 1] = { name, ... }
          local answer = answers[name]
          if type(answer) == "function" then return answer(...) end
          if type(answer) == "table" and answer.fails then return nil, answer.fails, answer.code end
          return answer
        end
      end,
    })
  end

  -- What writes the log to the standard output from a thread.
  local function fake_writer()
    return {
      write = function(_, lines)
        written[#written + 1] = lines
        return true
      end,
      failures = function() return 0 end, close = function() end,
    }
  end

  before_each(function()
    folder = shell.run "mktemp -d"
    shell.run(("mkdir -p %s/p/state && touch %s/p/state/store.db"):format(folder, folder))
    written, noted, asked, answers, is_terminal = {}, {}, {}, { lock = true }, false
    output.raw = function(bytes) written[#written + 1] = bytes end
    core.is_terminal = function() return is_terminal end
    core.now, core.log_writer = function() return NOW end, fake_writer
    rawset(io, "stderr", {
      write = function(_, ...) noted[#noted + 1] = table.concat { ... } end, flush = function() end,
    })
    stub(packages, "new", fake)
  end)

  after_each(function()
    packages.new:revert()
    output.raw, core.is_terminal, core.now, core.log_writer = real.raw, real.terminal, real.now, real.log_writer
    rawset(io, "stderr", real.stderr)
    rawset(_G, "print", real.print) -- which goes to the standard error stream if the log is JSON
    shell.run("rm -rf " .. folder)
  end)

  local function run(...)
    written, noted, asked = {}, {}, {}
    return cli.main { "packages", ... }
  end

  local function here(action, ...) return run(action, "--folder", folder .. "/p", ...) end

  -- With a key of App Store Connect's.
  local function asking(action, ...)
    if not core.file_id(folder .. "/key.p8") then
      local key = assert(core.generate_key())
      assert(core.replace_file(folder .. "/key.p8", key:private_pem()))
      key:close()
    end
    return here(action, "--key-file", folder .. "/key.p8", "--key-id", "K", "--individual", ...)
  end

  local function out() return table.concat(written) end
  local function told() return table.concat(noted) end

  --[[ What is there ]]

  local HERE = {
    id = "v2", package = "p1", app = "67", item_id = "67", apple_version_id = "9", revision = 2, bundle_id = "a.b",
    version = "1.2", build = "34", platforms = { "ios" }, minimum_systems = { ios = "17.4" }, capabilities = {},
    bytes = 2812500000, assets = 3, missing = 0, unverified = 1, state = "published", is_current = true,
    staged_at = NOW - 7300, published_at = NOW - 7200, path = "67/9/v2", unavailable_in = { "DEU", "FRA" },
    why_unverified = {
      "the manifest has no digests of it, and App Store Connect gives a fileChecksum of an unknown kind",
    },
  }
  local WITHDRAWN = {
    id = "v1", package = "p1", app = "67", item_id = "67", apple_version_id = "9", revision = 1, version = "1.2",
    build = "34", bytes = 1000, assets = 1, missing = 0, unverified = 0, state = "withdrawn", why = "replaced",
    is_current = false, withdrawn_at = NOW - 60, unavailable_in = { "DEU", "FRA" },
  }
  local JOB = {
    id = 1, version = "v3", package = "p2", app = "68", state = "wanted", since = NOW - 300, due = NOW + 90,
    attempts = 2, code = "api_error", message = "403: an agreement is not signed",
  }
  local WANTED = {
    id = "v3", package = "p2", app = "68", state = "wanted", is_current = false, since = NOW - 300, job = JOB,
  }
  local ASSETS = {
    { public_id = "a1", kind = "variant", path = "variant/a1.ipa", size = 1000000, proof = "chunks" },
    { public_id = "a2", kind = "delta", path = "delta/a2.ipa", size = 2000, proof = "size", checksum = "crc32:1" },
    { public_id = "a3", kind = "delta", path = "delta/a3.ipa", size = 3000 },
  }

  local function copy(row, more)
    local other = {}
    for name, value in pairs(row) do other[name] = value end
    for name, value in pairs(more or {}) do other[name] = value end
    return other
  end

  local function of_version(id)
    local row = ({ v1 = WITHDRAWN, v2 = HERE, v3 = WANTED })[id]
    return { rows = { row and copy(row, row == HERE and { asset_list = ASSETS } or nil) } }
  end

  before_each(function()
    answers.jobs = function(filter)
      return not (filter.version and filter.version ~= "v3") and { copy(JOB) } or {}
    end
    answers.overview = function(filter)
      if filter.version then return of_version(filter.version) end
      return { rows = { copy(WITHDRAWN), copy(HERE), copy(WANTED) } }
    end
    answers.show = function(id)
      if id ~= "v2" then return nil, "no package version has this id: " .. id, "not_found" end
      return copy(HERE, { asset_list = ASSETS })
    end
  end)

  it("list shows what is current, since when, where not, and what is unverified and why", function()
    is_terminal = true
    assert.equal(0, here "list")
    assert.equal([[
STATE      CURRENT  FOR    NEXT      APP  VERSION   REVISION  SIZE     ID  REASON
withdrawn  no       1 min  -         67   1.2 (34)  1         1.00 kB  v1
    REASON: replaced; unavailable in DEU FRA
published  yes      2 h    -         67   1.2 (34)  2         2.81 GB  v2
    REASON: unavailable in DEU FRA; 1 of 3 assets unverified: the manifest has no digests of it, and App Store ]] ..
      [[Connect gives a fileChecksum of an unknown kind
wanted     no       5 min  in 1 min  68   -         -         -        v3
    REASON: 403: an agreement is not signed
]], out())
  end)

  it("list shows where alone something is available", function()
    is_terminal = true
    local row = copy(HERE, { available_in = { "DEU", "FRA" } })
    row.unavailable_in, answers.overview = nil, { rows = { row } }
    assert.equal(0, here("list", "--current"))
    assert.matches("available in DEU FRA only; ", out())
    row.available_in = {}
    assert.equal(0, here("list", "--current"))
    assert.is_nil(out():find "available in")
  end)

  it("list asks for what the options select", function()
    assert.equal(0, here("list", "--current", "--state", "wanted", "--app", "68", "--package", "p1", "--limit", "3"))
    assert.same({ "overview", { current = true, state = "wanted", app = "68", package = "p1", limit = 3 } }, asked[1])
    assert.matches("only the first 3 are shown", told())
    assert.equal(0, here "list")
    assert.same({ "overview", { limit = 100 } }, asked[1])
    assert.equal("", told())
  end)

  it("list and show write times, what waits and what is wrong for programs, too", function()
    assert.equal(0, here("show", "v2", "--json"))
    local row = json.decode(out())
    assert.same({ "2026-09-21T12:13:20.000Z", "DEU", 3, "size" },
      { row.published_at, row.unavailable_in[1], #row.asset_list, row.asset_list[2].proof })
    assert.equal(0, here("show", "v3", "--json"))
    row = json.decode(out())
    assert.same({ "wanted", 2, "api_error" }, { row.state, row.job.attempts, row.job.code })
  end)

  it("show has a line for each field and each asset", function()
    assert.equal(0, here("show", "v2"))
    assert.matches("^id +v2\npath +67/9/v2\npackage +p1\n", out())
    assert.matches("\nunavailable_in +DEU FRA\n", out())
    assert.matches("\n\nchunks +1.00 MB  variant/a1.ipa\nsize +2.00 kB  delta/a2.ipa %(the manifest has no .-%)\n" ..
      "not here +3.00 kB  delta/a3.ipa\n$", out())
    assert.equal(1, here("show", "v9"))
    assert.equal("marketplace: no package version has this id: v9\n", told())
  end)

  it("says so if there are no packages, and makes none", function()
    for _, arguments in ipairs { { "list" }, { "withdraw", "--app", "1" }, { "collect" }, { "verify", "--all" } } do
      table.insert(arguments, 2, "--folder")
      table.insert(arguments, 3, folder .. "/none")
      assert.equal(1, run(unpack(arguments)))
      assert.equal(("marketplace: there are no packages in %s/none: `marketplace packages work` or `fetch` " ..
        "makes the folder (the folder of the packages is set by --folder)\n")
        :format(folder), told())
    end
    assert.is_nil(core.file_id(folder .. "/none"))
  end)

  it("verify names what is wrong, and has an exit status for it", function()
    answers.verify = function(given)
      given.on_progress { event = "verifying", version = "v1", asset = "variant/a.ipa", bytes = 1, total = 2 }
      return { { version = "v1", assets = 2, bytes = 5000, problems = {} } }
    end
    assert.equal(0, here("verify", "--all"))
    assert.equal("v1 is as its manifest says: 2 assets, 5.00 kB\n", out())
    answers.verify = { { version = "v1", assets = 2, bytes = 5000, problems = {
      "variant/a.ipa: chunk 3 has another digest" } } }
    assert.equal(1, here("verify", "v1"))
    assert.equal("v1", asked[1][2].version)
    assert.equal("v1 has problems: 2 assets, 5.00 kB\n  variant/a.ipa: chunk 3 has another digest\n", out())
    assert.equal("marketplace: versions that are not as their manifests say: 1 of 1\n", told())
    assert.equal(2, here "verify")
    assert.equal(2, here("verify", "v1", "--all"))
  end)

  --[[ What an operator decides ]]

  it("withdraw, restore, hold and release tell the packages what is meant", function()
    for _, verb in ipairs { "withdraw", "restore", "hold", "release" } do
      answers[verb] = { versions = { "v1", "v2" }, withdrawn = { "v1" }, restored = { "v2" }, requested = {} }
    end
    assert.equal(0, here("withdraw", "--package", "p1", "--territory", "FRA", "--territory", "DEU"))
    assert.same({ "withdraw", { package = "p1", territories = { "FRA", "DEU" } } }, asked[1])
    assert.equal("v1 is withdrawn\nv2 is published again\n", out())
    assert.equal(0, here("restore", "--app", "67"))
    assert.same({ "restore", { app = "67" } }, asked[1])
    assert.equal(0, here("hold", "--version", "v1", "--reason", "a complaint"))
    assert.same({ "hold", { version = "v1", reason = "a complaint" } }, asked[1])
    assert.equal(0, here("release", "--version", "v1"))
    assert.same({ "release", { version = "v1" } }, asked[1])
    assert.equal("close", asked[2])
  end)

  it("restore says what has to be fetched again, and withdraw what is to come", function()
    answers.restore = { changed = { "*" }, versions = { "v1" }, requested = { "v1" } }
    assert.equal(0, here("restore", "--app", "67"))
    assert.equal("v1 is not here any more, and is fetched again\n", out())
    for line, answer in pairs {
      ["nothing changes: what is known is the same, or newer\n"] = { changed = {}, versions = { "v1" } },
      ["noted; no version of it is here\n"] = { changed = { "*" }, versions = {} },
      ["noted; no folder moves: v1 v2\n"] = { changed = { "FRA" }, versions = { "v1", "v2" } },
    } do
      answers.withdraw = answer
      assert.equal(0, here("withdraw", "--app", "67"))
      assert.equal(line, out())
      assert.equal(0, here("withdraw", "--app", "67", "--json"))
      assert.same(answer, json.decode(out()))
      assert.is_nil(out():find("{}", 1, true))
    end
  end)

  it("says what is wrong with the usage", function()
    for _, wrong in ipairs {
      { "withdraw" }, { "withdraw", "--app", "1", "--package", "2" }, { "hold" }, { "release", "--reason", "x" },
      { "withdraw", "--app", "1", "--territory", "fra" }, { "restore", "--version", "1", "--territory", "FRA" },
      { "withdraw", "--app", " " }, { "collect", "--older-than", "soon" }, { "list", "--limit", "0" },
      { "list", "--state", "dead" }, { "show" },
    } do
      assert.equal(2, here(unpack(wrong)), table.concat(wrong, " "))
      assert.matches("Usage: ", told())
      assert.same({}, asked)
    end
    for _, wrong in ipairs {
      { "fetch", "--version", "1", "--package", "2" }, { "fetch", "--version", "" }, { "work", "--parallel", "0" },
      { "work", "--max-rate", "20 M" }, { "work", "--min-free", "-1" }, { "work", "--grace", "2" },
      { "work", "--checksum", "maybe" }, { "work", "--max-calls", "x" }, { "work", "--metrics-port", "70000" },
    } do
      assert.equal(2, asking(unpack(wrong)), table.concat(wrong, " "))
    end
  end)

  it("collect says how much it deleted", function()
    answers.collect = { collected = { "v1", "v2" }, bytes = 3000000 }
    assert.equal(0, here("collect", "--older-than", "7d"))
    assert.same({ "collect", { older_than = 7 * 86400 } }, asked[1])
    assert.equal("deleted: 2 versions, 3.00 MB\n", out())
  end)

  it("fails with the packages' message, and closes them", function()
    answers.collect = { fails = "the store cannot be written: disk full" }
    assert.equal(1, here "collect")
    assert.equal("marketplace: the store cannot be written: disk full\n", told())
    assert.equal("close", asked[2])
  end)

  --[[ fetch, sync, work ]]

  -- Turns in each of which these events happen; after the last there is nothing to do.
  local function turns(...)
    local all = { ... }
    answers.request = "new"
    answers.turn = function()
      local events = table.remove(all, 1)
      for _, event in ipairs(events or {}) do opened.on_event(event) end
      return events and 0 or 1
    end
  end

  it("fetch wants a version and takes turns until there is nothing to do", function()
    turns({ { event = "job_started", version = "v1" } }, {}, {
      { event = "published", version = "v1" },
      { event = "job_done", version = "v1", result = "published" },
    })
    assert.equal(0, asking("fetch", "--version", "v1"))
    assert.same({ "request", { version = "v1", now = true } }, asked[1])
    assert.equal("v1 is published\n", out())
    assert.equal("close", asked[#asked])
  end)

  it("fetch fails with what failed, and when it is tried again", function()
    turns({ { event = "job_started", package = "p1" }, { event = "job_moved", package = "p1", moved_to = "v1" } },
      { { event = "job_failed", version = "v1", package = "p1", message = "the disk is full", again_in = 61 },
        { event = "job_failed", version = "v2", package = "p2", message = "it is gone", ended = true } })
    assert.equal(1, asking "fetch")
    assert.equal("marketplace: v1 is not fetched: the disk is full; it is tried again in 1 min\n" ..
      "v2 is not fetched: it is gone\n", told())
    turns { { event = "job_done", version = "v1", package = "p1", result = "held" } }
    assert.equal(1, asking("fetch", "--package", "p1"))
    assert.equal("marketplace: v1 is here, and is not published, as it is held\n", told())
  end)

  it("fetch gives each failure one line, whatever App Store Connect's answer has in it", function()
    turns { { event = "job_failed", version = "v1", message = "403: no\nv2 is published" } }
    assert.equal(1, asking "fetch")
    assert.equal("marketplace: v1 is not fetched: 403: no | v2 is published\n", told())
  end)

  it("fetch of one version ends with it, whatever becomes of others", function()
    local function others(event)
      return { event = event, version = "v9", package = "p9", message = "no", result = "held" }
    end
    local after = { { event = "job_failed", version = "v1", package = "p1", message = "too late" } }
    turns({ others "job_started", others "job_failed" },
      { others "job_done", { event = "job_done", version = "v1", package = "p1", result = "published" } }, after)
    assert.equal(0, asking("fetch", "--version", "v1"))
    turns({ others "job_failed", { event = "job_moved", package = "p1", moved_to = "v1" } },
      { { event = "job_moved", version = "v1", package = "p1", moved_to = "v2" }, others "job_failed" },
      { { event = "job_done", version = "v2", package = "p1", result = "published" } }, after)
    assert.equal(0, asking("fetch", "--package", "p1"))
    turns { { event = "job_failed", package = "p1", message = "nothing is COMPLETED" } }
    assert.equal(1, asking("fetch", "--package", "p1"))
    assert.equal("marketplace: p1 is not fetched: nothing is COMPLETED\n", told())
  end)

  it("fetch fails with an error that is logged", function()
    answers.turn = function()
      opened.log.write { level = "error", message = "cannot fetch packages", reason = "a full disk" }
      return 1
    end
    assert.equal(1, asking "fetch")
    assert.matches("^%S+ error   cannot fetch packages reason=\"a full disk\"\n$", told())
  end)

  it("fetch says what was there before, and who else fetches", function()
    turns()
    assert.equal(0, asking("fetch", "--version", "v2"))
    assert.equal("marketplace: v2 is published already\n", told())
    assert.equal(0, asking "fetch")
    assert.matches("nothing is due now; waiting for their next try: 1", told())
    answers.jobs = {}
    assert.equal(0, asking "fetch")
    assert.equal("marketplace: nothing is wanted now\n", told())
    answers.turn = function() return 1, "standby" end
    assert.equal(0, asking("fetch", "--version", "v9"))
    assert.matches("another process fetches for this folder", told())
  end)

  it("fetch writes events as JSON, and of progress a line a second", function()
    local progress = {
      event = "asset_progress", version = "v1", asset = "a", path = "variant/a.ipa", bytes = 1, total = 2,
      version_bytes = 1, version_total = 2,
    }
    turns { progress, progress, progress, { event = "job_done", version = "v1", result = "published" } }
    assert.equal(0, asking("fetch", "--json"))
    local events = {}
    for line in out():gmatch "[^\n]+" do
      local event = json.decode(line)
      assert.equal("2026-09-21T14:13:20.000Z", event.at)
      events[#events + 1] = event.event
    end
    assert.same({ "asset_progress", "job_done" }, events)
  end)

  it("gives the packages what the options say", function()
    turns()
    assert.equal(0, asking("fetch", "--parallel", "8", "--max-rate", "20M", "--max-calls", "100", "--min-free", "1G",
      "--grace", "3h", "--checksum", "never"))
    assert.same({ 8, 20000000, 100, 1000000000, 10800, "never", folder .. "/p" }, {
      opened.parallel, opened.max_bytes_per_second, opened.max_calls_per_hour, opened.min_free, opened.grace,
      opened.checksum, opened.folder,
    })
    assert.is_table(opened.client)
    assert.equal(0, asking "fetch")
    assert.same({ 4, 5000000000, 172800, "when_needed" },
      { opened.parallel, opened.min_free, opened.grace, opened.checksum })
  end)

  it("sync says what is wanted now", function()
    answers.sync = { seen = 3, known = 1, requested = { "v1", "v2" } }
    assert.equal(0, asking("sync", "--app", "67", "--app", "68"))
    assert.same({ "sync", { apps = { "67", "68" } } }, asked[1])
    assert.equal("App Store Connect has 3 versions; newly wanted: 2\n", out())
    assert.equal(0, asking "sync")
    assert.same({ "sync", {} }, asked[1])
  end)

  it("work takes turns until it is stopped, and pauses as long as they say", function()
    local pauses, slept = { 0.5, 0, 0.25 }, {}
    answers.turn = function() return table.remove(pauses, 1) end
    local stubs = {
      stub(core, "catch_signals"), stub(core, "stop_asked", function() return #pauses == 0 end),
      stub(core, "sleep", function(seconds) slept[#slept + 1] = seconds end),
    }
    finally(function() for _, one in ipairs(stubs) do one:revert() end end)
    assert.equal(0, asking("work", "--json", "--max-rate", "1k"))
    assert.same({ 0.5, 0.25 }, slept)
    assert.equal(1000, opened.max_bytes_per_second)
    assert.equal("close", asked[#asked])
    local messages = {}
    for line in out():gmatch "[^\n]+" do messages[#messages + 1] = json.decode(line).message end
    assert.same({ "fetching packages", "stopped" }, messages)
  end)

  it("uses the folder of --folder, then MARKETPLACE_PACKAGES, then the config file, then the default", function()
    local environment, getenv = {}, os.getenv
    rawset(os, "getenv", function(name) return environment[name] end)
    finally(function() rawset(os, "getenv", getenv) end)
    assert(core.replace_file(folder .. "/config", "packages = p\n"))
    assert.equal(1, run "list")
    assert.equal("marketplace: there are no packages in packages: `marketplace packages work` or `fetch` makes the " ..
      "folder (no folder was named, so it is the default: --folder names another)\n",
      told())
    environment.MARKETPLACE_CONFIG = folder .. "/config"
    assert.equal(0, run "list")
    assert.equal(folder .. "/p", opened.folder)
    environment.MARKETPLACE_PACKAGES = folder .. "/q"
    assert.equal(1, run "list")
    assert.matches("/q: .* %(the folder of the packages is set by MARKETPLACE_PACKAGES%)\n$", told())
    assert.equal(0, here "list")
    environment.MARKETPLACE_PACKAGES = nil
    assert(core.replace_file(folder .. "/config", "pakages = p\n"))
    assert.equal(1, run "list")
    assert.matches("unknown setting 'pakages'", told())
  end)

  it("needs a key for what asks App Store Connect only", function()
    assert.equal(2, here("fetch", "--version", "v1"))
    assert.matches("%-%-key%-file is missing", told())
    assert.equal(0, here "list")
  end)
end)
