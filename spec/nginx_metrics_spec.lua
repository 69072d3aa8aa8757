-- How marketplace.nginx.metrics sums up the counts of several workers, with an imitated dictionary.
local imitated_nginx = require "support.imitated_nginx"
local shared_metrics = require "marketplace.nginx.metrics"

describe("marketplace.nginx.metrics", function()
  local nginx, dict

  before_each(function()
    nginx, dict = imitated_nginx.install(), { values = {}, writes = 0 }
    function dict:get(key) return self.values[key] end
    function dict:set(key, value)
      self.values[key], self.writes = value, self.writes + 1
      return true
    end
    function dict:incr(key, value, initial)
      if self.is_full then return nil, "no memory" end
      self.values[key] = (self.values[key] or initial) + value
      return self.values[key]
    end
  end)

  after_each(function() nginx:remove() end)

  local HEADS = {
    requests = "# HELP requests Requests.\n# TYPE requests counter\n",
    runs = "# HELP runs Runs.\n# TYPE runs counter\n",
    waiting = "# HELP waiting Waiting.\n# TYPE waiting gauge\n",
  }

  -- A worker with these counts, which the specs can change: `requests` and `runs`, texts of samples.
  local function worker(requests, runs)
    local counts = { requests = requests, runs = runs or "" }
    local receiver = {
      counters = function() return HEADS.requests .. counts.requests .. HEADS.runs .. counts.runs end,
      metrics = function()
        return HEADS.requests .. counts.requests .. HEADS.runs .. counts.runs .. HEADS.waiting .. "waiting 5\n"
      end,
    }
    return shared_metrics.new(receiver, dict), counts
  end

  local function text(requests, runs)
    return HEADS.requests .. requests .. HEADS.runs .. (runs or "") .. HEADS.waiting .. "waiting 5\n"
  end

  it("tells the sums of all workers, and of the inbox what it is asked itself", function()
    local one = worker 'requests{outcome="stored"} 3\nrequests{outcome="refused"} 1\n'
    local other = worker 'requests{outcome="stored"} 4\nrequests{outcome="refused"} 0\n'
    one:publish()
    local sums = text 'requests{outcome="stored"} 7\nrequests{outcome="refused"} 1\n'
    assert.equal(sums, other:render())
    assert.equal(sums, other:render())
    assert.equal(sums, one:render())
  end)

  it("adds what was counted since the last time", function()
    local one, counts = worker "requests 3\n"
    local other = worker "requests 0.5\n"
    one:publish()
    one:publish()
    counts.requests = "requests 5\n"
    assert.equal(text "requests 5\n", one:render())
    assert.equal(text "requests 5.5\n", other:render())
  end)

  it("tells what only others have counted, with the others of its name", function()
    local one = worker('requests{secret="a"} 3\n', 'runs{outcome="done"} 2\n')
    local other = worker('requests{secret="b"} 4\n', "")
    one:publish()
    assert.equal(text('requests{secret="b"} 4\nrequests{secret="a"} 3\n', 'runs{outcome="done"} 2\n'), other:render())
  end)

  it("does not take a name for another that begins with it", function()
    HEADS.requests_total = "# HELP requests_total All.\n# TYPE requests_total counter\n"
    local one = worker("requests 1\n", HEADS.requests_total .. "requests_total 9\n")
    local other = worker "requests 2\n"
    one:publish()
    assert.equal(text "requests 3\n", other:render())
  end)

  it("writes the names only when there are new ones", function()
    local one, counts = worker "requests 1\n"
    one:publish()
    one:publish()
    assert.equal(1, dict.writes)
    counts.runs = "runs 1\n"
    one:publish()
    assert.equal(2, dict.writes)
    assert.equal(text("requests 1\n", "runs 1\n"), (worker "requests 0\n"):render())
  end)

  it("tells its own count, once, and adds it later, if the dictionary has no room for it", function()
    local one, counts = worker "requests 3\n"
    dict.is_full = true
    one:publish()
    assert.equal(text "requests 3\n", one:render())
    dict.is_full = false
    counts.requests = "requests 4\n"
    assert.equal(text "requests 4\n", one:render())
  end)

  it("takes what the dictionary no longer holds as nothing", function()
    local one = worker 'requests{secret="a"} 3\n'
    local other = worker 'requests{secret="b"} 4\n'
    one:publish()
    for key in pairs(dict.values) do
      if key:find('"a"', 1, true) and key:find "value" then dict.values[key] = nil end
    end
    assert.equal(text 'requests{secret="b"} 4\nrequests{secret="a"} 0\n', other:render())
  end)

  it("adds each second, and when the worker ends", function()
    local one, counts = worker "requests 1\n"
    local other = worker "requests 0\n"
    one:start()
    nginx:advance(0.9)
    assert.equal(text "requests 0\n", other:render())
    nginx:advance(0.2)
    assert.equal(text "requests 1\n", other:render())
    counts.requests = "requests 2\n"
    nginx:exit()
    assert.equal(text "requests 2\n", other:render())
  end)

  it("refuses to start if nginx cannot create a timer", function()
    nginx.refuses_timers = true
    assert.has_error(function() worker("requests 1\n"):start() end, "too many pending timers")
  end)
end)
