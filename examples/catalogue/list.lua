-- list.lua FILE TERRITORY: prints what may be sold there, an app and a version a line.
local folder = arg[0]:match "^(.*/)" or "./"
local catalogue = dofile(folder .. "catalogue.lua")

local sold = catalogue.open(assert(arg[1], "which file?"))
for _, version in ipairs(sold:sold_in(assert(arg[2], "which territory?"))) do
  print(version.app_id, version.version_id)
end
sold:close()
