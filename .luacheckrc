std = "min"
max_line_length = 120
files["spec"] = { std = "min+busted" }
files["bench/server/load.lua"] = { globals = { "setup", "init", "request", "done", "number" }, read_globals = { "wrk" } }
exclude_files = { "build", "node_modules" }
