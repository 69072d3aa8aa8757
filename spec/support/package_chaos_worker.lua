-- A writer of packages, or what changes them, that ends itself, as kill -9 does, at a named point:
-- package_chaos_worker.lua FOLDER URL KEY_FILE POINT COUNT ["request"|"withdraw"|"restore" NAME=VALUE…]
-- POINT is "before NAME" or "after NAME" of a function below, or "never"; it ends at the COUNTth time there.
local core = require "marketplace.core"
local log = require "marketplace.log"
local marketplace = require "marketplace"
local package_io = require "marketplace.package_io"
local simulation = require "support.simulation"

local folder, url, key_file, point, count, change = arg[1], arg[2], arg[3], arg[4], tonumber(arg[5]), arg[6]

local function reach(name)
  if name ~= point then return end
  count = count - 1
  if count > 0 then return end
  os.execute "kill -9 $PPID"
  core.sleep(60)
end

local function wrap(object, what, method)
  local original, name = object[method], what .. "." .. method
  object[method] = function(...)
    reach("before " .. name)
    local first, second, third, fourth = original(...)
    reach("after " .. name)
    return first, second, third, fourth
  end
end

for _, method in ipairs { "sink", "check", "read_archive", "link", "rename", "make_folders", "remove_tree", "sync" } do
  wrap(package_io, "io", method)
end
wrap(core, "core", "put_in_place")

local client = assert(marketplace.client {
  key_file = key_file, key_id = simulation.KEY_ID, issuer_id = simulation.ISSUER, base_url = url, timeout = 5,
  retries = 1,
})
wrap(client, "client", "download")
local p = assert(marketplace.packages {
  folder = folder, client = client, min_free = 0, parallel = 3, log = function(entry)
    if entry.level == "error" or entry.code == "internal_error" then io.stderr:write(log.line(entry), "\n") end
  end,
})
for _, method in ipairs { "stage", "asset_done", "job_done", "job_failed", "job_moved", "next_job", "change" } do
  wrap(p.store, "store", method)
end
wrap(p.keys, "keys", "put")

if change then
  local given = { at = nil }
  for i = 7, #arg do
    local name, value = arg[i]:match "^(%w+)=(.*)$"
    given[name] = name == "at" and tonumber(value) or value
  end
  assert(p[change](p, given))
  os.exit(0)
end

core.catch_signals()
print "working"
io.stdout:flush()
while not core.stop_asked() do core.sleep(math.min(p:turn(0.1), 0.02)) end
p:close()
