--- The rocks that marketplace.packages needs: the main one does without them.
local rocks = {}

local ROCK_OF = {
  ["marketplace.package_io"] = "lua-marketplace-packages", ["marketplace.sqlite"] = "lua-marketplace-sqlite",
}

--- What is missing, and how to get it.
---@return string?
function rocks.problem()
  for name, rock in pairs(ROCK_OF) do
    local found = pcall(require, name)
    if not found then return ("marketplace.packages needs %s: luarocks install %s"):format(name, rock) end
  end
end

return rocks
