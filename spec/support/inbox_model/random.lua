--- Random numbers that a seed repeats on every Lua: Park and Miller's generator.
local random = {}

local MODULUS = 2147483647

local Random = {}
Random.__index = Random

--- A whole number from 1 to `most`.
function Random:below(most)
  self.state = self.state * 16807 % MODULUS
  return math.floor(self.state / MODULUS * most) + 1
end

function Random:chance(percent) return self:below(100) <= percent end

function Random:pick(list) return list[self:below(#list)] end

function random.new(seed)
  local self = setmetatable({ state = seed % (MODULUS - 1) + 1 }, Random)
  for _ = 1, 10 do self:below(1) end -- the first ones of seeds that are close are close
  return self
end

return random
