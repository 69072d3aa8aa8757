---@meta marketplace.inbox
-- Written by `make docs` from the comments in the source: change them there.

---@class marketplace.inbox
local inbox = {}

--- Opens the inbox that a URL names. Not inside nginx, except for "memory": marketplace.nginx.inbox has those that do
--- not block.
---@param text string see marketplace.inbox.url: "memory", "sqlite:PATH", "postgres://USER@HOST:PORT/DBNAME",
--- "redis://HOST:PORT/DB?prefix=NAME", "redis+unix:/PATH"
---@param settings? {must_exist?: boolean, clock?: fun(): number, durability?: "strict"|"relaxed"} must_exist: do not
--- make a new SQLite file; clock, durability: see marketplace.inbox.postgres and marketplace.inbox.redis
---@return marketplace.Inbox|nil inbox
---@return string? message
---@return string? code inbox_unavailable
function inbox.open(text, settings) end

return inbox
