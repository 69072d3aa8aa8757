-- The afternoon in docs/packages.md, typed as the page has it: each block, in its order, in its terminal. Then its
-- commands for a backup and a restore, between which something is taken down.
local blocks = require "support.blocks"
local core = require "marketplace.core"
local json = require "marketplace.json"
local raw = require "support.raw_http"
local shell = require "support.shell"
local unpack = require("marketplace.runtime").unpack

local LONGEST_WAIT = 30 -- seconds

local page = raw.read_file "docs/packages.md"
local afternoon = page:match "\n## An afternoon on the simulator\n(.-)\n## "
local backups = page:match "\n## Backups and restores\n(.-)\n## "

describe("the afternoon of the packages' guide", function()
  local folder, preamble, servers

  -- As a shell has it: the command on the PATH, and free ports in place of the page's.
  local function write_command()
    shell.run(("mkdir %s/bin %s/afternoon"):format(folder, folder))
    local script = ("#!/bin/sh\nexec %s %s/bin/marketplace \"$@\"\n"):format(shell.run("command -v " .. shell.LUA),
      shell.run "pwd")
    assert(core.replace_file(folder .. "/bin/marketplace", script))
    shell.run(("chmod 755 %s/bin/marketplace"):format(folder))
  end

  setup(function()
    folder, servers = shell.run "mktemp -d", {}
    write_command()
    local simulator, receiver = shell.free_port(), shell.free_port()
    afternoon = afternoon:gsub("8090", tostring(simulator)):gsub("8080", tostring(receiver))
    preamble = ("export PATH=%s/bin:$PATH LUA_PATH='%s/lua/?.lua;;' MARKETPLACE_API_URL=http://127.0.0.1:%d\n" ..
      "cd %s/afternoon\n"):format(folder, shell.run "pwd", simulator, folder)
  end)

  teardown(function()
    for _, server in pairs(servers) do
      os.execute("kill -TERM " .. server.pid)
      server.pipe:close()
    end
    shell.run("rm -rf " .. folder)
  end)

  local function output_of(name)
    local path = folder .. "/" .. name .. ".log"
    return shell.exists(path) and raw.read_file(path) or ""
  end

  -- What a block starts goes on beside the rest, as in a terminal of its own.
  local function start(name, block)
    local words = block:gsub("([^\n]+)$", "exec %1")
    local pipe, pid = shell.in_background(("sh -c '%s' > %s/%s.log 2>&1"):format(
      (preamble .. words):gsub("'", "'\\''"), folder, name))
    servers[name] = { pipe = pipe, pid = pid }
  end

  local function wait_for(name, text)
    local stop = core.monotonic() + LONGEST_WAIT
    while not output_of(name):find(text, 1, true) do
      assert(core.monotonic() < stop, name .. ": " .. text .. "\n" .. output_of(name))
      core.sleep(0.02)
    end
  end

  local WORK = "export MARKETPLACE_CONFIG=config\nmarketplace packages work"

  local function interrupt(name)
    os.execute("kill -INT " .. servers[name].pid)
    servers[name].pipe:close()
    servers[name] = nil
  end

  -- What the list says of each version, by id.
  local function listed(output)
    local rows = {}
    for line in output:gmatch "[^\n]+" do
      local row = json.decode(line)
      if row then
        local words = { row.state, row.is_current and "current" or nil }
        for _, territory in ipairs(row.unavailable_in or {}) do words[#words + 1] = "not in " .. territory end
        rows[row.id] = table.concat(words, ", ")
      end
    end
    return rows
  end

  local function is_shown(rows, expected)
    for id, state in pairs(expected) do
      if rows[id] ~= (state or nil) then return false end
    end
    return true
  end

  -- Types the last line again and again until it shows what is expected: callbacks and downloads take their time.
  local function expect_list(block, output, expected)
    local last = block:match "([^\n]+)$"
    local stop = core.monotonic() + LONGEST_WAIT
    while not is_shown(listed(output), expected) do
      assert(core.monotonic() < stop, last .. "\n" .. output .. output_of "worker")
      core.sleep(0.1)
      output = shell.run(preamble .. last)
    end
  end

  local function type_block(block)
    local output, status = shell.capture(preamble .. "set -eu\n" .. block)
    assert.equal(0, status, block .. "\n" .. output)
    return output
  end

  -- But for how long it has been so.
  local function without_times(list)
    return (list:gsub("%d+ %l+ +%- ", "- "):gsub(" +", " "):gsub("%s+$", ""))
  end

  local function assert_looks_as_shown()
    local shown = assert(afternoon:match "\n```text\n(STATE .-)\n```\n")
    assert.equal(without_times(shown), without_times(type_block "marketplace packages list --table"))
  end

  local FRANCE = "published, current, not in FRA"

  -- Each: how a block begins, and what becomes of it.
  local STEPS = {
    { "umask 077\n" },
    { "marketplace simulate ", starts = "simulator", says = "use it:" },
    { "marketplace serve ", starts = "receiver", says = "listening" },
    { WORK, starts = "worker", says = "fetching packages" },
    { "export MARKETPLACE_CONFIG=config\nmarketplace webhooks create ", exports = true },
    { "marketplace simulate event version_available ",
      lists = { ["chess-1"] = "published, current", ["notes-1"] = "published, current" },
      looks = assert_looks_as_shown },
    { "find packages/public ", shows = { "/manifest.json", "/signature", "/variant/", "chunks +150 kB +variant/" } },
    { "marketplace simulate event version_available ", lists = { ["chess-2"] = "published, current" } },
    { "marketplace simulate event app_unavailable ", lists = { ["chess-2"] = FRANCE } },
    { "marketplace simulate fault file_cut ", lists = { ["chess-3"] = "wanted" },
      before = function() interrupt "worker" end },
    { "marketplace packages list --current", lists = { ["chess-3"] = FRANCE },
      before = function() start("worker", WORK) end },
    { "marketplace simulate event app_restored ", lists = { ["chess-3"] = "published, current" } },
    { "marketplace packages withdraw ", lists = { ["notes-1"] = "withdrawn" }, shows = { "^notes%-1 is withdrawn\n" } },
    { "marketplace packages restore ", lists = { ["notes-1"] = "published, current" },
      shows = { "^notes%-1 is published again\n" } },
    { "marketplace packages verify --all", shows = { "\nchess%-3 is as its manifest says: ", "\nnotes%-1 is as " } },
  }

  -- Another user, as whom nginx runs, can read it.
  local function assert_readable()
    local public = folder .. "/afternoon/packages/public"
    assert.equal("", shell.run(("find %s -type f ! -perm 644 -o -type d ! -perm 755"):format(public)))
  end

  local function follow(step, block)
    if step.before then step.before() end
    if step.starts then
      start(step.starts, block)
      return wait_for(step.starts, step.says)
    end
    local output = type_block(block)
    for _, pattern in ipairs(step.shows or {}) do assert.matches(pattern, output) end
    if step.lists then expect_list(block, output, step.lists) end
    if step.looks then step.looks() end
    if step.exports then preamble = preamble .. "export MARKETPLACE_CONFIG=config\n" end
  end

  local function back_up_and_restore(serve)
    local back_up, restore, replay = unpack(blocks(backups:gsub("/srv/packages", folder .. "/afternoon/packages")
      :gsub("/var/backups", folder), "sh"))
    type_block(back_up)
    local list = "marketplace packages list"
    expect_list(list, type_block "marketplace packages withdraw --package notes", { ["notes-1"] = "withdrawn" })
    type_block "marketplace simulate event app_unavailable --app 6740067890 --territory DEU"
    expect_list(list, "", { ["chess-3"] = "published, current, not in DEU" })
    interrupt "worker"
    interrupt "receiver"
    type_block(restore)
    -- as it was when it was backed up
    expect_list(list, "", { ["notes-1"] = "published, current", ["chess-3"] = "published, current" })
    start("receiver", serve)
    wait_for("receiver", "listening")
    type_block(replay)
    expect_list(list, "", { ["chess-3"] = "published, current, not in DEU" })
    start("worker", WORK)
    expect_list(list, "", { ["notes-1"] = "withdrawn", ["chess-3"] = "published, current, not in DEU" })
  end

  it("runs from its beginning to its end, and a restored backup forgets no takedown", function()
    local found = blocks(afternoon, "sh")
    assert.equal(#STEPS, #found)
    for place, step in ipairs(STEPS) do
      assert.equal(step[1], found[place]:sub(1, #step[1]), "block " .. place)
      follow(step, found[place])
    end
    assert_readable()
    back_up_and_restore(found[3])
  end)
end)
