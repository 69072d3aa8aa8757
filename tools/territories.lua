-- territories.lua [ISO_3166-1.JSON]: prints lua/marketplace/territories.lua, made of what Debian's package iso-codes
-- has of ISO 3166-1.
local json = require "marketplace.json"

local SOURCE = arg[1] or "/usr/share/iso-codes/json/iso_3166-1.json"
local PER_LINE = 9

-- Kosovo has no code in ISO 3166: these are of those that the standard leaves to its users, as Apple uses them.
local ADDED = { XKS = "XK" }

-- Apple's list of where the App Store is, as of 2026.
local STOREFRONTS = [[
  AFG AGO AIA ALB ARE ARG ARM ATG AUS AUT AZE BEL BEN BFA BGR BHR BHS BIH BLR BLZ BMU BOL BRA BRB BRN BTN BWA CAN CHE
  CHL CHN CIV CMR COD COG COL CPV CRI CYM CYP CZE DEU DMA DNK DOM DZA ECU EGY ESP EST FIN FJI FRA FSM GAB GBR GEO GHA
  GMB GNB GRC GRD GTM GUY HKG HND HRV HUN IDN IND IRL IRQ ISL ISR ITA JAM JOR JPN KAZ KEN KGZ KHM KNA KOR KWT LAO LBN
  LBR LBY LCA LKA LTU LUX LVA MAC MAR MDA MDG MDV MEX MKD MLI MLT MMR MNE MNG MOZ MRT MSR MUS MWI MYS NAM NER NGA NIC
  NLD NOR NPL NRU NZL OMN PAK PAN PER PHL PLW PNG POL PRT PRY QAT ROU RUS RWA SAU SEN SGP SLB SLE SLV SRB STP SUR SVK
  SVN SWE SWZ SYC TCA TCD THA TJK TKM TON TTO TUN TUR TWN TZA UGA UKR URY USA UZB VCT VEN VGB VNM VUT XKS YEM ZAF ZMB
  ZWE
]]

local function codes()
  local file = assert(io.open(SOURCE))
  local document = assert(json.decode(file:read "*a"))
  file:close()
  local alpha2, list = {}, {}
  for _, country in ipairs(document["3166-1"]) do alpha2[country.alpha_3] = country.alpha_2 end
  for alpha3, added in pairs(ADDED) do alpha2[alpha3] = added end
  for alpha3 in pairs(alpha2) do list[#list + 1] = alpha3 end
  table.sort(list)
  return list, alpha2
end

local function lines_of(list, shown)
  local lines = {}
  for i, code in ipairs(list) do
    local line = math.ceil(i / PER_LINE)
    lines[line] = (lines[line] and lines[line] .. " " or "  ") .. shown(code) .. ","
  end
  return table.concat(lines, "\n")
end

local list, alpha2 = codes()
local storefronts = {}
for code in STOREFRONTS:gmatch "%u+" do
  assert(alpha2[code], code .. " is no territory")
  storefronts[#storefronts + 1] = code
end

io.write(([[
--- Territories: by three letters in Apple's events and API, by two in the catalogue for Spotlight.
---
--- Made by tools/territories.lua: run it to change this file.
local territories = {}

--- The two letters of a territory, by its three: ISO 3166-1, and Kosovo as Apple has it.
---@type table<string, string>
territories.ALPHA2 = {
%s
}

--- Where the App Store is, by three letters.
---@type string[]
territories.STOREFRONTS = {
%s
}

return territories
]]):format(
  lines_of(list, function(code) return ("%s = %q"):format(code, alpha2[code]) end),
  lines_of(storefronts, function(code) return ("%q"):format(code) end)))
