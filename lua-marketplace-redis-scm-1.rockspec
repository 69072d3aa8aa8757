rockspec_format = "3.0"
package = "lua-marketplace-redis"
version = "scm-1"

source = {
  -- built with `luarocks make` in a checkout, which reads nothing from here
  url = "git+file://lua-marketplace",
}

description = {
  summary = "The connection to Redis of lua-marketplace",
  detailed = [[
    marketplace.redis, on hiredis and OpenSSL: needed for an inbox in Redis.
  ]],
  license = "MIT",
  labels = { "webhook", "app-store-connect", "marketplace", "redis" },
}

supported_platforms = { "unix" }

dependencies = {
  "lua >= 5.1, < 5.5",
  "lua-marketplace",
}

external_dependencies = {
  HIREDIS = { library = "hiredis" },
  SSL = { library = "ssl" },
}

-- the build type builtin would copy the folder lua/, which is another rock's, into this one
build = {
  type = "make",
  build_target = "rock",
  build_variables = {
    MODULE = "redis",
    CFLAGS = "$(CFLAGS)",
    CPPFLAGS = "-I$(HIREDIS_INCDIR) -I$(SSL_INCDIR)",
    LUA_CFLAGS = "-I$(LUA_INCDIR)",
    REDIS_LIBS = "-L$(HIREDIS_LIBDIR) -Wl,-rpath,$(HIREDIS_LIBDIR) -lhiredis -L$(SSL_LIBDIR) " ..
      "-Wl,-rpath,$(SSL_LIBDIR) -lssl -lcrypto",
  },
  install_pass = false,
  install = { lib = { ["marketplace.redis"] = "build/rock/redis.so" } },
  platforms = { macosx = { build_variables = { SHARED = "$(LIBFLAG)" } } },
}
