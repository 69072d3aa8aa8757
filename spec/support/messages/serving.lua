--- serve and work: what keeps them from running.
local function handlers(text)
  return function(w) w.write("handlers.lua", text) end
end

local GOOD = handlers "return function(receiver) receiver:on('*', function() end) end"

local function two_keys()
  local make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -days 30 " ..
    "-keyout %s.key -out %s.pem 2> /dev/null"
  os.execute((make:gsub("%%s", "one")) .. "; " .. (make:gsub("%%s", "two")))
end

local SERVE = "serve handlers.lua --port 0 --inbox sqlite:serving.db"

return {
  title = "serve, work",
  { "serve" },
  { "serve none.lua --port 0" },
  { "serve handlers.lua --port 0", before = handlers "return function(" },
  { "serve handlers.lua --port 0", before = handlers "local settings\nreturn settings.path" },
  { "serve handlers.lua --port 0", before = handlers "return 5" },
  { "serve handlers.lua --port 0", before = handlers "print 'no return'" },
  { "serve handlers.lua --port 0",
    before = handlers "local function register()\n  error 'no database'\nend\nreturn function() register() end" },
  { "serve handlers.lua --port 0", before = handlers "return function() return nil, 'no database' end" },
  { "serve handlers.lua --port 0",
    before = handlers "return function(receiver) receiver:on('app_gone', function() end) end" },
  { "serve handlers.lua --port 0", before = handlers "return function(receiver) receiver:on('ping', 5) end" },
  { "serve handlers.lua --port 0", before = handlers "return function() error { code = 5 } end" },
  { "serve handlers.lua --port 0", before = handlers "require 'luasql.oracle'\nreturn function() end" },
  { SERVE .. " --secret-file none", before = GOOD },
  { "serve handlers.lua --port 80a" },
  { "serve handlers.lua --port TAKEN", when = "another process listens on the port" },
  { "serve handlers.lua --path notifications" },
  { "serve handlers.lua --max-body 0" },
  { "serve handlers.lua --max-connections 0" },
  { "serve handlers.lua --idle-timeout 0" },
  { "serve handlers.lua --lease 0" },
  { "serve handlers.lua --attempts 0" },
  { "serve handlers.lua --alert-age never" },
  { "serve handlers.lua --alert-command /nowhere/page" },
  { "serve handlers.lua --alert-command no-such-program" },
  { "serve handlers.lua --alert-command ''" },
  { "serve handlers.lua --keep 100d" },
  { "serve handlers.lua --stop-seconds 0" },
  { "serve handlers.lua --metrics-port x" },
  { "serve handlers.lua --trusted-proxy 10.0.0.0/40" },
  { "serve handlers.lua --no-dispatch --inbox memory" },
  { "serve handlers.lua --tls-cert one.pem", before = two_keys },
  { SERVE .. " --tls-cert none.pem --tls-key none.key" },
  { SERVE .. " --tls-cert one.pem --tls-key two.key" },
  { SERVE .. " --tls-cert handlers.lua --tls-key one.key" },
  { SERVE .. " --pid-file none/serve.pid" },
  { SERVE .. " --pid-file folder.config", when = "it is a folder" },
  { "serve handlers.lua --port TAKEN --inbox memory" },
  { SERVE .. " --alert-command none/alert" },
  { SERVE .. " --alert-age long" },
  { SERVE .. " --device-config none.lua" },
  { SERVE .. " --device-config device.lua", before = function(w) w.write("device.lua", "return 5") end },
  { SERVE .. " --device-config device.lua", before = function(w) w.write("device.lua", "return {}") end },
  { "serve handlers.lua --port 0 --inbox paper:x" },
  { "serve handlers.lua --port 0 --inbox sqlite:none/inbox.db" },
  { "serve handlers.lua --port 0 --inbox sqlite:noise.db", when = "the file is no database",
    before = function(w) w.write("noise.db", ("noise "):rep(2000)) end },
  { "serve handlers.lua --port 0 --inbox sqlite:foreign.db", when = "the file is another program's database",
    before = function() os.execute "sqlite3 foreign.db 'CREATE TABLE t (a)'" end },
  { "serve handlers.lua --port 0 --inbox sqlite:damaged.db", when = "a page of the inbox is overwritten",
    before = function(w)
      w.fill_inbox "damaged.db"
      os.execute "dd if=/dev/zero of=damaged.db bs=4096 seek=1 count=6 conv=notrunc 2> /dev/null"
    end },
  { "serve handlers.lua --port 0 --inbox redis://127.0.0.1:1" },
  { "serve handlers.lua --port 0 --inbox redis://127.0.0.1:1/x" },
  { "serve handlers.lua --port 0 --inbox postgres://m@127.0.0.1:1/inbox?connect_timeout=2" },
  { "dashboard --token-file token --inbox memory" },
  { "dashboard --token-file token --host 'a b'" },
  { "dashboard --token-file token --port x" },
  { "dashboard --token-file token --path dashboard" },
  { "dashboard --token-file token --webhook-url market.example" },
  { "dashboard --token-file token --allow-host 'a b'" },
  { "dashboard --token-file none/token --inbox sqlite:serving.db" },
  { "dashboard --token-file empty --inbox sqlite:serving.db" },
  { "dashboard --token-file token --inbox sqlite:serving.db --port TAKEN --packages none" },
  { "dashboard --token-file token --inbox sqlite:serving.db --host 0.0.0.0 --port TAKEN" },
  { "work" },
  { "work handlers.lua --inbox memory" },
  { "work none.lua" },
  { "work handlers.lua --lease 0" },
  { "work handlers.lua --inbox sqlite:none/inbox.db" },
  { "work handlers.lua --inbox sqlite:serving.db --metrics-port TAKEN" },
}
