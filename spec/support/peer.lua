--- An HTTP peer (peer.mjs) in a process of its own: what a path is called, it does.
local http = require "marketplace.http"
local json = require "marketplace.json"
local raw = require "support.raw_http"

local peer = {}

local Peer = {}
Peer.__index = Peer

--- How many requests came, by "METHOD /path".
function Peer:counts()
  return json.decode(assert(http.exchange { method = "GET", url = self.url .. "/counts" }).body)
end

function Peer:stop()
  os.execute("kill -TERM " .. self.pid)
  self.pipe:close()
  raw.remove_files()
end

--- Starts one: `url`, `tls_url` and `ca_file`, the certificate of the latter, which is localhost's.
function peer.start()
  local cert, key = raw.certificate()
  local cert_file, key_file = raw.write_file(cert), raw.write_file(key)
  local command = ("echo $$; exec node spec/support/peer.mjs %s %s 2>&1"):format(cert_file, key_file)
  local pipe = assert(io.popen(command, "r"))
  local pid, ports = pipe:read "*l", pipe:read "*l"
  local plain, tls = assert(ports, "node is needed"):match "^(%d+) (%d+)$"
  assert(plain, ports)
  return setmetatable({
    pid = pid, pipe = pipe, ca_file = cert_file, url = "http://127.0.0.1:" .. plain,
    tls_url = "https://localhost:" .. tls,
  }, Peer)
end

return peer
