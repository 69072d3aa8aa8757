-- Loaded by LUA_INIT before a program: collects all garbage after every five thousand of its instructions, so that what
-- is still needed and not held is missed soon.
local jit = rawget(_G, "jit")
if jit then jit.off() end -- what is compiled calls no hook
debug.sethook(function() collectgarbage() end, "", 5000)
