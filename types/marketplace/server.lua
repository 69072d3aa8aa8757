---@meta marketplace.server
-- Written by `make docs` from the comments in the source: change them there.

---@class marketplace.server
local server = {}

---@class marketplace.server.open.Options
---@field body_timeout? number
---@field dispatch? boolean
---@field header_timeout? number
---@field host? string
---@field idle_timeout? number
---@field log function
---@field max_body? number
---@field max_connections? number
---@field metrics_host? string
---@field metrics_port? number
---@field path? string
---@field port? number
---@field receiver table
---@field reload? function
---@field stop_seconds? number
---@field tls_cert? string
---@field tls_key? string

--- Listens.
---@param given marketplace.server.open.Options
--- receiver: required; log: function(entry), required, see marketplace.log;
--- host: default "127.0.0.1"; port: default 0, the system chooses; path: default "/notifications";
--- tls_cert, tls_key: PEM text; max_body: bytes, default the receiver's; max_connections: default 512;
--- header_timeout, body_timeout, idle_timeout: seconds, default 10, 30, 60;
--- metrics_port: where GET /metrics is answered, on metrics_host, default "127.0.0.1"; without a port nowhere;
--- dispatch: false: only receive; reload: function, called after SIGHUP;
--- stop_seconds: the longest graceful stop, default 10
---@return marketplace.Server|nil server
---@return string? message
---@return string? code listen_failed, tls_failed, out_of_memory
function server.open(given) end

return server
