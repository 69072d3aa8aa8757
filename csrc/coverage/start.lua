-- What LUA_INIT_5_4 runs before every program of Lua 5.4 while coverage is measured: the lines of lua/marketplace are
-- marked from now on, and the C modules are the ones built with gcov, also for bin/marketplace, which looks for others.
local BUILD = os.getenv "COVERAGE_BUILD"

assert(package.loadlib(BUILD .. "/lines.so", "luaopen_lines"))()

for _, name in ipairs { "core", "http_server", "redis" } do
  package.preload["marketplace." .. name] = function(...)
    return assert(package.loadlib(BUILD .. "/marketplace/" .. name .. ".so", "luaopen_marketplace_" .. name))(...)
  end
end
