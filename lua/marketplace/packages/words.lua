--- What people are told of package versions: by the command, and by the dashboard.
local words = {}

--[[ What is wrong with one ]]

local UNVERIFIED = "the manifest has no digests of it, and App Store Connect gives %s"

--- Why of an asset no more than its size is known to be right; nil if it is proved.
---@param asset table
---@return string?
function words.why_unverified(asset)
  if asset.proof ~= "size" then return nil end
  return UNVERIFIED:format(asset.checksum and "a fileChecksum of an unknown kind" or "no fileChecksum")
end

local WHY = {
  unavailable = "taken down", held = "held", no_keys = "key blobs are missing", replaced = "replaced",
  superseded = "replaced before it was here", missing = "its folder is gone", damaged = "its folder is damaged",
}

--- A hold's own words, and what to release.
---@param hold {scope: string, id: string, reason?: string}
---@return string
function words.held(hold)
  return ("%s %s is held: %s"):format(hold.scope, hold.id, hold.reason ~= "" and hold.reason or "no reason was given")
end

--- What is wrong with a version, or why it is not served.
---@param row table of Packages:overview
---@return string[]
function words.reasons(row)
  local list = {}
  if row.why and not (row.why == "held" and row.hold) then list[1] = WHY[row.why] or row.why end
  if row.hold then list[#list + 1] = words.held(row.hold) end
  if row.state == "published" and not row.is_current then list[#list + 1] = "replaced" end
  if row.unavailable_in and #row.unavailable_in > 0 then
    list[#list + 1] = "unavailable in " .. table.concat(row.unavailable_in, " ")
  end
  if row.available_in and #row.available_in > 0 then
    list[#list + 1] = ("available in %s only"):format(table.concat(row.available_in, " "))
  end
  if row.why_unverified then
    list[#list + 1] = ("%d of %d assets unverified: %s"):format(row.unverified, row.assets,
      table.concat(row.why_unverified, "; "))
  end
  if row.job and row.job.message then list[#list + 1] = row.job.message:match "^[^\n]*" end
  return list
end

--[[ What became of a decision ]]

local LINES = {
  { "withdrawn", "%s is withdrawn" },
  { "restored", "%s is published again" },
  { "requested", "%s is not here any more, and is fetched again" },
}

-- That no folder has moved, and why.
local function unmoved(outcome)
  if outcome.was_held == false then return "nothing changes: no hold is on exactly this" end
  if outcome.changed and #outcome.changed == 0 then return "nothing changes: what is known is the same, or newer" end
  if #outcome.versions == 0 then return "noted; no version of it is here" end
  return "noted; no folder moves: " .. table.concat(outcome.versions, " ")
end

--- What a withdrawal, a restore, a hold or its release has changed: a line for each version that moves.
---@param outcome table of Packages:withdraw, restore, hold or release
---@return string[]
function words.outcome(outcome)
  local lines = {}
  for _, one in ipairs(LINES) do
    for _, version in ipairs(outcome[one[1]] or {}) do lines[#lines + 1] = one[2]:format(version) end
  end
  if #lines == 0 then lines[1] = unmoved(outcome) end
  return lines
end

return words
