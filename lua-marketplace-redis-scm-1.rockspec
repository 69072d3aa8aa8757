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
    marketplace.redis, on hiredis: for those whose inbox is in Redis.
  ]],
  license = "MIT",
  labels = { "webhook", "app-store-connect", "marketplace", "redis" },
}

supported_platforms = { "unix" }

dependencies = {
  "lua >= 5.1, < 5.5",
}

external_dependencies = {
  HIREDIS = { library = "hiredis" },
}

build = {
  type = "builtin",
  modules = {
    ["marketplace.redis"] = {
      sources = {
        "csrc/core/alloc.c",
        "csrc/core/buffer.c",
        "csrc/core/error.c",
        "csrc/core/sigpipe.c",
        "csrc/redis/reader.c",
        "csrc/redis/redis.c",
        "csrc/lua/class.c",
        "csrc/lua/pin.c",
        "csrc/lua/push.c",
        "csrc/lua/redis.c",
        "csrc/lua/redis_reader.c",
        "csrc/lua/redis_values.c",
      },
      defines = { "_GNU_SOURCE", "_FORTIFY_SOURCE=3" },
      incdirs = { "csrc", "$(HIREDIS_INCDIR)" },
      libdirs = { "$(HIREDIS_LIBDIR)" },
      libraries = { "hiredis" },
    },
  },
}
