--- Who sent a request that a proxy passed on: the address in X-Forwarded-For or in Forwarded (RFC 7239), for the log.
---
--- Anybody can send these headers. So they count only if the peer is a proxy that is trusted, and only from the right,
--- where it has added to them: each address stands for what the one to its right has seen. The first that is not of a
--- trusted proxy is the sender; what is to the left of it is the sender's own claim. What is no address ends the walk,
--- at the last proxy. If both headers are there, they must agree: a proxy that knows one passes on the other, unseen.
local trim = require("marketplace.text").trim

local proxies = {}

local MOST_HOPS = 16        -- no chain of proxies is as long; a header has room for thousands
local MOST_ELEMENT = 512    -- bytes
local IPV4_BITS, IPV6_BITS = 32, 128
local WORD_BITS = 16

--[[ Addresses: lists of numbers of 16 bits, two of IPv4, eight of IPv6 ]]

local function ipv4_words(text)
  local bytes = { text:match("^(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)$") }
  if #bytes ~= 4 then return nil end
  for i, digits in ipairs(bytes) do
    bytes[i] = tonumber(digits)
    if bytes[i] > 255 or #digits > 1 and digits:sub(1, 1) == "0" then return nil end
  end
  return { bytes[1] * 256 + bytes[2], bytes[3] * 256 + bytes[4] }
end

