std = "min"
max_line_length = 120
files["spec"] = { std = "min+busted" }
files["lua/marketplace/nginx"] = { globals = { "ngx" } }
files["spec/support/inbox_service.lua"] = { read_globals = { "ngx" } }
files["bench/nginx"] = { read_globals = { "ngx" } }
files["bench/device/bare.lua"] = { globals = { "ngx" } }
files["bench/device/load.lua"] = { globals = { "init", "request", "done" } }
files["bench/server/load.lua"] = { globals = { "init", "request", "done" } }
files["bench/server/endless.lua"] = { globals = { "init", "request", "done" } }
files["bench/server/exactly.lua"] = { globals = { "init", "request", "response" }, read_globals = { "wrk" } }
exclude_files = { "build", "dist" }
