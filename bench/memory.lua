-- memory.lua [COUNT]: receives and runs COUNT notifications (default 5 million), each with an id of its own, and shows
-- the process's memory on the way. Fails where it grew by more than a tenth after the first tenth of them.
local marketplace = require "marketplace"

local COUNT = tonumber(arg[1] or 5000000)
local SECRET = "a secret"
local BODY = '{"data":{"type":"AppUnavailable","version":1,"id":"%08d-3f1c-4b52-9d0a-5be1c7a2f904",' ..
  '"attributes":{"appId":"%d","marketplaceAppId":"6740012345",' ..
  '"eventTimestamp":"' .. os.date "!%Y-%m-%d" .. 'T09:26:53.589Z"}}}'

local function resident_kib()
  for line in io.lines "/proc/self/status" do
    local kib = line:match "^VmRSS:%s+(%d+)"
    if kib then return tonumber(kib) end
  end
end

local ran = 0
local receiver = marketplace.receiver { secrets = SECRET }
receiver:on("app_unavailable", function(n)
  if n.attributes.appId == n.app_id then ran = ran + 1 end
end)

local first
for i = 1, COUNT do
  local body = BODY:format(i, i % 1000)
  local status = receiver:handle {
    method = "POST", body = body, headers = { ["x-apple-signature"] = marketplace.sign(SECRET, body) },
  }
  assert(status == 200)
  assert(receiver:dispatch() == 1)
  if i % (COUNT / 10) == 0 then
    collectgarbage()
    local kib = resident_kib()
    first = first or kib
    print(("%9d notifications: %6d KiB resident, %6.0f KiB in Lua"):format(i, kib, collectgarbage "count"))
  end
end
assert(ran == COUNT)
local grown = resident_kib() / first
print(("%s: memory after all is %.2f times that after a tenth"):format(_VERSION, grown))
os.exit(grown <= 1.1 and 0 or 1)
