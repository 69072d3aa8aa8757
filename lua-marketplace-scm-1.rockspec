rockspec_format = "3.0"
package = "lua-marketplace"
version = "scm-1"

source = {
  -- built with `luarocks make` in a checkout, which reads nothing from here
  url = "git+file://lua-marketplace",
}

description = {
  summary = "Receives App Store Connect's marketplace notifications and runs Lua for them",
  detailed = [[
    For operators of alternative app marketplaces. Verifies, parses and stores the notifications that App Store Connect
    sends by webhook, and runs Lua callbacks for them: in plain Lua programs or in nginx. Signing, HTTP and parsing are
    done in C.
  ]],
  license = "MIT",
  labels = { "webhook", "app-store-connect", "marketplace" },
}

supported_platforms = { "unix" }

dependencies = {
  "lua >= 5.1, < 5.5",
  "argparse >= 0.7",
}

external_dependencies = {
  CRYPTO = { library = "crypto" },
  CURL = { library = "curl" },
}

-- the build type builtin copies the whole folder lua/, too
build = {
  type = "builtin",
  modules = {
    ["marketplace.core"] = {
      sources = {
        "csrc/core/alloc.c",
        "csrc/core/base64url.c",
        "csrc/core/buffer.c",
        "csrc/core/clock.c",
        "csrc/core/command.c",
        "csrc/core/command_words.c",
        "csrc/core/digest.c",
        "csrc/core/envelope.c",
        "csrc/core/envelope_key.c",
        "csrc/core/error.c",
        "csrc/core/es256.c",
        "csrc/core/file.c",
        "csrc/core/file_read.c",
        "csrc/core/hash.c",
        "csrc/core/hex.c",
        "csrc/core/http.c",
        "csrc/core/http_certificate.c",
        "csrc/core/http_connect.c",
        "csrc/core/http_feed.c",
        "csrc/core/http_fields.c",
        "csrc/core/http_lines.c",
        "csrc/core/http_options.c",
        "csrc/core/http_pool.c",
        "csrc/core/http_url.c",
        "csrc/core/json.c",
        "csrc/core/json_text.c",
        "csrc/core/key_file.c",
        "csrc/core/key_problem.c",
        "csrc/core/line_ring.c",
        "csrc/core/log_writer.c",
        "csrc/core/notification.c",
        "csrc/core/openssl_error.c",
        "csrc/core/openssl_version.c",
        "csrc/core/pem_key.c",
        "csrc/core/poll_until.c",
        "csrc/core/signals.c",
        "csrc/core/signature.c",
        "csrc/core/signature_header.c",
        "csrc/core/sigpipe.c",
        "csrc/core/thread.c",
        "csrc/core/timestamp.c",
        "csrc/core/utf8.c",
        "csrc/lua/class.c",
        "csrc/lua/command.c",
        "csrc/lua/core.c",
        "csrc/lua/envelope.c",
        "csrc/lua/es256.c",
        "csrc/lua/fields.c",
        "csrc/lua/file.c",
        "csrc/lua/hash.c",
        "csrc/lua/http.c",
        "csrc/lua/json_value.c",
        "csrc/lua/keyring.c",
        "csrc/lua/log_writer.c",
        "csrc/lua/notification.c",
        "csrc/lua/notification_fields.c",
        "csrc/lua/path.c",
        "csrc/lua/pin.c",
        "csrc/lua/push.c",
        "csrc/lua/record.c",
        "csrc/lua/times.c",
      },
      defines = { "_GNU_SOURCE", "_FORTIFY_SOURCE=3" },
      incdirs = { "csrc", "$(CRYPTO_INCDIR)", "$(CURL_INCDIR)" },
      libdirs = { "$(CRYPTO_LIBDIR)", "$(CURL_LIBDIR)" },
      libraries = { "crypto", "curl" },
    },
  },
  install = { bin = { marketplace = "bin/marketplace" } },
}
