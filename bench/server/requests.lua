-- requests.lua COUNT [FIRST]: writes a line with the length of one request, then COUNT requests of that length, which
-- are numbered from FIRST (1): see request_of.lua.
local request_of = dofile "bench/server/request_of.lua"

local COUNT, FIRST = tonumber(arg[1]), tonumber(arg[2] or 1)

io.write(#request_of(1), "\n")
for i = FIRST, FIRST + COUNT - 1 do io.write(request_of(i)) end
