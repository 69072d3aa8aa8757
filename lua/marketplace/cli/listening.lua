--- What commands that listen have in common: where, and with which certificate.
local files = require "marketplace.cli.files"

local listening = {}

--- Adds the options.
---@param command table argparse's
---@param port string the usual one
function listening.describe(command, port)
  command:option("--host", "Address to listen on."):default("127.0.0.1"):argname("ADDRESS")
  command:option("--port", "Port to listen on; 0: the system chooses."):default(port):argname("PORT")
  command:option("--tls-cert", "Certificate chain for HTTPS, PEM; with --tls-key."):argname("PATH")
  command:option("--tls-key", "Its private key, PEM."):argname("PATH")
end

--- The certificate and the key that the options name.
---@param options table parsed arguments
---@return {cert?: string, key?: string}|nil
---@return integer? status for os.exit
---@return string? message
function listening.read_tls(options)
  if not options.tls_cert and not options.tls_key then return {} end
  if not (options.tls_cert and options.tls_key) then
    return nil, 2, options.command .. ": --tls-cert and --tls-key go together"
  end
  local cert, cert_problem = files.read(options.tls_cert)
  if not cert then return nil, 1, cert_problem end
  local key, key_problem = files.read(options.tls_key)
  if not key then return nil, 1, key_problem end
  return { cert = cert, key = key }
end

return listening
