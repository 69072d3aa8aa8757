-- write.lua table LINES: prints the table of these lines of results.
-- write.lua figures RESULTS.md README.md: writes the README's figures anew.
package.path = "bench/?.lua;" .. package.path
local results = require "results"

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  return text
end

local writers = {}

function writers.table(lines)
  io.write(results.to_table(io.lines(lines)))
end

function writers.figures(results_path, readme_path)
  local readme = results.with_figures(read(readme_path), results.to_figures(read(results_path)))
  local file = assert(io.open(readme_path, "w"))
  assert(file:write(readme))
  assert(file:close())
end

writers[arg[1]](arg[2], arg[3])
