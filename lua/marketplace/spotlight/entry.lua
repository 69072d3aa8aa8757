--- What the operator's catalogue says of a version of an app, checked. What is wrong is left out and said, so that one
--- wrong number takes no app out of the search.
local address = require "marketplace.device.address"
local markup = require "marketplace.spotlight.markup"

local entry = {}

local LATEST = 253402300799 -- the last second of the year 9999

--[[ Members ]]

-- Each reads a value, and returns nil and what is wrong if it cannot be used.
local READ = {}

local function is_number(value)
  return type(value) == "number" and value == value and value > -math.huge and value < math.huge
end

local function is_integer(value)
  return is_number(value) and value == math.floor(value)
end

local function read_text(value)
  if type(value) ~= "string" or not value:find "%S" then return nil, "must be a text" end
  return markup.clean(value)
end

local function read_url(value)
  if not address.is_usable(value) then return nil, "must be an https:// URL" end
  return value
end

local function read_time(value)
  if not (is_number(value) and value >= 0 and value <= LATEST) then
    return nil, "must be a time, in seconds since the epoch"
  end
  return value
end

READ.name, READ.description, READ.category, READ.icon = read_text, read_text, read_text, read_url
READ.published_at, READ.changed_at = read_time, read_time

function READ.popularity(value)
  if not (is_number(value) and value >= 0 and value <= 100) then return nil, "must be a number from 0 to 100" end
  return value
end

local function origin_of(url)
  return url:match "^https?://[^/?]+":lower()
end

function READ.page(value, base)
  local url, problem = read_url(value)
  if not url then return nil, problem end
  if origin_of(url) ~= origin_of(base) then return nil, "must be on the host of base_url, as Apple demands" end
  return url
end

local function is_bound(value)
  return is_integer(value) and value >= 0 and value <= 100
end

local RATING = {
  { "ratingValue", is_number, "a number" },
  { "reviewCount", function(value) return is_integer(value) and value >= 0 end, "an integer, at least 0" },
  { "bestRating", is_bound, "an integer from 0 to 100" },
  { "worstRating", is_bound, "an integer from 0 to 100" },
}

function READ.aggregateRating(value)
  if type(value) ~= "table" then return nil, "must be a table" end
  local rating = {}
  for _, member in ipairs(RATING) do
    local name, is_right, shape = member[1], member[2], member[3]
    if value[name] == nil then return nil, ("lacks %s: Apple takes all four or none"):format(name) end
    if not is_right(value[name]) then return nil, ("has a %s that is not %s"):format(name, shape) end
    rating[name] = value[name]
  end
  if rating.worstRating > rating.ratingValue or rating.ratingValue > rating.bestRating then
    return nil, "has a ratingValue that is not between worstRating and bestRating"
  end
  return rating
end

--[[ All of them ]]

---@class marketplace.SpotlightEntry what a catalogue says of a version; all of it may be left out
---@field name? string as people know the app, default its bundle id
---@field description? string
---@field category? string
---@field icon? string https:// URL of a picture
---@field page? string https:// URL of a page of yours, on base_url's host, which has what spotlight:scripts gave: the
--- sitemap has it in place of the page that is made
---@field aggregateRating? {ratingValue: number, reviewCount: integer, bestRating: integer, worstRating: integer} all
--- four; the last two from 0 to 100
---@field popularity? number from 0 to 100, beside the other apps of this marketplace
---@field published_at? number seconds since the epoch, when the marketplace published this version; default when its
--- package was first published
---@field changed_at? number seconds since the epoch, when the catalogue last changed what it says

local function by_name(one, other)
  return tostring(one) < tostring(other)
end

local function names_of(given)
  local names = {}
  for name in pairs(given) do names[#names + 1] = name end
  table.sort(names, by_name)
  return names
end

--- Reads what a catalogue says. Raises if it is no entry at all.
---@param given any nil: the version is not to be found
---@param base string the option base_url
---@return marketplace.SpotlightEntry|nil
---@return string[] problems what is left out, and why
function entry.read(given, base)
  if given == nil then return nil, {} end
  if type(given) ~= "table" then error("it must give a table or nil, and gave a " .. type(given), 0) end
  local read, problems = {}, {}
  for _, name in ipairs(names_of(given)) do
    local problem = "is not known"
    if READ[name] then read[name], problem = READ[name](given[name], base) end
    if problem then problems[#problems + 1] = ("'%s' %s"):format(tostring(name), problem) end
  end
  return read, problems
end

return entry
