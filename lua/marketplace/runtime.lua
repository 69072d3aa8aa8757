--- Where this runs. In nginx one thread serves all requests of a worker: whoever waits there must let it go on.
local environment = {}

local ngx = rawget(_G, "ngx")

--- How to wait without holding up others: nginx's own sleep, which raises in its phases that cannot wait at all.
--- Nil outside of nginx, where waiting may block.
---@type fun(seconds: number)|nil
environment.yielding_sleep = type(ngx) == "table" and ngx.sleep or nil

return environment
