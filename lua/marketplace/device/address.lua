--- Addresses for devices: they take nothing but HTTPS. On this machine itself HTTP will do, for trying out.
local folder = require "marketplace.packages.folder"

local address = {}

local MOST_BYTES = 2048
local LOCAL = { ["127.0.0.1"] = true, localhost = true, ["[::1]"] = true }

-- What readers of URLs disagree about is refused: user names, backslashes, white space and what is not ASCII.
local function host_of(url)
  if url:find "[^\33-\126]" or url:find("\\", 1, true) or #url > MOST_BYTES then return nil end
  local scheme, authority = url:match "^(https?)://([^/?#]+)"
  if not scheme then return nil end
  local host = authority:match "^([%w.-]+)$" or authority:match "^([%w.-]+):%d+$" or
    authority:match "^(%[[%x:.]+%])$" or authority:match "^(%[[%x:.]+%]):%d+$"
  return (scheme == "https" or LOCAL[host or ""]) and host or nil
end

--- Whether a device can be sent there.
---@param url any
---@return boolean
function address.is_usable(url)
  return type(url) == "string" and host_of(url) ~= nil and not url:find("#", 1, true)
end

--- Whether paths can be appended to it, too: it has no query.
---@param url any
---@return boolean
function address.is_base(url)
  return address.is_usable(url) and not url:find("?", 1, true)
end

--- What is asked of a base that is not plain.
address.PLAIN = "must have a path without % and without segments that are empty, . or ..: servers change those"

--- Whether it is a base below which requests can be recognized by their paths: servers decode what is percent-encoded,
--- and remove dots and double slashes.
---@param url any
---@return boolean
function address.is_plain_base(url)
  if not address.is_base(url) then return false end
  local path = address.path(address.base(url) .. "/")
  return not (path:find "%%" or path:find "/%.%.?/" or path:find "//")
end

--- A base without the slashes at its end.
---@param url string
---@return string
function address.base(url)
  return (url:gsub("/+$", ""))
end

--- The path of an address: what a request for it has in its first line.
---@param url string
---@return string
function address.path(url)
  return url:match "^https?://[^/]+(/.*)$" or "/"
end

--- Where a device finds the manifest, the signature and the assets of a version.
---@param packages_url string without a slash at its end
---@param version {id: string, item_id: string, apple_version_id: string}
---@return string
function address.of_package(packages_url, version)
  return ("%s/%s/"):format(packages_url, folder.below_public(version))
end

return address
