--- Licences of apps: what the options say, and the addresses and certificates that devices get by them.
local address = require "marketplace.device.address"
local core = require "marketplace.core"
local options = require "marketplace.options"

local licensing = {}

local USUAL_TIMEOUT, MOST_TIMEOUT = 55, 60 -- seconds: after 60, the device has given up
local MOST_PATH = 107                      -- bytes of a Unix socket's path
local MOST_CERTIFICATE = 65536             -- bytes

--- Below base_url, by Apple's names of them.
local PATHS = {
  dynamicLicenseURL = "license", licenseRenewalURL = "license/renewal",
  signingCertificateURL = "license/signing-certificate", encryptionCertificateURL = "license/encryption-certificate",
}
local FILES = {
  signingCertificateURL = "signing_certificate_file", encryptionCertificateURL = "encryption_certificate_file",
}

---@class marketplace.DeviceLicensingOptions
---@field socket string path of the Unix socket at which the sidecar listens that makes licences
---@field key_file? string path of the encryption certificate's private key, RSA-3072, PEM; this or `key` is needed
---@field key? string the private key itself, PEM
---@field timeout? number seconds from a device's request to its answer, default 55, at most 60
---@field encryption_certificate_file? string path of the encryption certificate, as Apple gave it, which devices get;
--- needed unless `license.encryptionCertificateURL` says where it is
---@field signing_certificate_file? string path of the signing certificate, likewise
---@field resolution_url? string https:// URL of the page for a person whose licence has ended
local LICENSING = {
  socket = "!string", key_file = "string", key = "string", timeout = "number", encryption_certificate_file = "string",
  signing_certificate_file = "string", resolution_url = "string",
}

local function wrong(name, problem)
  error(("option '%s' %s"):format(name, problem), 0)
end

local function check_certificates(given, license)
  for url, file in pairs(FILES) do
    if not given[file] and not (license and license[url]) then
      wrong("licensing." .. file, ("is needed, or 'license.%s'"):format(url))
    end
  end
end

--- Raises what is wrong with the options, without a place.
---@param given marketplace.DeviceLicensingOptions
---@param license table|nil the option `license`
function licensing.check(given, license)
  local ok, problem = pcall(options.check, "licensing", given, LICENSING, 0)
  if not ok then error(problem, 0) end
  if given.socket == "" or #given.socket > MOST_PATH or given.socket:find("\0", 1, true) then
    wrong("licensing.socket", ("must be a path of 1 to %d bytes"):format(MOST_PATH))
  end
  if (given.key == nil) == (given.key_file == nil) then
    error("option 'licensing' needs either 'key' or 'key_file'", 0)
  end
  local timeout = given.timeout or USUAL_TIMEOUT
  if not (timeout > 0 and timeout <= MOST_TIMEOUT) then
    wrong("licensing.timeout", ("must be more than 0 and at most %d seconds"):format(MOST_TIMEOUT))
  end
  if given.resolution_url and not address.is_usable(given.resolution_url) then
    wrong("licensing.resolution_url", "must be an https:// URL")
  end
  check_certificates(given, license)
end

--- The addresses that the well-known file has: the option `license` overrides single ones.
---@param given marketplace.DeviceLicensingOptions checked
---@param license table|nil the option `license`
---@param base string base_url without a slash at its end
---@return table<string, string>
function licensing.addresses(given, license, base)
  local urls = { licenseResolutionURL = given.resolution_url }
  for name, path in pairs(PATHS) do
    if not FILES[name] or given[FILES[name]] then urls[name] = ("%s/%s"):format(base, path) end
  end
  for name, url in pairs(license or {}) do urls[name] = url end
  return urls
end

--[[ Files ]]

local function read_certificate(path)
  local bytes, message = core.read_file(path, MOST_CERTIFICATE)
  local ok = bytes
  if bytes then ok, message = core.check_certificate(bytes) end
  if not ok then return nil, ("the certificate %s cannot be used: %s"):format(path, message), "certificate_invalid" end
  return bytes
end

local function certificate_type(bytes)
  return bytes:find("-----BEGIN", 1, true) and "application/pem-certificate-chain" or "application/pkix-cert"
end

local function open_certificates(given)
  local files = {}
  for name, option in pairs(FILES) do
    if given[option] then
      local bytes, message, code = read_certificate(given[option])
      if not bytes then return nil, message, code end
      files[PATHS[name]] = { body = bytes, type = certificate_type(bytes) }
    end
  end
  return files
end

-- With another key, nothing could be opened that devices seal for this certificate.
local function pair_problem(key, certificate, path)
  local public, message = core.envelope_certificate(certificate)
  if not public then return ("the certificate %s cannot be used: %s"):format(path, message), "certificate_invalid" end
  local is_pair = key:is_same(public)
  public:close()
  if not is_pair then return ("the key is not that of the certificate %s"):format(path), "key_invalid" end
end

local function open_key(given, certificate)
  local key, message, code
  if given.key then
    key, message, code = core.envelope_key(given.key)
  else
    key, message, code = core.envelope_key_file(given.key_file)
  end
  if not key or not certificate then return key, message, code end
  message, code = pair_problem(key, certificate.body, given.encryption_certificate_file)
  if not message then return key end
  key:close()
  return nil, message, code
end

--- Reads the key and the certificates.
---@param given marketplace.DeviceLicensingOptions checked
---@return {key: table, files: table<string, {body: string, type: string}>}|nil opened key: of core.envelope_key;
--- files: what devices get, by path below base_url
---@return string? message
---@return string? code key_invalid, certificate_invalid
function licensing.open(given)
  local files, message, code = open_certificates(given)
  if not files then return nil, "licensing: " .. message, code end
  local key
  key, message, code = open_key(given, files[PATHS.encryptionCertificateURL])
  if not key then return nil, "licensing: " .. message, code end
  return { key = key, files = files }
end

--- Seconds from a device's request to its answer.
---@param given marketplace.DeviceLicensingOptions checked
---@return number
function licensing.timeout(given)
  return given.timeout or USUAL_TIMEOUT
end

return licensing
