rockspec_format = "3.0"
package = "lua-marketplace-server"
version = "scm-1"

source = {
  -- built with `luarocks make` in a checkout, which reads nothing from here
  url = "git+file://lua-marketplace",
}

description = {
  summary = "The standalone HTTP server of lua-marketplace",
  detailed = [[
    marketplace.http_server, on libmicrohttpd: receives notifications without nginx. `marketplace serve` needs it.
  ]],
  license = "MIT",
  labels = { "webhook", "app-store-connect", "marketplace", "http" },
}

supported_platforms = { "unix" }

dependencies = {
  "lua >= 5.1, < 5.5",
  "lua-marketplace",
}

external_dependencies = {
  MICROHTTPD = { library = "microhttpd" },
  GNUTLS = { library = "gnutls" },
}

-- the build type builtin would copy the folder lua/, which is another rock's, into this one
build = {
  type = "make",
  build_target = "rock",
  build_variables = {
    MODULE = "http_server",
    CFLAGS = "$(CFLAGS)",
    CPPFLAGS = "-I$(MICROHTTPD_INCDIR) -I$(GNUTLS_INCDIR)",
    LUA_CFLAGS = "-I$(LUA_INCDIR)",
    SERVER_LIBS = "-L$(MICROHTTPD_LIBDIR) -Wl,-rpath,$(MICROHTTPD_LIBDIR) -lmicrohttpd " ..
      "-L$(GNUTLS_LIBDIR) -Wl,-rpath,$(GNUTLS_LIBDIR) -lgnutls",
  },
  install_pass = false,
  install = { lib = { ["marketplace.http_server"] = "build/rock/http_server.so" } },
  platforms = { macosx = { build_variables = { SHARED = "$(LIBFLAG)" } } },
}
