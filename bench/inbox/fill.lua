-- fill.lua FOLDER COUNT...: makes FOLDER/ready-COUNT.db and FOLDER/done-COUNT.db, with so many that are ready or done.
package.path = "bench/inbox/?.lua;" .. package.path
local marketplace = require "marketplace"
local notifications = require "notifications"

local folder = arg[1]

local function with(path, work, ...)
  local box = assert(marketplace.inbox("sqlite:" .. path))
  work(box, ...)
  box:close()
end

for i = 2, #arg do
  local ready, done = ("%s/ready-%s.db"):format(folder, arg[i]), ("%s/done-%s.db"):format(folder, arg[i])
  with(ready, notifications.put, tonumber(arg[i]))
  assert(os.execute(("cp %s %s"):format(ready, done)))
  with(done, notifications.run_all)
end
