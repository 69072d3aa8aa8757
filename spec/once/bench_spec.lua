-- What the benchmarks measure becomes RESULTS.md and the figures of docs/comparison.md unchanged.
local shell = require "support.shell"
local raw = require "support.raw_http"

local results = dofile "bench/results.lua"

local WHAT = "receive, store in memory, run a callback, 32 connections, luajit"

local function lines_of(text)
  return text:gmatch "[^\n]+"
end

local function line(...)
  return table.concat({ ... }, "\t")
end

local function in_shell(script)
  return shell.run(". bench/results.sh\n" .. script)
end

describe("the results of the benchmarks", function()
  local folder

  before_each(function() folder = shell.run "mktemp -d" end)
  after_each(function() shell.run("rm -rf " .. folder) end)

  local function compare(which_is_faster)
    return in_shell(([[
      cd %s
      printf '100\n300\n200\n' > ours
      printf '50\n100\n400\n' > theirs
      export RESULTS=%s/lines
      result "a thing" ours theirs 1 %%.0f us "a peer" %s
      cat lines]]):format(folder, folder, which_is_faster))
  end

  it("are medians and quartiles", function()
    assert.equal("2.50 (1.75 to 3.25)", in_shell "printf '4\\n1\\n3\\n2\\n' | spread %.2f")
    assert.equal("3.00 (2.00 to 4.00)", in_shell "printf '5\\n1\\n4\\n2\\n3\\n' | spread %.2f")
    assert.equal("7 (7 to 7)", in_shell "printf '7\\n' | spread %.0f")
  end)

  it("compare what was measured in one round, and know which of two is faster", function()
    assert.equal(table.concat({
      line("result", "a thing", "this project", "200", "150", "250", "us"),
      line("result", "a thing", "a peer", "100", "75", "250", "us"),
      line("ratio", "a thing", "this project", "a peer", "0.50", "0.42", "1.25"),
    }, "\n"), compare "less")
    shell.run(("rm %s/lines"):format(folder))
    assert.matches("\t2.00\t1.25\t2.50$", compare "more")
  end)

  it("become a row for each ratio", function()
    local head = "| what | this project | beside | the peer | times as fast |\n| --- | ---: | --- | ---: | ---: |\n"
    assert.equal(head .. "| a thing | 200 (150 to 250) us | a peer | 100 (75 to 250) us | 0.50 (0.42 to 1.25) |\n",
      results.to_table(lines_of(compare "less")))
  end)

  it("are refused if they are not whole", function()
    local ours = line("result", WHAT, "this project", "2", "1", "3", "us")
    for text, problem in pairs {
      [""] = "nothing was measured",
      [ours] = "nothing was measured",
      ["a word"] = "not a line of results: a word",
      [line("result", WHAT, "this project", "2", "1", "3")] = "not a line of results",
      [line("result", WHAT, "this project", "2", "1", "", "us")] = "not a line of results",
      [line("result", WHAT, "this project", "4", "1", "3", "us")] = "not a line of results",
      [line("result", WHAT, "this project", "0", "0", "0", "us")] = "not a line of results",
      [ours .. "\n" .. line("ratio", WHAT, "this project", "a peer", "2", "1", "3")] = "of what was not measured",
    } do
      local ok, message = pcall(results.to_table, lines_of(text))
      assert.is_false(ok, text)
      assert.matches(problem, message, 1, true)
    end
  end)

  it("come from a bench as it runs", function()
    shell.run(("RESULTS=%s/lines ROUNDS=2 COUNT=10 bench/client/run"):format(folder))
    local text = shell.run(("%s bench/write.lua table %s/lines"):format(shell.LUA, folder))
    local rows = 0
    local row = "\n| (one call[^|]+) | ([^|]+) | ([^|]+) | ([^|]+) | ([^|]+) |"
    for what, ours, peer, theirs, ratio in text:gmatch(row) do
      assert.matches("^one call of the client, .+, lua%w", what)
      for _, time in ipairs { ours, theirs } do assert.matches("^%d+ %(%d+ to %d+%) us$", time) end
      assert.equal("a bare loop of libcurl in C", peer)
      assert.matches("^%d+%.%d%d %(%d+%.%d%d to %d+%.%d%d%)$", ratio)
      rows = rows + 1
    end
    assert.equal(4, rows)
  end)
end)

describe("the figures of docs/comparison.md", function()
  local page = raw.read_file "docs/comparison.md"

  -- A table with everything that the page shows, and something that it does not.
  local function everything()
    local text = "\n| not shown | 1 us | x | 2 us | 9.99 (9.99 to 9.99) |\n"
    for i, what in ipairs { "verify + parse + callback, 567 bytes, luajit", WHAT, "acknowledge on disk: SQLite",
      "nginx, one worker on one core, 32 connections: verified, read",
      "one call of the client, the simulator over HTTPS, luajit" } do
      text = text .. ("| %s | 1 us | peer %d | 2 us | %d.25 (1.00 to 9.00) |\n"):format(what, i, i)
    end
    return text
  end

  it("are those of bench/RESULTS.md", function()
    local file = io.open "bench/RESULTS.md"
    local text = file and file:read "*a"
    if file then file:close() end
    assert.equal(text and results.to_figures(text) or "", results.shown(page))
  end)

  it("are taken from it as they are, and put in the place of the old ones", function()
    local figures = results.to_figures(everything())
    assert.matches("| " .. WHAT .. " | peer 2 | 2.25 (1.00 to 9.00) |\n", figures, 1, true)
    assert.is_nil(figures:find("not shown", 1, true))
    local once = results.with_figures(page, figures)
    assert.equal(figures, results.shown(once))
    assert.equal(once, results.with_figures(results.with_figures(once, "old\n"), figures))
    assert.equal(page, results.with_figures(once, results.shown(page)))
  end)

  it("are not written if one is missing, or has no place", function()
    assert.has_error(function() results.to_figures((everything():gsub("acknowledge", "store"))) end,
      "not in the results: acknowledge on disk:")
    assert.has_error(function() results.with_figures("# no place\n", "") end, "the page has no place for figures")
  end)
end)

describe("the benchmarks' notifications", function()
  local inbox = require "marketplace.inbox.memory"
  local read_file = require("marketplace.core").read_file
  local record_of = require("marketplace.inbox.record").of

  local function outcome(body)
    return assert(inbox.new():put { (assert(record_of(body))) })[1]
  end

  it("are young enough to be run", function()
    local path = shell.file ""
    shell.run(("%s bench/notification/body.lua %s"):format(shell.LUA, path))
    assert.equal("stored", outcome((read_file(path))))
    os.remove(path)
    local requests = shell.run(("MARKETPLACE_SECRET=s %s bench/server/requests.lua 1"):format(shell.LUA))
    assert.equal("stored", outcome(requests:match "\r\n\r\n(.*)$"))
  end)
end)
