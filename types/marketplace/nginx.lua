---@meta marketplace.nginx
-- Written by `make docs` from the comments in the source: change them there.

---@class marketplace.nginx
local nginx = {}

---@class marketplace.nginx.init.Options
---@field dict? string
---@field dispatch? boolean
---@field handlers string|function
---@field inbox string|table
---@field lease? number
---@field max_body? number
---@field retry? table
---@field secret_file? string
---@field secrets? string|table

--- Prepares the one receiver of this nginx: in init_by_lua. Raises what is wrong, so that nginx does not start, or at a
--- reload keeps what it has; secrets and handlers are read anew then.
---@param given marketplace.nginx.init.Options
--- handlers: required, path of a handlers file, or function(receiver); secret_file: path, one secret a line; or
--- secrets: string or list of up to 8; inbox: required, "redis:...", "sqlite:PATH", or "memory" for trying out, see
--- marketplace.nginx.inbox, or an inbox whose methods do not block;
--- dict: name of a lua_shared_dict in which the metrics of all workers are summed up;
--- dispatch: run the callbacks in nginx too, default false: `marketplace work` does;
--- max_body: bytes, default 1048576; lease, retry: see marketplace.dispatcher.
--- Relative paths begin at nginx's prefix.
function nginx.init(given) end

--- Starts the callbacks, and logs it if the inbox cannot be reached: in init_worker_by_lua.
function nginx.init_worker() end

--- Answers the current request: in content_by_lua. What it answers is the README's table; a body that is larger than
--- client_max_body_size, or does not come within client_body_timeout, nginx answers itself.
function nginx.handle() end

--- Answers GET with the metrics for Prometheus, of all workers where init was given a `dict`, else of one: in
--- content_by_lua, on a port that is not public.
function nginx.metrics() end

--- Answers GET with 200, or 503 while the worker ends: in content_by_lua.
function nginx.health() end

return nginx
