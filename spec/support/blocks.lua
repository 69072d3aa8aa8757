--- The blocks of code in a page of Markdown, also those indented in a list, without the indentation.
---@param text string
---@param language string
---@return string[]
return function(text, language)
  local list = {}
  for indent, inner in ("\n" .. text):gmatch("\n([ %d.]*)```" .. language .. "\n(.-)\n%s*```") do
    local lines = {}
    for line in (inner .. "\n"):gmatch "(.-)\n" do
      lines[#lines + 1] = line:gsub("^" .. (" "):rep(#indent), "")
    end
    list[#list + 1] = table.concat(lines, "\n")
  end
  return list
end
