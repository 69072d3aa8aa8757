--- HTML from Lua tables: `h.p { class = "quiet", "text", h.b { "bold" }, list_of_nodes }` is an element, `h.p "text"`
--- one with text alone.
---
--- Text stays text by construction: whatever is no element is escaped, and there is no way around that. Children are
--- strings, numbers, elements, and lists of these; nil and false are nothing. An attribute that is an address, but
--- neither of this server nor of http(s), is left out: whoever sent it may have written `javascript:`. Scripts within
--- the page, attributes of events and the attribute `style` raise: the page's policy forbids them anyway.
local text = require "marketplace.text"

local html = {}

local ELEMENTS = {
  "a", "article", "aside", "b", "body", "br", "button", "caption", "code", "col", "colgroup", "dd", "details", "div",
  "dl", "dt", "em", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "head", "header", "hr",
  "html", "i", "img", "input", "kbd", "label", "legend", "li", "link", "main", "meta", "meter", "nav", "noscript", "ol",
  "optgroup", "option", "output", "p", "pre", "progress", "samp", "script", "section", "select", "small", "span",
  "strong", "sub", "summary", "sup", "table", "tbody", "td", "textarea", "tfoot", "th", "thead", "time", "title", "tr",
  "ul", "var", "wbr",
}

local function set(words)
  local made = {}
  for word in words:gmatch "%S+" do made[word] = true end
  return made
end

local VOID = set "br col hr img input link meta wbr"
local ADDRESSES = set "href src action formaction"
-- What a form gives back is not changed, but for what no browser would take.
local EXACT = set "value"
local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }

---@class marketplace.dashboard.Node
---@field element string
---@field given table its attributes by name, and its children
local Node = {}

local function escape(value)
  return (value:gsub("[&<>\"']", ENTITIES))
end

--- Whether an address can be followed without running anything: a path of this server, or http(s).
---@param address string
---@return boolean
function html.is_address(address)
  if address:find "[%z\1-\32\127\\]" then return false end
  return address:find "^https?://[^/]" ~= nil or address:find "^/[^/]" ~= nil or address == "/"
    or address:find "^#" ~= nil or address:find "^%?" ~= nil
end

--[[ Attributes ]]

local function attribute_text(name, value)
  if ADDRESSES[name] then return html.is_address(tostring(value)) and tostring(value) or nil end
  value = tostring(value)
  return EXACT[name] and text.utf8(value) or text.safe_lines(value)
end

local function check_name(name)
  if name:find "^[a-z][a-z0-9-]*$" and not name:find "^on" and name ~= "style" and name ~= "srcdoc" then return end
  error(("html: an element cannot have the attribute '%s'"):format(name), 0)
end

local function write_attribute(parts, name, value)
  check_name(name)
  if value == true then
    parts[#parts + 1] = " " .. name
    return
  end
  local written = attribute_text(name, value)
  if written then parts[#parts + 1] = (' %s="%s"'):format(name, escape(written)) end
end

-- In a fixed order, so that a page is the same each time.
local function write_attributes(parts, given)
  local names = {}
  for name in pairs(given) do
    if type(name) == "string" then names[#names + 1] = name end
  end
  table.sort(names)
  for _, name in ipairs(names) do
    if given[name] then write_attribute(parts, name, given[name]) end
  end
end

--[[ Elements ]]

-- A list may have holes, as in { is_known and h.b "known", h.i "always" }.
local function last_index(list)
  local last = 0
  for index in pairs(list) do
    if type(index) == "number" and index > last then last = index end
  end
  return last
end

local write

local function write_children(parts, list)
  for i = 1, last_index(list) do write(parts, list[i]) end
end

local function write_element(parts, node)
  local element, given = node.element, node.given
  parts[#parts + 1] = "<" .. element
  write_attributes(parts, given)
  parts[#parts + 1] = ">"
  if VOID[element] then return end
  -- a browser drops the first line feed of these
  if element == "pre" or element == "textarea" then parts[#parts + 1] = "\n" end
  if element ~= "script" then
    write_children(parts, given)
  elseif last_index(given) > 0 then
    error("html: a script has no text, but an address", 0)
  end
  parts[#parts + 1] = ("</%s>"):format(element)
end

function write(parts, child)
  if child == nil or child == false then return end
  local kind = type(child)
  if kind == "string" or kind == "number" then
    parts[#parts + 1] = escape(text.safe_lines(tostring(child)))
  elseif kind ~= "table" then
    error(("html: a %s cannot be shown"):format(kind), 0)
  elseif getmetatable(child) == Node then
    write_element(parts, child)
  else
    write_children(parts, child)
  end
end

--- The text of an element, or of a list of elements.
---@param child any
---@return string
function html.render(child)
  local parts = {}
  write(parts, child)
  return table.concat(parts)
end

--- The text of a whole page.
---@param node marketplace.dashboard.Node
---@return string
function html.document(node)
  return "<!DOCTYPE html>\n" .. html.render(node) .. "\n"
end

for _, element in ipairs(ELEMENTS) do
  html[element] = function(given)
    if type(given) ~= "table" or getmetatable(given) == Node then given = { given } end
    return setmetatable({ element = element, given = given }, Node)
  end
end

return html
