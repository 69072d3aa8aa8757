-- tools/run-suites, which `make test` and `make check` run everything with.
local core = require "marketplace.core"
local shell = require "support.shell"

local function list(suites)
  local lines = {}
  for place, command in ipairs(suites) do lines[place] = ("suite %d\t%s"):format(place, command) end
  return "'" .. table.concat(lines, "\n") .. "'"
end

local function run(suites, environment)
  return shell.capture(("env %s tools/run-suites %s"):format(environment or "-u CI", list(suites)))
end

local BUSTED = 'echo "%d successes / %d failures / %d errors / %d pending : 0.1 seconds"'
local NODE = 'printf "# tests 9\\n# pass %d\\n# fail %d\\n# cancelled %d\\n# skipped %d\\n# todo %d\\n"'

describe("tools/run-suites", function()
  local folder

  before_each(function() folder = shell.run "mktemp -d" end)
  after_each(function() shell.run("rm -rf " .. folder) end)

  local function script(text)
    local path = ("%s/%d"):format(folder, select(2, shell.run("ls " .. folder):gsub("%S+", "")))
    shell.run(("cat > %s <<'END'\n%s\nEND"):format(path, text))
    return "sh " .. path
  end

  local function busted(...) return script(BUSTED:format(...)) end

  it("adds up what busted, cmocka, node, luacheck and the torture say", function()
    local output, status = run {
      busted(3, 0, 0, 1), script 'echo "[  PASSED  ] 4 test(s)."',
      script 'echo "Total: 0 warnings / 0 errors in 9 files"',
      script 'echo "9 points, 0 failures"', script(NODE:format(5, 0, 0, 2, 0)),
    }
    assert.matches("\n14 passed, 0 failed, 3 skipped\n$", output)
    assert.equal(0, status)
  end)

  it("counts what failed", function()
    local output, status = run {
      script(BUSTED:format(1, 2, 3, 0) .. "\nexit 5"),
      script 'echo "[  FAILED  ] group: 2 test(s), listed below:"; exit 2',
      script 'echo "Total: 1 warning / 2 errors in 9 files"; exit 1', script 'echo "9 points, 1 failures"; exit 1',
      script(NODE:format(1, 2, 3, 0, 4) .. "\nexit 1"),
    }
    assert.matches("\n2 passed, 20 failed\n$", output)
    assert.equal(1, status)
  end)

  it("takes for failed what ends without counts, or with a status that they do not tell", function()
    local output, status = run { script "echo nothing", script(BUSTED:format(1, 0, 0, 0) .. "\nexit 3") }
    assert.matches("!! suite 1: ended with status 0\n== suite 1: 0 passed, 1 failed, 0 skipped\n", output, 1, true)
    assert.matches("!! suite 2: ended with status 3\n== suite 2: 1 passed, 1 failed, 0 skipped\n", output, 1, true)
    assert.matches("\n1 passed, 2 failed\n$", output)
    assert.equal(1, status)
  end)

  it("takes what is skipped for failed on CI", function()
    local output, status = run({ busted(1, 0, 0, 2) }, "CI=1")
    assert.matches("\n1 passed, 2 failed\n$", output)
    assert.equal(1, status)
  end)

  it("shows what each suite wrote as a whole, in the order of the list", function()
    local output = run({
      script("while [ ! -e " .. folder .. "/second ]; do :; done; echo first; " .. BUSTED:format(1, 0, 0, 0)),
      script("echo second; touch " .. folder .. "/second; " .. BUSTED:format(1, 0, 0, 0)),
    }, "-u CI JOBS=2")
    assert.matches("^first\n1 successes.-second\n1 successes", output)
  end)

  local DAEMON = "(setsid sh -c 'echo $$ > %s/pid; exec sleep 1000' >/dev/null 2>&1 &)\n" ..
    "while [ ! -s %s/pid ]; do :; done\n"

  local function daemon() return DAEMON:format(folder, folder) end
  local function pid() return shell.run("cat " .. folder .. "/pid") end

  it("ends what a suite leaves running", function()
    run { script(daemon() .. BUSTED:format(1, 0, 0, 0)) }
    assert.is_false(shell.is_alive(pid()))
  end)

  for _, signal in ipairs { "TERM", "INT" } do
    it("leaves nothing running when it is ended by SIG" .. signal, function()
      local suite = script(daemon() .. "sleep 1000")
      local pipe = assert(io.popen(("exec sh -c 'echo $$; exec tools/run-suites \"%s\"'"):format(
        list { suite }:sub(2, -2))))
      local runner = pipe:read "*l"
      local stop = core.monotonic() + 30
      repeat
        core.sleep(0.01)
        local _, absent = shell.capture(("test -s %s/pid"):format(folder))
      until absent == 0 or core.monotonic() > stop
      shell.run(("kill -%s %s"):format(signal, runner))
      pipe:read "*a"
      pipe:close()
      assert.is_false(shell.is_alive(pid()))
    end)
  end
end)
