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
  "lua-cjson >= 2.1",
  "argparse >= 0.7",
}

external_dependencies = {
  CRYPTO = { library = "crypto" },
  CURL = { library = "curl" },
}

build = {
  type = "builtin",
  modules = {
    ["marketplace.core"] = {
      sources = {
        "csrc/core/alloc.c",
        "csrc/core/base64url.c",
        "csrc/core/buffer.c",
        "csrc/core/clock.c",
        "csrc/core/crc32.c",
        "csrc/core/digest.c",
        "csrc/core/error.c",
        "csrc/core/es256.c",
        "csrc/core/http.c",
        "csrc/core/http_fields.c",
        "csrc/core/http_lines.c",
        "csrc/core/http_pool.c",
        "csrc/core/http_url.c",
        "csrc/core/json.c",
        "csrc/core/json_text.c",
        "csrc/core/notification.c",
        "csrc/core/openssl_error.c",
        "csrc/core/signals.c",
        "csrc/core/signature.c",
        "csrc/core/sigpipe.c",
        "csrc/core/timestamp.c",
        "csrc/core/utf8.c",
        "csrc/lua/core.c",
        "csrc/lua/es256.c",
        "csrc/lua/http.c",
        "csrc/lua/json_value.c",
        "csrc/lua/keyring.c",
        "csrc/lua/notification.c",
        "csrc/lua/pin.c",
        "csrc/lua/push.c",
      },
      defines = { "_GNU_SOURCE" },
      incdirs = { "csrc", "$(CRYPTO_INCDIR)", "$(CURL_INCDIR)" },
      libdirs = { "$(CRYPTO_LIBDIR)", "$(CURL_LIBDIR)" },
      libraries = { "crypto", "curl" },
    },
    ["marketplace"] = "lua/marketplace/init.lua",
    ["marketplace.callbacks"] = "lua/marketplace/callbacks.lua",
    ["marketplace.cli"] = "lua/marketplace/cli/init.lua",
    ["marketplace.cli.explain"] = "lua/marketplace/cli/explain.lua",
    ["marketplace.cli.files"] = "lua/marketplace/cli/files.lua",
    ["marketplace.cli.handlers"] = "lua/marketplace/cli/handlers.lua",
    ["marketplace.cli.inbox"] = "lua/marketplace/cli/inbox.lua",
    ["marketplace.cli.inputs"] = "lua/marketplace/cli/inputs.lua",
    ["marketplace.cli.output"] = "lua/marketplace/cli/output.lua",
    ["marketplace.cli.running"] = "lua/marketplace/cli/running.lua",
    ["marketplace.cli.secrets"] = "lua/marketplace/cli/secrets.lua",
    ["marketplace.cli.send"] = "lua/marketplace/cli/send.lua",
    ["marketplace.cli.serve"] = "lua/marketplace/cli/serve.lua",
    ["marketplace.cli.sign"] = "lua/marketplace/cli/sign.lua",
    ["marketplace.cli.times"] = "lua/marketplace/cli/times.lua",
    ["marketplace.cli.token"] = "lua/marketplace/cli/token.lua",
    ["marketplace.cli.verify"] = "lua/marketplace/cli/verify.lua",
    ["marketplace.cli.work"] = "lua/marketplace/cli/work.lua",
    ["marketplace.compat"] = "lua/marketplace/compat.lua",
    ["marketplace.context"] = "lua/marketplace/context.lua",
    ["marketplace.dispatcher"] = "lua/marketplace/dispatcher.lua",
    ["marketplace.explain"] = "lua/marketplace/explain.lua",
    ["marketplace.http"] = "lua/marketplace/http.lua",
    ["marketplace.inbox"] = "lua/marketplace/inbox/init.lua",
    ["marketplace.inbox.connection"] = "lua/marketplace/inbox/connection.lua",
    ["marketplace.inbox.database"] = "lua/marketplace/inbox/database.lua",
    ["marketplace.inbox.filter"] = "lua/marketplace/inbox/filter.lua",
    ["marketplace.inbox.heap"] = "lua/marketplace/inbox/heap.lua",
    ["marketplace.inbox.history"] = "lua/marketplace/inbox/history.lua",
    ["marketplace.inbox.memory"] = "lua/marketplace/inbox/memory.lua",
    ["marketplace.inbox.postgres"] = "lua/marketplace/inbox/postgres.lua",
    ["marketplace.inbox.reconnecting"] = "lua/marketplace/inbox/reconnecting.lua",
    ["marketplace.inbox.redis"] = "lua/marketplace/inbox/redis.lua",
    ["marketplace.inbox.redis_scripts"] = "lua/marketplace/inbox/redis_scripts.lua",
    ["marketplace.inbox.sql"] = "lua/marketplace/inbox/sql.lua",
    ["marketplace.inbox.sqlite"] = "lua/marketplace/inbox/sqlite.lua",
    ["marketplace.inbox.wakes"] = "lua/marketplace/inbox/wakes.lua",
    ["marketplace.json"] = "lua/marketplace/json.lua",
    ["marketplace.log"] = "lua/marketplace/log.lua",
    ["marketplace.metrics"] = "lua/marketplace/metrics.lua",
    ["marketplace.metrics_server"] = "lua/marketplace/metrics_server.lua",
    ["marketplace.notification"] = "lua/marketplace/notification.lua",
    ["marketplace.options"] = "lua/marketplace/options.lua",
    ["marketplace.receiver"] = "lua/marketplace/receiver.lua",
    ["marketplace.samples"] = "lua/marketplace/samples.lua",
    ["marketplace.server"] = "lua/marketplace/server.lua",
    ["marketplace.signature"] = "lua/marketplace/signature.lua",
    ["marketplace.superseded"] = "lua/marketplace/superseded.lua",
    ["marketplace.text"] = "lua/marketplace/text.lua",
    ["marketplace.token"] = "lua/marketplace/token.lua",
  },
  install = { bin = { marketplace = "bin/marketplace" } },
}
