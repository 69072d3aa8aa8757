rockspec_format = "3.0"
package = "lua-marketplace-packages"
version = "scm-1"

source = {
  -- built with `luarocks make` in a checkout, which reads nothing from here
  url = "git+file://lua-marketplace",
}

description = {
  summary = "The download of alternative distribution packages for lua-marketplace",
  detailed = [[
    marketplace.package_io, with libzip and OpenSSL: writes and checks the files of packages.
  ]],
  license = "MIT",
  labels = { "webhook", "app-store-connect", "marketplace" },
}

supported_platforms = { "unix" }

dependencies = {
  "lua >= 5.1, < 5.5",
  "lua-marketplace",
  "lua-marketplace-sqlite",
}

external_dependencies = {
  CRYPTO = { library = "crypto" },
  ZIP = { library = "zip" },
}

-- the build type builtin would copy the folder lua/, which is another rock's, into this one
build = {
  type = "make",
  build_target = "rock",
  build_variables = {
    MODULE = "package_io",
    CFLAGS = "$(CFLAGS)",
    CPPFLAGS = "-I$(ZIP_INCDIR) -I$(CRYPTO_INCDIR)",
    LUA_CFLAGS = "-I$(LUA_INCDIR)",
    PACKAGE_LIBS = "-L$(ZIP_LIBDIR) -Wl,-rpath,$(ZIP_LIBDIR) -lzip " ..
      "-L$(CRYPTO_LIBDIR) -Wl,-rpath,$(CRYPTO_LIBDIR) -lcrypto",
  },
  install_pass = false,
  install = { lib = { ["marketplace.package_io"] = "build/rock/package_io.so" } },
  platforms = { macosx = { build_variables = { SHARED = "$(LIBFLAG)" } } },
}
