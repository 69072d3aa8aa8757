-- write.lua table LINES: prints the table of these lines of results.
-- write.lua figures RESULTS.md docs/comparison.md: writes the figures of docs/comparison.md anew.
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

function writers.figures(results_path, page_path)
  local page = results.with_figures(read(page_path), results.to_figures(read(results_path)))
  local file = assert(io.open(page_path, "w"))
  assert(file:write(page))
  assert(file:close())
end

writers[arg[1]](arg[2], arg[3])
