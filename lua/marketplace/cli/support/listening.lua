--- What commands that listen have in common: where, and with which certificate.
local files = require "marketplace.cli.support.files"
local text = require "marketplace.text"

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

-- The program that the file's first line names, as in "#!/usr/bin/env lua5.4".
local function interpreter_of(path)
  local file = io.open(path, "rb")
  local line = file and file:read("*l")
  if file then file:close() end
  return line and line:match("^#!.-([^%s/]+)%s*$")
end

--- How this command was called, to be shown as the begin of another call of it. LuaRocks starts a file that does not
--- find its modules by itself, and in a checkout the file's first line may name another Lua.
---@return string words of a shell
function listening.own_command()
  local path = arg and arg[0] or "marketplace"
  local tree = path:match("^(.*)/lib/luarocks/rocks[^/]*/.*/bin/[^/]*$")
  if tree then return text.shell_word(tree .. "/bin/marketplace") end
  local first = 0
  while arg and arg[first - 1] do first = first - 1 end
  if first == 0 or arg[first]:match("[^/]*$") == interpreter_of(path) then return text.shell_word(path) end
  local words = {}
  for i = first, 0 do words[#words + 1] = text.shell_word(arg[i]) end
  return table.concat(words, " ")
end

return listening
