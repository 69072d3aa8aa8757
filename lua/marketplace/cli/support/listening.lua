--- What commands that listen have in common: the address, and the certificate.
local core = require "marketplace.core"
local text = require "marketplace.text"

local listening = {}

--- Adds the options.
---@param command table argparse's
---@param port string the usual one
function listening.describe(command, port)
  command:option("--host", "listen on this address"):default("127.0.0.1"):argname("ADDRESS")
  command:option("--port", "listen on this port; 0 lets the system choose one"):default(port):argname("PORT")
  command:option("--tls-cert", "certificate chain for HTTPS, PEM; needs --tls-key"):argname("PATH")
  command:option("--tls-key", "private key of the certificate, PEM"):argname("PATH")
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
  local pem = {}
  for name, path in pairs { cert = options.tls_cert, key = options.tls_key } do
    local bytes, problem = core.read_file(path)
    if not bytes then return nil, 1, ("--tls-%s: cannot read %s"):format(name, problem) end
    pem[name] = bytes
  end
  return pem
end

-- The program that the file's first line names, as in "#!/usr/bin/env lua5.4".
local function interpreter_of(path)
  local file = io.open(path, "rb")
  local line = file and file:read("*l")
  if file then file:close() end
  return line and line:match("^#!.-([^%s/]+)%s*$")
end

--- How to start this program again, for the commands that a message suggests. The file alone is not always enough: the
--- one that LuaRocks installs finds its modules only through a wrapper, and a checkout's may be run by another Lua than
--- its first line names.
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
