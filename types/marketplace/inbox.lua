---@meta marketplace.inbox
-- Written by `make docs` from the comments in the source: change them there.

---@class marketplace.inbox
local inbox = {}

--- Opens the inbox that a word names. Not inside nginx, but for "memory": there marketplace.nginx.inbox has those that
--- do not block.
---@param word string "memory", "sqlite:PATH", "postgres:" and libpq's words, or "redis:" and words like host=, port=,
--- path=, db=, user=, prefix=
---@param settings? {must_exist?: boolean, clock?: fun(): number, durability?: "strict"|"relaxed"} must_exist: do not
--- make a new SQLite file; clock, durability: see marketplace.inbox.postgres and marketplace.inbox.redis
---@return marketplace.Inbox|nil inbox
---@return string? message
---@return string? code inbox_unavailable
function inbox.open(word, settings) end

return inbox
