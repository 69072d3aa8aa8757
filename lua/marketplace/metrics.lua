--- Counters and histograms, and their text for Prometheus (exposition format 0.0.4).
local text = require "marketplace.text"

local metrics = {}

local Histogram = {}
Histogram.__index = Histogram

--- Counts one value.
function Histogram:observe(value)
  local bounds, place = self.bounds, 1
  while bounds[place] and value > bounds[place] do place = place + 1 end
  self.counts[place] = self.counts[place] + 1
  self.sum = self.sum + value
end

--- A histogram with these upper bounds, ascending.
---@param bounds number[]
---@return table
function metrics.histogram(bounds)
  local counts = {}
  for place = 1, #bounds + 1 do counts[place] = 0 end
  return setmetatable({ bounds = bounds, counts = counts, sum = 0 }, Histogram)
end

-- The bound in its shortest form, whatever the locale.
local function bound(value)
  return (("%g"):format(value):gsub(",", "."))
end

local function head(lines, name, kind, help)
  lines[#lines + 1] = ("# HELP %s %s\n# TYPE %s %s"):format(name, help, name, kind)
end

local ESCAPES = { ["\\"] = "\\\\", ['"'] = '\\"', ["\n"] = "\\n" }

local function labelled(name, labels)
  local words = {}
  for i = 1, #labels, 2 do
    words[#words + 1] = ('%s="%s"'):format(labels[i], (labels[i + 1]:gsub('[\\"\n]', ESCAPES)))
  end
  return #words > 0 and name .. "{" .. table.concat(words, ",") .. "}" or name
end

--- Adds a metric with one value for each set of labels.
---@param lines string[] added to
---@param kind "counter"|"gauge"
---@param values table[] each { value, label name, label value, ... }
function metrics.add(lines, name, kind, help, values)
  head(lines, name, kind, help)
  for _, one in ipairs(values) do
    local labels = {}
    for i = 2, #one do labels[#labels + 1] = one[i] end
    lines[#lines + 1] = labelled(name, labels) .. " " .. text.number(one[1])
  end
end

--- Counts answers for `add_answers`.
---@param counted table<string, integer> added to
---@param asked string what was asked for
---@param status integer
---@param count integer how many
function metrics.count_answers(counted, asked, status, count)
  local key = ("%s %d"):format(asked, status)
  counted[key] = (counted[key] or 0) + count
end

--- Adds a counter of answers, by what was asked for and by status.
---@param lines string[] added to
---@param label string how what was asked for is called
---@param counted table<string, integer> of `count_answers`: by what was asked for and the status, as in "updates 200"
function metrics.add_answers(lines, name, help, label, counted)
  local keys, values = {}, {}
  for key in pairs(counted) do keys[#keys + 1] = key end
  table.sort(keys)
  for i, key in ipairs(keys) do
    local asked, status = key:match "^(.*) (%d+)$"
    values[i] = { counted[key], label, asked, "status", status }
  end
  metrics.add(lines, name, "counter", help, values)
end

--- Adds a histogram.
function metrics.add_histogram(lines, name, help, histogram)
  head(lines, name, "histogram", help)
  local total = 0
  for place, count in ipairs(histogram.counts) do
    total = total + count
    local le = histogram.bounds[place]
    lines[#lines + 1] = ('%s_bucket{le="%s"} %d'):format(name, le and bound(le) or "+Inf", total)
  end
  lines[#lines + 1] = ("%s_sum %s\n%s_count %d"):format(name, text.number(histogram.sum), name, total)
end

--- The whole text.
---@param lines string[]
---@return string
function metrics.text(lines)
  return table.concat(lines, "\n") .. "\n"
end

return metrics
