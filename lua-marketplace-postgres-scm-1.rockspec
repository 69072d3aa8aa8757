rockspec_format = "3.0"
package = "lua-marketplace-postgres"
version = "scm-1"

source = {
  -- built with `luarocks make` in a checkout, which reads nothing from here
  url = "git+file://lua-marketplace",
}

description = {
  summary = "The connection to PostgreSQL of lua-marketplace",
  detailed = [[
    marketplace.postgres, on libpq: needed for an inbox in PostgreSQL.
  ]],
  license = "MIT",
  labels = { "webhook", "app-store-connect", "marketplace", "postgresql" },
}

supported_platforms = { "unix" }

dependencies = {
  "lua >= 5.1, < 5.5",
  "lua-marketplace",
}

external_dependencies = {
  POSTGRES = { library = "pq" },
}

-- the build type builtin would copy the folder lua/, which is another rock's, into this one
build = {
  type = "make",
  build_target = "rock",
  build_variables = {
    MODULE = "postgres",
    CFLAGS = "$(CFLAGS)",
    CPPFLAGS = "-I$(POSTGRES_INCDIR)",
    LUA_CFLAGS = "-I$(LUA_INCDIR)",
    POSTGRES_LIBS = "-L$(POSTGRES_LIBDIR) -Wl,-rpath,$(POSTGRES_LIBDIR) -lpq",
  },
  install_pass = false,
  install = { lib = { ["marketplace.postgres"] = "build/rock/postgres.so" } },
  platforms = { macosx = { build_variables = { SHARED = "$(LIBFLAG)" } } },
}
