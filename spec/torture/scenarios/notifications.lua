--- Scenarios of what reads and verifies notifications.
local core = require "marketplace.core"

local BODY = [[{"data":{"type":"alternativeDistributionPackageVersionCreated","id":"a\u00e9b","version":1,]] ..
  [["attributes":{"timestamp":"2025-04-01T10:20:30.5Z","list":[1,2.5,null,true,{"x":"]] .. ("\\u00e9"):rep(300) ..
  [["}]},"relationships":{"alternativeDistributionPackage":{"data":{"type":"alternativeDistributionPackages",]] ..
  [["id":"package-1"}}}}}]]
local GENERATION_1 = [[{"data":{"type":"AppUnavailable","id":"1","attributes":{"appId":"6740012345",]] ..
  [["territories":["DEU","FRA"]}}}]]
local BROKEN = [[{"data":]]

local function keyring()
  return assert(core.keyring("one secret", "another secret"))
end

return {
  { covers = { "core.parse" },
    run = function()
      local one, two = core.parse(BODY), core.parse(GENERATION_1)
      local _, message, code, detail = core.parse(BROKEN)
      return one and setmetatable(one, nil), two and setmetatable(two, nil), message, code, detail
    end },
  { covers = { "core.part", "core.notification" },
    run = function()
      return core.part(BODY, "attributes"), core.part(BODY, "relationships"), type(core.notification)
    end },
  { covers = { "core.decode_json", "core.without_null" },
    run = function()
      local lists = {}
      local value, other = core.decode_json(BODY, lists), core.decode_json(GENERATION_1, lists)
      local nothing, message = core.decode_json(BROKEN, lists)
      local is_list = getmetatable(other.data.attributes.territories) == lists
      return core.without_null(value), is_list, nothing, message
    end },
  { covers = { "core.parse_time", "core.format_time" },
    run = function()
      return core.parse_time "2025-04-01T10:20:30.5Z", core.parse_time "x", core.format_time(1743502830.5)
    end },
  { covers = { "core.sha256" }, codes = { "crypto_failed" },
    run = function() return core.sha256(BODY) end },
  { covers = { "core.envelope" }, codes = { "crypto_failed" },
    run = function() return core.envelope(BODY) end },
  { covers = { "core.keyring", "keyring:close", "keyring:__len" }, codes = { "crypto_failed", "out_of_memory" },
    run = function()
      local ring, message, code = core.keyring("one secret", "another secret", "a third")
      if not ring then return ring, message, code end
      local count = #ring
      ring:close()
      return count, #ring
    end },
  { covers = { "keyring:sign" }, setup = keyring, codes = { "crypto_failed" },
    run = function(ring) return ring:sign(BODY) end },
  { covers = { "keyring:check" },
    setup = function()
      local ring = keyring()
      return { ring = ring, header = assert(ring:sign(BODY)) }
    end,
    run = function(context) return context.ring:check(context.header), context.ring:check "sha256=" end },
  { covers = { "keyring:verify" }, codes = { "crypto_failed" },
    setup = function()
      local ring = keyring()
      return { ring = ring, header = assert(assert(core.keyring "another secret"):sign(BODY)) }
    end,
    run = function(context)
      local index, message, code = context.ring:verify(BODY, context.header)
      if not index then return index, message, code end
      local _, refused, its_code = context.ring:verify(BODY .. " ", context.header)
      if its_code ~= "signature_mismatch" then return nil, refused, its_code end
      return index, refused
    end },
  { covers = { "keyring:receive" }, codes = { "crypto_failed" },
    setup = function()
      local ring = keyring()
      return { ring = ring, header = assert(ring:sign(BODY)), broken = assert(ring:sign(BROKEN)) }
    end,
    run = function(context)
      local index, record, message, code = context.ring:receive(BODY, context.header)
      if not index then return nil, record, message end
      if not record then return nil, message, code end
      local matched, none, problem, its_code = context.ring:receive(BROKEN, context.broken)
      if not matched then return nil, none, problem end
      return index, record, matched, none, problem, its_code
    end },
}
