--- What every server of this folder does as one that listens: where it is, its certificate, SIGHUP, its log.
local core = require "marketplace.core"

local listening = {}

--- Writes an entry to a server's log.
---@param self {log: {write: fun(entry: table)}}
---@param level string
---@param message string
---@param about? table what else is known, which becomes the entry
function listening.log(self, level, message, about)
  about = about or {}
  about.level, about.message, about.at = level, message, core.now()
  self.log.write(about)
end

--- The numeric address and the port on which a server listens, and the URL of a path there.
---@param self {http: table, scheme: string}
---@param path string
---@return string host
---@return integer port
---@return string url
function listening.address(self, path)
  local host, port = self.http:address()
  local shown = host:find(":", 1, true) and "[" .. host .. "]" or host
  return host, port, ("%s://%s:%d%s"):format(self.scheme, shown, port, path)
end

--- Replaces a server's certificate and its key, which must belong together: connections that are open keep theirs, new
--- ones get these. If they cannot be used, the old ones stay.
---@param self {http: table, watch: table}
---@param cert string certificates, PEM
---@param key string their private key, PEM
---@return number|nil expires_at seconds since the epoch
---@return string? message
---@return string? code tls_failed, out_of_memory
function listening.replace_certificate(self, cert, key)
  local ok, message, code = self.http:set_certificate(cert, key)
  if not ok then return nil, message, code end
  local expires_at = self.http:stats().tls_expires_at
  self.watch:begin(expires_at)
  return expires_at
end

--- Calls a server's `reload` if SIGHUP has come. If that fails, the server goes on.
---@param self {reload?: fun(), log: table}
function listening.reload_if_asked(self)
  if not core.take_reload() or not self.reload then return end
  local ok, problem = xpcall(self.reload, debug.traceback)
  if not ok then listening.log(self, "error", "the reload failed", { reason = tostring(problem) }) end
end

return listening
