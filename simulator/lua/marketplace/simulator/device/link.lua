--- Install links, `marketplace-kit://install?…`, as a browser hands them to the system.
local problem = require "marketplace.simulator.device.problem"

local link = {}

local SCHEME = "marketplace-kit://"
local MOST_BYTES = 65536
local KNOWN = {
  alternativeDistributionPackage = "package", installVerificationToken = "token", token = "access_token",
  account = "account", appShareURL = "share_url",
}

local function decode(value, name)
  if value:gsub("%%%x%x", ""):find("%", 1, true) then
    problem.raise("invalidURL", "the link's %s is not percent-encoded as it should be", name)
  end
  return (value:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

local function add(found, pair, warn)
  local name, value = pair:match "^([^=]*)=?(.*)$"
  name = decode(name, "query")
  local member = KNOWN[name]
  if not member then
    warn(("the link has %s, which Apple does not know: is an & of an address not encoded?"):format(
      problem.shown(name)))
  elseif found[member] then
    warn(("the link has %s twice: the first counts"):format(name))
  else
    found[member] = decode(value, name)
  end
end

--- Reads a link. Raises a problem if it is none.
---@param text string
---@param warn fun(message: string)
---@return marketplace.simulator.Offer offer without the app's ids; with access_token= and account= if it has them
function link.read(text, warn)
  local query = text:match "^marketplace%-kit://install/?%?(.*)$"
  if not query then problem.raise("invalidURL", "%s does not begin with %sinstall?", problem.shown(text), SCHEME) end
  if #text > MOST_BYTES or text:find "[^\33-\126]" then
    problem.raise("invalidURL", "the link is too long, or has characters that are not percent-encoded")
  end
  local found = {}
  for pair in query:gsub("#.*$", ""):gmatch "[^&]+" do add(found, pair, warn) end
  if not found.package then
    problem.raise("invalidAlternativeDistributionPackageURL", "the link has no alternativeDistributionPackage")
  end
  return found
end

local ENTITIES = { amp = "&", ["#38"] = "&", ["#x26"] = "&", ["#X26"] = "&" }

--- The one install link in a page. Raises a problem if there is none, or more than one.
---@param page string HTML
---@return string
function link.in_page(page)
  local found
  for text in page:gmatch "marketplace%-kit://[^\"'<>%s]*" do
    text = text:gsub("&(#?%w+);", ENTITIES)
    if found and found ~= text then
      problem.raise("invalidURL", "the page has several install links: give the one that the person taps")
    end
    found = text
  end
  return found or problem.raise("invalidURL", "the page has no link that begins with %s", SCHEME)
end

return link
