--- Certificates for localhost, and the authority that signed them.
local core = require "marketplace.core"
local shell = require "support.shell"

local certificates = {}

--- When one ends, as openssl takes it: never, and long ago.
certificates.VALID, certificates.EXPIRED = "20991231000000Z", "20200102000000Z"

local AUTHORITY = [[
[ca]
default_ca = authority
[authority]
database = index.txt
new_certs_dir = .
rand_serial = yes
certificate = ca.crt
private_key = ca.key
default_md = sha256
policy = names
unique_subject = no
x509_extensions = server
[names]
commonName = supplied
[server]
subjectAltName = %s
]]

-- To whom the files must belong for a server that does not run as root.
local function give(folder, owner)
  if owner then shell.run(('[ "$(id -u)" != 0 ] || chown %s %s/*'):format(owner, folder)) end
end

--- Puts a certificate that the folder's authority signs in the place of server.crt, for the same key.
---@param folder string
---@param ends_at string
---@param owner? string
---@param begins_at? string default long ago
function certificates.renew(folder, ends_at, owner, begins_at)
  shell.run(([[
    cd %s && openssl ca -batch -notext -config ca.cnf -in server.csr -startdate %s -enddate %s \
      -out server.new 2>/dev/null && chmod 644 server.new && mv server.new server.crt]]):format(folder,
    begins_at or "20200101000000Z", ends_at))
  give(folder, owner)
end

--- Makes an authority, ca.crt, and a certificate that it signed, server.crt with server.key: with `ca`, as `x509` of
--- OpenSSL 3.5 makes none that has expired.
---@param folder string
---@param ends_at string
---@param owner? string to whom the files are to belong, if this runs as root
---@param names? string what it is for, as openssl takes it, default localhost
function certificates.make(folder, ends_at, owner, names)
  assert(core.replace_file(folder .. "/ca.cnf", AUTHORITY:format(names or "DNS:localhost")))
  shell.run(([[
    cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=The authority" \
      -keyout ca.key -out ca.crt 2>/dev/null &&
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout server.key \
      -out server.csr 2>/dev/null && touch index.txt && chmod 600 server.key && chmod 644 ca.crt]]):format(folder))
  certificates.renew(folder, ends_at, owner)
end

return certificates
