-- The example's callbacks, and one that fails: the catalogue of one app is away until there is a file.
local APP, CATALOGUE = os.getenv "DEMO_APP", os.getenv "DEMO_CATALOGUE"

local add_example = dofile "examples/marketplace.lua"

local function write_into_catalogue()
  local file = io.open(CATALOGUE)
  if not file then
    print("app " .. APP .. ": the catalogue does not answer")
    return nil, "the catalogue does not answer"
  end
  file:close()
  return true
end

return function(receiver)
  receiver:on("version_available", function(n)
    if n.app_id == APP then return write_into_catalogue() end
  end)
  add_example(receiver)
end
