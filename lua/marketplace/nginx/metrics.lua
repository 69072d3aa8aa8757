--- The metrics of all workers, including those that have ended: each regularly adds what it has counted to a
--- lua_shared_dict, and the worker that is asked reports the sums.
local number = require("marketplace.text").number

local shared_metrics = {}

local SharedMetrics = {}
SharedMetrics.__index = SharedMetrics

local SECONDS = 1 -- between two such additions
local VALUE, NAMES = "metrics\0value\0", "metrics\0names"

-- The samples of a text: name and labels, value.
local function samples(text)
  local iterate = text:gmatch "[^\n]+"
  return function()
    for line in iterate do
      local sample, value = line:match "^([^#].*) (%S+)$"
      if sample then return sample, tonumber(value) end
    end
  end
end

-- If two workers write at once, the names of one may be missing until it checks again.
local function add_names(self, text)
  local known = self.dict:get(NAMES) or "\n"
  local missing = {}
  for sample in samples(text) do
    if not known:find("\n" .. sample .. "\n", 1, true) then missing[#missing + 1] = sample .. "\n" end
  end
  if #missing > 0 then self.dict:set(NAMES, known .. table.concat(missing)) end
end

--- Adds what this worker has counted since the last time.
function SharedMetrics:publish()
  local text = self.receiver:counters()
  for sample, value in samples(text) do
    local told = self.told[sample] or 0
    if self.dict:incr(VALUE .. sample, value - told, 0) then self.told[sample] = value end
  end
  add_names(self, text)
end

-- What other workers have counted under this name and this one has not.
local function add_others(self, lines, family, seen)
  for sample in (self.dict:get(NAMES) or ""):gmatch "[^\n]+" do
    if not seen[sample] and sample:match "^[^{]*" == family then
      lines[#lines + 1] = sample .. " " .. number(self.dict:get(VALUE .. sample) or 0)
    end
  end
end

--- The sums as text for Prometheus, and what is known of the inbox.
---@return string
function SharedMetrics:render()
  self:publish()
  local lines, seen, family, is_gauge = {}, {}, nil, false
  for line in (self.receiver:metrics() .. "# HELP"):gmatch "[^\n]+" do
    local name, kind = line:match "^# TYPE (%S+) (%S+)"
    local sample = line:match "^([^#].*) %S+$"
    if line:find("# HELP", 1, true) == 1 and family then add_others(self, lines, family, seen) end
    if name then family, is_gauge = name, kind == "gauge" end
    local sum = sample and not is_gauge and self.dict:get(VALUE .. sample)
    if sample then seen[sample] = true end
    lines[#lines + 1] = sum and sample .. " " .. number(sum) or line
  end
  lines[#lines] = nil
  return table.concat(lines, "\n") .. "\n"
end

--- Keeps the sums up to date; a worker that ends adds its last counts. Call it in init_worker_by_lua.
function SharedMetrics:start()
  assert(ngx.timer.every(SECONDS, function() self:publish() end))
end

---@param receiver table
---@param dict table of ngx.shared
function shared_metrics.new(receiver, dict)
  return setmetatable({ receiver = receiver, dict = dict, told = {} }, SharedMetrics)
end

return shared_metrics