-- Adds the groups of one side of "::"; false if one is none.
local function add_groups(text, into)
  if text == "" then return true end
  for group in (text .. ":"):gmatch("([^:]*):") do
    if not group:find("^%x%x?%x?%x?$") then return false end
    into[#into + 1] = tonumber(group, 16)
  end
  return true
end

local function with_hexadecimal_end(text)
  local before, last = text:match("^(.*:)([%d.]+)$")
  if not before or not last:find(".", 1, true) then return text end
  local words = ipv4_words(last)
  return words and ("%s%x:%x"):format(before, words[1], words[2])
end

local function ipv6_words(text)
  local whole = #text <= 45 and with_hexadecimal_end(text)
  if not whole then return nil end
  local left, right = whole:match("^(.-)::(.*)$")
  local words, ending = {}, {}
  if not add_groups(left or whole, words) or not add_groups(right or "", ending) then return nil end
  local missing = 8 - #words - #ending
  if left and missing < 1 or not left and missing ~= 0 then return nil end
  for _ = 1, missing do words[#words + 1] = 0 end
  for _, word in ipairs(ending) do words[#words + 1] = word end
  return words
end

-- An address and how it is shown. One of IPv4 within IPv6, as sockets for both give it, is the one of IPv4.
local function address_of(text)
  local words = ipv4_words(text)
  if words then return words, text end
  words = ipv6_words(text)
  if not words then return nil end
  for i = 1, 5 do
    if words[i] ~= 0 then return words, text:lower() end
  end
  if words[6] ~= 65535 then return words, text:lower() end
  local function octets(word) return ("%d.%d"):format(math.floor(word / 256), word % 256) end
  return { words[7], words[8] }, octets(words[7]) .. "." .. octets(words[8])
end

--[[ Networks ]]

local function parse_network(cidr)
  local text, length = cidr:match("^([%x:.]+)/(%d%d?%d?)$")
  local words = address_of(text or cidr)
  if not words then return nil end
  local most = cidr:find(":", 1, true) and IPV6_BITS or IPV4_BITS
  local bits = length and tonumber(length) or most
  if bits > most then return nil end
  bits = bits - (most - WORD_BITS * #words) -- less those that say of IPv6 that it is IPv4
  return bits >= 0 and { words = words, bits = bits } or nil
end

local function is_in(words, network)
  if #words ~= #network.words then return false end
  local bits = network.bits
  for i = 1, #words do
    if bits <= 0 then return true end
    local ignored = 2 ^ math.max(0, WORD_BITS - bits)
    if math.floor(words[i] / ignored) ~= math.floor(network.words[i] / ignored) then return false end
    bits = bits - WORD_BITS
  end
  return true
end

--[[ The headers ]]

-- A node's address without its port, or nil: "unknown", "_hidden" and what is malformed.
local function node_address(node)
  local inner, port = node:match("^%[([%x:.]+)%](.*)$")
  if not inner then
    inner, port = node:match("^(%d+%.%d+%.%d+%.%d+)(.*)$")
  end
  if not inner then return nil end
  if port ~= "" and not port:find("^:%d%d?%d?%d?%d?$") and not port:find("^:_[%w._-]+$") then return nil end
  return inner
end

-- X-Forwarded-For has addresses of IPv6 mostly without brackets.
local function listed_address(element)
  return node_address(element) or element:find(":.*:") and element or nil
end

local TOKEN = "^[%w!#$%%&'*+.^_`|~-]+$"

-- The value of an element's only `for`, or nil: also if anything else of the element is malformed.
local function for_of(element)
  local node
  for pair in (element .. ";"):gmatch("%s*([^;]*);") do
    local name, value = pair:match("^([^=]+)=(.-)%s*$")
    if pair:find("%S") and not (name and name:find(TOKEN)) then return nil end
    local quoted = value and value:match('^"([^"\\]*)"$')
    if value and not quoted and not value:find(TOKEN) then return nil end
    if name and name:lower() == "for" then
      if node then return nil end
      node = quoted or value
    end
  end
  return node
end

local function forwarded_address(element)
  local node = for_of(element)
  return node and node_address(node)
end

-- Goes through a comma-separated header from its end: each call gives one element, without white space around it, and
-- nil at the end and for what is too long to hold an address.
local function elements_from_end(value)
  local last = #value
  return function()
    if last < 0 then return nil end
    local first = last
    while first > 0 and value:byte(first) ~= 44 do first = first - 1 end
    local length = last - first
    last = first - 1
    return length <= MOST_ELEMENT and trim(value:sub(first + 1, first + length)) or nil
  end
end

local function joined(value)
  return type(value) == "table" and table.concat(value, ",") or value
end

--[[ The sender ]]

---@class marketplace.server.Proxies
local Proxies = {}
Proxies.__index = Proxies

function Proxies:trusts(words)
  for _, network in ipairs(self.networks) do
    if is_in(words, network) then return true end
  end
  return false
end

-- Walks through the proxies, beginning at the peer, which is one.
local function walk(self, peer, value, read)
  local shown = peer
  local next_element = elements_from_end(value)
  for _ = 1, MOST_HOPS do
    local element = next_element()
    local words, address = address_of(element and read(element) or "")
    if not words then return shown end
    shown = address
    if not self:trusts(words) then return shown end
  end
  return shown
end

--- Whether a request comes from a proxy that is trusted.
---@param peer string the numeric address that the request came from
---@return boolean
function Proxies:has(peer)
  local words = address_of(peer)
  return words ~= nil and self:trusts(words)
end

--- The address of a request's sender.
---@param peer string the numeric address that the request came from
---@param headers table<string, string|string[]> names in lower case; a list if one came more than once
---@return string address the peer's own, if that is no trusted proxy or does not say
function Proxies:sender(peer, headers)
  local words, shown = address_of(peer)
  if not words or not self:trusts(words) then return peer end
  local listed, forwarded = joined(headers["x-forwarded-for"]), joined(headers.forwarded)
  local by_list = listed and walk(self, shown, listed, listed_address)
  local by_pairs = forwarded and walk(self, shown, forwarded, forwarded_address)
  if by_list and by_pairs and by_list ~= by_pairs then return shown end
  return by_list or by_pairs or shown
end

--- Proxies that are trusted.
---@param networks string[] addresses of IPv4 or IPv6, or networks: "10.0.0.0/8", "fd00::/8"
---@return marketplace.server.Proxies|nil
---@return string? message
function proxies.new(networks)
  local parsed = {}
  for i, cidr in ipairs(networks) do
    parsed[i] = type(cidr) == "string" and parse_network(cidr)
    if not parsed[i] then
      return nil, ("'%s' is no network: an address such as 10.0.0.7, or with a length, such as 10.0.0.0/8, is expected")
        :format(tostring(cidr))
    end
  end
  return setmetatable({ networks = parsed }, Proxies)
end

return proxies
