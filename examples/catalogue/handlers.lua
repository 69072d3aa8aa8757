-- Keeps a catalogue up to date in the file that CATALOGUE names (catalogue.jsonl), with the account's API key:
--
--     export MARKETPLACE_KEY_FILE=AuthKey.p8 MARKETPLACE_KEY_ID=... MARKETPLACE_ISSUER_ID=...
--     CATALOGUE=catalogue.jsonl marketplace serve examples/catalogue/handlers.lua --secret-file secrets.txt
--     lua5.4 examples/catalogue/list.lua catalogue.jsonl FRA
local marketplace = require "marketplace"

local folder = debug.getinfo(1, "S").source:match "^@(.*/)" or "./"
local catalogue = dofile(folder .. "catalogue.lua")

local SECONDS = 10 -- a callback must end within its lease

local function needed(name)
  return assert(os.getenv(name), name .. " is not set")
end

local client = assert(marketplace.client {
  key_file = needed "MARKETPLACE_KEY_FILE", key_id = needed "MARKETPLACE_KEY_ID", timeout = SECONDS,
  issuer_id = needed "MARKETPLACE_ISSUER_ID", base_url = os.getenv "MARKETPLACE_API_URL", -- nil: Apple's
})

-- Later events take down packages, but generation 2 announces a version without naming its package.
local function package_of(n)
  if n.package_id then return n.package_id end
  local version, message = client.alternativeDistributionPackageVersions:get(n.package_version_id,
    { include = "alternativeDistributionPackage" })
  if not version then return nil, message end
  return version.alternativeDistributionPackage.id
end

-- What cannot be placed in time could undo what is newer, and no territory is not everywhere: a person must look at it.
local function understood(change)
  return function(n, ctx)
    if not n.time then return ctx:cancel "the notification does not say when it happened" end
    if n.territories and #n.territories == 0 then return ctx:cancel "the notification names no territory" end
    return change(n)
  end
end

return function(receiver)
  local sold = catalogue.open(os.getenv "CATALOGUE" or "catalogue.jsonl")

  receiver:on("version_available", understood(function(n)
    local package_id, message = package_of(n)
    if not package_id then return nil, message end -- runs again later
    return sold:add(n.app_id, n.package_version_id, package_id, n.time)
  end))
  receiver:on("versions_unavailable", understood(function(n)
    return sold:say(n.app_id, n.package_ids, n.territories, true, n.time)
  end))
  receiver:on("versions_restored", understood(function(n)
    return sold:say(n.app_id, n.package_ids, n.territories, false, n.time)
  end))
  receiver:on("app_unavailable", understood(function(n)
    return sold:say(n.app_id, nil, n.territories, true, n.time)
  end))
  receiver:on("app_restored", understood(function(n)
    return sold:say(n.app_id, nil, n.territories, false, n.time)
  end))
end
