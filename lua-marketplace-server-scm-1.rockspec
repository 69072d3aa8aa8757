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
    marketplace.http_server, on libmicrohttpd: for those who receive notifications without nginx. `marketplace serve`
    needs it.
  ]],
  license = "MIT",
  labels = { "webhook", "app-store-connect", "marketplace", "http" },
}

supported_platforms = { "unix" }

dependencies = {
  "lua >= 5.1, < 5.5",
}

external_dependencies = {
  MICROHTTPD = { library = "microhttpd" },
  GNUTLS = { library = "gnutls" },
}

build = {
  type = "builtin",
  modules = {
    ["marketplace.http_server"] = {
      sources = {
        "csrc/core/alloc.c",
        "csrc/core/buffer.c",
        "csrc/core/error.c",
        "csrc/server/answer.c",
        "csrc/server/connection.c",
        "csrc/server/linger.c",
        "csrc/server/listen.c",
        "csrc/server/receive.c",
        "csrc/server/request.c",
        "csrc/server/server.c",
        "csrc/server/tls.c",
        "csrc/lua/class.c",
        "csrc/lua/http_server.c",
        "csrc/lua/pin.c",
        "csrc/lua/push.c",
      },
      defines = { "_GNU_SOURCE", "_FORTIFY_SOURCE=3" },
      incdirs = { "csrc", "$(MICROHTTPD_INCDIR)", "$(GNUTLS_INCDIR)" },
      libdirs = { "$(MICROHTTPD_LIBDIR)", "$(GNUTLS_LIBDIR)" },
      libraries = { "microhttpd", "gnutls" },
    },
  },
}
