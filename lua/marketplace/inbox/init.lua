--- The contract of an inbox, which keeps each acknowledged notification until its callback has succeeded.
---
---     verified -> put (ready) -> 200 -> claim (leased) -> finish: done | ready again at a time | dead
---
--- Times are seconds since the epoch. Methods take the current one as `now`, so that a test can say what time it is. If
--- an inbox cannot do what it was asked, it returns nil, message, "inbox_unavailable": either nothing was changed, or
--- it is not known whether it was. A closed inbox returns that too. marketplace.inbox.fields lists all fields.
---
--- A *record* describes a notification that was received. `key` is the notification's id or, if it has none, the
--- digest; `digest` is the body's SHA-256 in hex. A record with a `reason` could not be read, and is kept as dead.
--- `verified_by` is the fingerprint of the secret that signed it (marketplace.signature), nil if it came without a
--- signature. The inbox may keep the tables of records and change them.
---
--- An *entry* is a record in the inbox. Its `identity` is its key; another body under the same key has the key, "#" and
--- its digest. The entries of one app form a *lane*, in the order in which they were stored. Only the one that leads
--- the lane can be claimed.
---
--- A digest that begins with "unsigned:" (marketplace.inbox.record) belongs to a body that came without a signature.
--- Such a body counts as the same as any other body under its key. The first signed one replaces it (digest,
--- verified_by, and the body if one is kept), unless it is leased: what runs then is what was not signed. Later
--- duplicates change nothing.
---
---   inbox:put(records, now)       -> a list of outcomes: "stored", "duplicate" (same key and digest), "conflict"
---                                    (same key, other digest: stored too), "rearmed" (a signed duplicate of a dead
---                                    one, which is ready again). Either all are stored when it returns, or none.
---   inbox:claim(limit, now, lease) -> a list of at most `limit` and at most 1000 leased entries, the caller's to
---                                    change, held for `lease` seconds: one of each lane, those that have been due the
---                                    longest, in the order in which they were stored. The attempt is counted here. An
---                                    entry whose lease ended comes alone: it may be what ended its process.
---   inbox:finish(items, now)      -> a list of booleans: false if the lease had passed to another. An item names the
---                                    entry, its token and the new state: "done" (drops the body and the reason, keeps
---                                    the key and the scope), "ready" (again at `at`; `uncounted`: the attempt does
---                                    not count) or "dead"; and the reason of "ready" and "dead".
---   inbox:extend(items, now, lease) -> a list of booleans, as finish
---   inbox:counts()                -> {ready=, leased=, done=, dead=}
---   inbox:backlog()               -> {ready=, leased=, dead=, oldest_at=}; fast even if many are done. oldest_at: when
---                                    the oldest of the ready and leased ones was received
---   inbox:next_at()               -> when the next entry can be claimed (now or earlier if one can be claimed now);
---                                    nil if none is ready or leased
---   inbox:later(app_id, time)     -> the entries of an app whose event's time is later, with `scope` or `body`
---   inbox:list(filter)            -> entries without bodies, in the order in which they were stored. A filter names
---                                    the values that fields must have, received_before, received_since, and a limit;
---                                    `key` is a key or an identity. nil: all
---   inbox:get(identity)           -> the entry with its body, or nil
---   inbox:replay(filter, now)     -> how many of the dead ones that the filter selects are ready again, with no
---                                    attempt counted, in their old place, but behind the one that leads the lane
---   inbox:prune(done_before)      -> how many were deleted, of those done before that time
---   inbox:id()                    -> the inbox's own id, a random UUID that was made with it: another inbox has
---                                    another one, and so has one that was lost and made anew
---   inbox:close()
---   inbox.durable                 -> true if what it holds outlives the process
local options = require "marketplace.options"
local runtime = require "marketplace.runtime"
local url = require "marketplace.inbox.url"

local inbox = {}

--- The contract above, as an editor reads it.
---@class marketplace.Inbox
---@field durable? boolean true if what it holds outlives the process
---@field put fun(self, records: table[], now: number): string[]|nil, string?, string?
---@field claim fun(self, limit: integer, now: number, lease: number): table[]|nil, string?, string?
---@field finish fun(self, items: table[], now: number): boolean[]|nil, string?, string?
---@field extend fun(self, items: table[], now: number, lease: number): boolean[]|nil, string?, string?
---@field counts fun(self): {ready: integer, leased: integer, done: integer, dead: integer}|nil, string?, string?
---@field backlog fun(self): {ready: integer, leased: integer, dead: integer, oldest_at?: number}|nil, string?, string?
---@field next_at fun(self): number|nil, string?, string?
---@field later fun(self, app_id: string, time: number): table[]|nil, string?, string?
---@field list fun(self, filter?: table): table[]|nil, string?, string?
---@field get fun(self, identity: string): table|nil, string?, string?
---@field replay fun(self, filter: table, now: number): integer|nil, string?, string?
---@field prune fun(self, done_before: number): integer|nil, string?, string?
---@field id fun(self): string|nil, string?, string?
---@field close fun(self)

---@class marketplace.InboxOptions
---@field must_exist? boolean do not make a new SQLite file, default false
---@field clock? false|fun(): number of PostgreSQL and Redis, see marketplace.RedisInboxOptions
---@field durability? "strict"|"relaxed" likewise
local OPTIONS = { must_exist = "boolean", clock = "function|boolean", durability = "string" }

local function unavailable(message)
  return nil, message, "inbox_unavailable"
end

--- Opens the inbox that a URL names. Inside nginx it opens only "memory"; marketplace.nginx.inbox has inboxes that do
--- not block.
---@param text string see marketplace.inbox.url: "memory", "sqlite:PATH", "postgres://USER@HOST:PORT/DBNAME",
--- "redis://HOST:PORT/DB?prefix=NAME", "redis+unix:/PATH"
---@param settings? marketplace.InboxOptions
---@return marketplace.Inbox|nil inbox
---@return string? message
---@return string? code inbox_unavailable
function inbox.open(text, settings)
  if type(text) ~= "string" then error("marketplace.inbox: the URL must be a string, not a " .. type(text), 2) end
  options.check("marketplace.inbox", settings or {}, OPTIONS)
  local parsed, message = url.parse(text)
  if not parsed then return unavailable(message) end
  if parsed.kind ~= "memory" and runtime.yielding_sleep then
    return unavailable(("the inbox '%s' would hold up all requests of an nginx worker: give its URL to " ..
      "marketplace.nginx's init, or open it with marketplace.nginx.inbox"):format(parsed.kind))
  end
  return require("marketplace.inbox." .. parsed.kind).open(parsed, settings)
end

return inbox
