--- Calls that block, in a thread of nginx's, while the worker goes on.
---
--- nginx copies arguments and results: plain values and tables only. It may end a thread's Lua state at any time.
local core = require "marketplace.core"
local line = require "marketplace.nginx.line"

local threads = {}

local POOL = "marketplace"
local BUSY_SECONDS = 5      -- to wait for a free thread
local PAUSE_SECONDS = 0.005
local MOST_SECONDS = 60     -- for which a thread may keep an ending worker alive
local TURN_SECONDS = 10     -- after which a request that was in a thread is taken to have been ended

-- Fewer at once than the four threads that the guide recommends, so that one is left for what Apple sends, whatever is
-- asked of the packages; and than nginx has Lua states for threads (lua_worker_thread_vm_pool_size).
local requests = line.new { most = 3, most_waiting = 512, seconds = BUSY_SECONDS, turn_seconds = TURN_SECONDS }

--- Whether this nginx can run Lua in threads.
---@return boolean
function threads.are_there()
  return ngx.run_worker_thread ~= nil and ngx.config.nginx_configure():find("--with-threads", 1, true) ~= nil
end

-- An ending worker waits only for timers: without one it would end while a thread is in a call, which may be half done.
local function keep_worker()
  ngx.sleep(MOST_SECONDS)
end

local function call_once(pool, module, ...)
  local kept = ngx.thread.spawn(keep_worker)
  local ok, answer = ngx.run_worker_thread(pool, module, "call", ...)
  ngx.thread.kill(kept)
  return ok, answer
end

local function explain(pool, problem)
  problem = tostring(problem)
  if problem:find "thread.pool.*not found" then
    return ("nginx has no thread pool '%s': write thread_pool %s threads=4; at the top of its configuration"):format(
      pool, pool)
  end
  return problem
end

--- Calls the function `call` of a module in a thread.
---@param pool string|nil a thread_pool of nginx's configuration, default "marketplace"
---@param module string
---@return any answer nil if it was not called, or raised
---@return string? problem
function threads.call(pool, module, ...)
  local give_up_at = core.monotonic() + BUSY_SECONDS
  pool = pool or POOL
  repeat
    local ok, answer = call_once(pool, module, ...)
    if ok then return answer end
    if answer ~= "no available Lua vm" then return nil, explain(pool, answer) end
    ngx.sleep(PAUSE_SECONDS)
  until core.monotonic() >= give_up_at
  return nil, "all of its threads are busy"
end

--- Calls the function `call` of a module in a thread, as `call` does; but if it is a request that calls, in its turn:
--- what callbacks do, and inboxes, comes before that.
---@param module string
---@return any answer
---@return string? problem
function threads.call_in_turn(module, ...)
  if ngx.get_phase() == "timer" then return threads.call(nil, module, ...) end
  local turn = requests:enter()
  if not turn then return nil, "too many requests wait for its threads" end
  local ok, answer, problem = pcall(threads.call, nil, module, ...)
  requests:leave(turn)
  if not ok then error(answer, 0) end
  return answer, problem
end

return threads
