--- What differs from one host of this code to another: between the Luas, and in nginx.
local runtime = {}

--- unpack(list, first, last)
runtime.unpack = rawget(table, "unpack") or rawget(_G, "unpack")

local ngx = rawget(_G, "ngx")

--- How to wait without holding up others. In nginx one thread serves all of a worker's requests, so it is nginx's own
--- sleep, which raises in phases that cannot wait at all. Nil elsewhere: there, waiting may block.
---@type fun(seconds: number)|nil
runtime.yielding_sleep = type(ngx) == "table" and ngx.sleep or nil

return runtime
