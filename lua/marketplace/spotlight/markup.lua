--- Text from outside in HTML, in XML and in a script element of JSON: it stays text there.
local json = require "marketplace.json"
local text = require "marketplace.text"

local markup = {}

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }

--- As text that a page can have: UTF-8, with spaces in place of control characters.
---@param value string
---@return string
function markup.clean(value)
  return (text.utf8(value):gsub("[%z\1-\31\127]", " "))
end

--- Text, also as the value of an attribute.
---@param value string clean
---@return string
function markup.text(value)
  return (value:gsub("[&<>\"']", ENTITIES))
end

local function escape(character)
  return ("\\u%04x"):format(character:byte())
end

--- A document as what a script element of JSON holds. No string of it can end the element or begin a comment, as none
--- has a "<"; nor are there the characters that JSON has in strings and JavaScript ends lines with.
---@param document table whose strings are UTF-8
---@return string
function markup.script(document)
  return ('<script type="application/ld+json">\n%s\n</script>'):format(
    (text.safe_json(json.encode(document)):gsub("[<>&]", escape)))
end

--- A time as schema.org and sitemaps have it.
---@param seconds number since the epoch, 0 to the end of the year 9999
---@return string
function markup.time(seconds)
  return os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(seconds))
end

return markup
