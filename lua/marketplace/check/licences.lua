--- The licence server, as far as can be seen without a device: that it is there, and gives its certificates.
local json = require "marketplace.json"
local outside = require "marketplace.check.outside"

local licences = {}

local CHECK = "license"
local ASKED = { "dynamicLicenseURL", "licenseRenewalURL" }
local READ = { "signingCertificateURL", "encryptionCertificateURL", "licenseResolutionURL" }
local IS_PAGE = { licenseResolutionURL = true }

-- An empty object is no request for a licence: what refuses it is there.
local REFUSED = { [400] = true, [401] = true, [403] = true, [415] = true, [422] = true }

local function refuse(run, name, url, response, to_what)
  local message, action = outside.refusal(run, response)
  if response.status < 300 or response.status >= 400 and response.status < 500 then
    action = "check whether the licence server runs there, and at license in the device's options"
  end
  run.findings:add("error", CHECK, url, ("%s: %s%s"):format(name, message, to_what), action)
end

local function check_asked(run, name, url)
  local response, failure = outside.ask(run, {
    method = "POST", url = url, body = "{}", headers = { "content-type: application/json" },
  })
  if not response then return run.findings:add_failure(CHECK, url, failure) end
  if REFUSED[response.status] then
    return run.findings:add("ok", CHECK, url, ("%s is there: an empty request is refused with %d"):format(name,
      response.status))
  end
  refuse(run, name, url, response, " to an empty request")
end

local function check_read(run, name, url)
  local response, failure = outside.ask(run, { url = url })
  if not response then return run.findings:add_failure(CHECK, url, failure) end
  local is_there = response.status == 200 and response.body ~= "" or IS_PAGE[name] and response.status < 400
  if is_there then return run.findings:add("ok", CHECK, url, name .. " can be read") end
  if response.status == 200 then
    return run.findings:add("error", CHECK, url, name .. " is empty", "serve the certificate there")
  end
  refuse(run, name, url, response, "")
end

--- Asks the addresses that the file has which tells devices whom to ask.
---@param run table
---@param document table|nil that file
function licences.run(run, document)
  local license = document and document.license
  if not json.is_object(license) then return end
  for _, list in ipairs { ASKED, READ } do
    for _, name in ipairs(list) do
      local url = license[name]
      if type(url) == "string" and outside.is_usable(url) then
        (list == ASKED and check_asked or check_read)(run, name, url)
      end
    end
  end
end

return licences
