rockspec_format = "3.0"
package = "lua-marketplace-sqlite"
version = "scm-1"

source = {
  -- built with `luarocks make` in a checkout, which reads nothing from here
  url = "git+file://lua-marketplace",
}

description = {
  summary = "The connection to SQLite of lua-marketplace",
  detailed = [[
    marketplace.sqlite, on SQLite: needed for an inbox in a file, which is the default.
  ]],
  license = "MIT",
  labels = { "webhook", "app-store-connect", "marketplace", "sqlite" },
}

supported_platforms = { "unix" }

dependencies = {
  "lua >= 5.1, < 5.5",
  "lua-marketplace",
}

external_dependencies = {
  SQLITE = { library = "sqlite3" },
}

-- the build type builtin would copy the folder lua/, which is another rock's, into this one
build = {
  type = "make",
  build_target = "rock",
  build_variables = {
    MODULE = "sqlite",
    CFLAGS = "$(CFLAGS)",
    CPPFLAGS = "-I$(SQLITE_INCDIR)",
    LUA_CFLAGS = "-I$(LUA_INCDIR)",
    SQLITE_LIBS = "-L$(SQLITE_LIBDIR) -Wl,-rpath,$(SQLITE_LIBDIR) -lsqlite3",
  },
  install_pass = false,
  install = { lib = { ["marketplace.sqlite"] = "build/rock/sqlite.so" } },
  platforms = { macosx = { build_variables = { SHARED = "$(LIBFLAG)" } } },
}
