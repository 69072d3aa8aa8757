-- Kills the writer of packages, at named points and at random moments, while versions appear and are taken down, and
-- looks after each death at what is served: package_chaos.lua KILLS [SEED]
local package_chaos = require "support.package_chaos"

local kills = assert(tonumber(arg[1]), "usage: package_chaos.lua KILLS [SEED]")
local seed = tonumber(arg[2]) or os.time()
math.randomseed(seed)
print(("seed %d"):format(seed))

local run = package_chaos.begin()
local ok, figures = pcall(function()
  for _ = 1, kills do run:kill_once() end
  return run:finish()
end)
if not ok then
  run:stop()
  error(("%s\nwhat is there: %s; what the processes said: %s"):format(figures, run.folder, run.scratch), 0)
end

local points, sum = {}, 0
for point, count in pairs(run.killed) do
  points[#points + 1] = point
  sum = sum + count
end
table.sort(points)
for _, point in ipairs(points) do print(("  killed %3d times %s"):format(run.killed[point], point)) end
print(("writers killed: %d; changes killed on the way: %d"):format(sum, figures.changes_killed))
print(("versions: %d; folders looked at: %d, of which served half: 0, without a key blob: 0; takedowns lost: 0"):format(
  figures.versions, figures.folders_checked))
for _, line in ipairs(run:errors()) do print("an error was logged: " .. line) end
run:remove()
