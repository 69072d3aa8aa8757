--- A locale whose decimal point is a comma, as far as numbers are written with %g: machines that run specs need not
--- have one.
local comma = {}

--- Runs use() in it; gives what that gives.
function comma.run(use)
  local format = string.format
  rawset(string, "format", function(pattern, ...)
    local made = format(pattern, ...)
    if pattern:find "%%[.%d]*g" then made = made:gsub("%.", ",") end
    return made
  end)
  local ok, result = pcall(use)
  rawset(string, "format", format)
  return ok and result or error(result, 0)
end

return comma
