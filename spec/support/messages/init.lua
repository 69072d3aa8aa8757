--- What every command says if something is wrong: it has each message said on purpose, in one process, and makes one
--- text of what was typed and what was written, to be read from top to bottom.
local raw = require "support.raw_http"
local shell = require "support.shell"

local messages = {
  --- Where the text is kept.
  PATH = "spec/fixtures/messages.txt",
}

local PREFACE = [[
What each command writes if something is wrong, to be read from top to bottom: what was typed, its exit status,
and what it wrote. `make messages` writes this file anew, and a spec compares. (usage) stands for how the command
is used, FOLDER for the folder in which it runs, SIMULATOR for a simulated App Store Connect, ID for an id that was
made up, TIME for the time, N for a number of seconds or minutes.
]]

-- What differs from one run to the next, and between releases of libraries.
local SETTLED = {
  { "eyJ[%w_.-]+", "TOKEN" }, { "before%-restore%-%d+T%d+", "before-restore-TIME" },
  { "(Failed to connect to %S+ port %d+) after %d+ ms: [^\n]-server", "%1: Could not connect to server" },
  { "(digest +)[%l%d]*:?%x+", "%1DIGEST" }, { "(names process )%d+(, which started)", "%1N%2" },
  { "%f[%d]%d+ s%f[%W]", "N s" }, { "%f[%d]%d+ min%f[%W]", "N min" },
  { "the clock is [^\n]-, by", "the clock is right to the second, by" },
  { "( is damaged: )[^\n]-(: restore)", "%1(what SQLite found)%2" },
}

-- How often something is tried again, and when, is random.
local function without_retries(text)
  local lines, is_retry = {}, false
  for line in text:gmatch "([^\n]*)\n" do
    local begins = line:find "^TIME warning trying again " ~= nil
    local goes_on = is_retry and line:find "^    " ~= nil
    if begins and not is_retry then lines[#lines + 1] = "(tries again)" end
    is_retry = begins or goes_on
    if not is_retry then lines[#lines + 1] = line end
  end
  return table.concat(lines, "\n") .. "\n"
end

local function settled(text, folder, simulator)
  local function plain(from, to)
    return (text:gsub(from:gsub("%p", "%%%0"), to))
  end
  text = plain(simulator, "SIMULATOR")
  text = plain(simulator:match "//(.*)", "SIMULATOR")
  text = plain(simulator:match ":%d+$", ":PORT")
  text = plain(folder, "FOLDER")
  text = text:gsub("%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x", "ID")
  text = text:gsub("%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.?%d*Z", function(time)
    return time ~= "2026-01-31T12:00:00Z" and "TIME" or nil
  end)
  for _, one in ipairs(SETTLED) do text = text:gsub(one[1], one[2]) end
  return without_retries(text)
end

-- The processes beside: a simulated App Store Connect.
local function with_simulator(folder, use)
  local arguments = ("simulate --port 0 --key-file %s/key.p8 --app 6740012345 --json"):format(folder)
  shell.with_server(shell.marketplace(arguments), function(url) use(url) end)
end

local function modules()
  local here = shell.run "pwd"
  local function absolute(path) return (path:gsub("([^;]+)", function(one)
    return one:sub(1, 1) == "/" and one or here .. "/" .. one
  end)) end
  return ("LUA_PATH='%s' LUA_CPATH='%s'"):format(absolute(package.path), absolute(package.cpath))
end

--- Has all of them said.
---@return string
function messages.produce()
  local folder = shell.run "mktemp -d"
  local ok, problem = pcall(with_simulator, folder, function(simulator)
    local command = "cd %s && %s timeout 60 %s -e 'require(\"support.messages.run\")(arg)' - %s > said 2>&1 < /dev/null"
    local output, status = shell.capture(command:format(folder, modules(), shell.LUA, simulator))
    assert(status == 0, output .. (raw.read_file(folder .. "/said") or ""))
    messages.text = PREFACE .. settled(raw.read_file(folder .. "/said"), folder, simulator)
  end)
  shell.run("rm -rf " .. folder)
  assert(ok, problem)
  return messages.text
end

return messages
