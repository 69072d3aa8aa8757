--- Reads the text that Prometheus scrapes (exposition format 0.0.4), and raises, with the line, for what its
--- specification does not allow or `promtool check metrics` complains of.
local exposition = {}

local TYPES = { counter = true, gauge = true, histogram = true }
local NAME, LABEL = "^[%a_:][%w_:]*$", "^[%a_][%w_]*$"
local UNESCAPED = { ["\\\\"] = "\\", ['\\"'] = '"', ["\\n"] = "\n" }
local SUFFIXES = { "_bucket", "_sum", "_count" }

local function unescape(written)
  local rest = written:gsub('\\[\\"n]', "")
  assert(not rest:find("[\\\"]"), "a wrong escape in a label's value")
  return (written:gsub('\\[\\"n]', UNESCAPED))
end

-- The labels between the braces, by name.
local function read_labels(text)
  local labels, at = {}, 1
  while at <= #text do
    local name, value_at = text:match('^([^=]*)="()', at)
    assert(name and name:find(LABEL) and labels[name] == nil, "a wrong label")
    local last = value_at
    while text:sub(last, last) ~= '"' do
      assert(last <= #text, "a label's value has no end")
      last = last + (text:sub(last, last) == "\\" and 2 or 1)
    end
    labels[name], at = unescape(text:sub(value_at, last - 1)), last + 1
    if at <= #text then
      assert(text:sub(at, at) == "," and at < #text, "labels without a comma between them")
      at = at + 1
    end
  end
  return labels
end

local function read_value(text)
  if text == "+Inf" then return math.huge end
  assert(text:find "^%-?%d+%.?%d*[eE]?[-+]?%d*$", "a wrong value: " .. text)
  return assert(tonumber(text), "a wrong value: " .. text)
end

local function read_sample(line)
  local name, written, value = line:match "^([^{ ]+){(.*)} (%S+)$"
  if not name then name, value = line:match "^([^{ ]+) (%S+)$" end
  assert(name and name:find(NAME), "not a sample")
  return { name = name, labels = read_labels(written or ""), value = read_value(value) }
end

local function belongs(name, family)
  if family.type ~= "histogram" then return name == family.name end
  for _, suffix in ipairs(SUFFIXES) do
    if name == family.name .. suffix then return true end
  end
  return false
end

-- What identifies a series: its name and labels, whatever their order.
local function series_of(sample)
  local words = {}
  for name, value in pairs(sample.labels) do words[#words + 1] = ("%s=%q"):format(name, value) end
  table.sort(words)
  return sample.name .. "{" .. table.concat(words, ",") .. "}"
end

local function check_histogram(family)
  local last_bound, last_count, count, sum
  for _, sample in ipairs(family.samples) do
    if sample.name == family.name .. "_bucket" then
      local bound = assert(sample.labels.le, "a bucket without le")
      bound = read_value(bound)
      assert(not last_bound or bound > last_bound, "buckets that do not ascend")
      assert(not last_count or sample.value >= last_count, "buckets that are not cumulative")
      last_bound, last_count = bound, sample.value
    elseif sample.name == family.name .. "_count" then
      count = sample.value
    else
      sum = sample.value
    end
  end
  assert(last_bound == math.huge, "no bucket +Inf at the end")
  assert(count == last_count, "the count is not that of the bucket +Inf")
  assert(sum, "no sum")
end

local function check_family(family)
  assert(family.type, "no type: " .. family.name)
  assert(#family.samples > 0, "no sample: " .. family.name)
  assert((family.type == "counter") == (family.name:find "_total$" ~= nil), "a counter's name ends with _total")
  if family.type == "histogram" then check_histogram(family) end
  if family.type == "counter" then
    for _, sample in ipairs(family.samples) do assert(sample.value >= 0, "a counter below 0") end
  end
end

local function read_help(state, line)
  local name, help = line:match "^# HELP (%S+) (.+)$"
  assert(name and name:find(NAME), "a wrong HELP")
  assert(not state.by_name[name], "a second HELP of " .. name)
  local rest = help:gsub("\\[\\n]", "")
  assert(not rest:find "\\", "a wrong escape in a HELP")
  if state.family then check_family(state.family) end
  state.family = { name = name, help = help, samples = {} }
  state.by_name[name] = state.family
  state.list[#state.list + 1] = state.family
end

local function read_type(state, line)
  local name, kind = line:match "^# TYPE (%S+) (%S+)$"
  assert(state.family and name == state.family.name, "a TYPE that does not follow its HELP")
  assert(TYPES[kind] and not state.family.type and #state.family.samples == 0, "a wrong TYPE")
  state.family.type = kind
end

local function add_sample(state, line)
  local sample = read_sample(line)
  local family, series = state.family, series_of(sample)
  assert(family and family.type and belongs(sample.name, family), "a sample outside of its family")
  assert(not state.series[series], "a series that comes twice")
  state.series[series] = sample
  family.samples[#family.samples + 1] = sample
end

local function read_line(state, line)
  if line:find "^# HELP " then return read_help(state, line) end
  if line:find "^# TYPE " then return read_type(state, line) end
  return add_sample(state, line)
end

--- Reads a whole text.
---@param text string
---@return table read families, in order, each {name=, type=, help=, samples=}; value(series): of a series as
--- `name{label="value"}` with its labels in alphabetical order, nil if there is none
function exposition.read(text)
  assert(text:sub(-1) == "\n", "the last line does not end")
  local state = { list = {}, by_name = {}, series = {} }
  for line in text:gmatch "([^\n]*)\n" do
    local ok, problem = pcall(read_line, state, line)
    if not ok then error(("%s: %s"):format(problem, line), 2) end
  end
  if state.family then check_family(state.family) end
  return {
    families = state.list,
    value = function(series)
      local sample = state.series[series_of(read_sample(series .. " 0"))]
      return sample and sample.value
    end,
  }
end

return exposition
