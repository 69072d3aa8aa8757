-- Random operations on each inbox, which must give what a simple model gives. `make model` runs many.
local engines = require "support.inbox_model.engines"
local walk = require "support.inbox_model.walk"

local NAMES = os.getenv "MODEL_ENGINES" or "memory sqlite slices postgres redis"
local OPERATIONS = tonumber(os.getenv "MODEL_OPERATIONS") or 2 * walk.ROUND
local SEED = tonumber(os.getenv "MODEL_SEED") or os.time() % 1000000 * 1000

local TAGS = { memory = "", sqlite = "", slices = "", postgres = " #full", redis = " #full" }

for name in NAMES:gmatch "%a+" do
  describe("the inbox in " .. name .. TAGS[name], function()
    local engine = engines[name]

    setup(engine.start)
    teardown(engine.stop)

    it(("is as the model after %d operations, SEED=%d"):format(OPERATIONS, SEED), function()
      io.write(("%s: %d operations, SEED=%d\n"):format(name, OPERATIONS, SEED))
      local problem = walk.run(engine, SEED, OPERATIONS)
      assert(not problem, problem)
    end)
  end)
end
