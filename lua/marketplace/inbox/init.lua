--- The contract of an inbox: what stands between an acknowledged notification and its callback.
---
---     verified -> put (ready) -> 200 -> claim (leased) -> finish: done | ready again at a time | dead
---
--- Every method takes the time as seconds since the epoch, so that a test can say what time it is. What can fail
--- returns nil, message, "inbox_unavailable": nothing was changed then, or it is not known whether it was.
---
--- A record is {key, digest, type, event, app_id, time, body, reason, verified_by}: `key` is the notification's id (or,
--- without one, its digest), `digest` the body's SHA-256 in hex; a record with a `reason` could not be read and is kept
--- as dead; `verified_by` is the fingerprint of the secret that signed it (marketplace.signature), nil where it did not
--- come with a signature. A digest that begins with "unsigned:" (marketplace.inbox.record) is of such a body: under one
--- key it and any other body are the same. The first one that is signed takes its place: its digest and verified_by,
--- and its body where one is kept; not while it is leased, as what runs then is what was not signed. A later duplicate
--- changes nothing. The inbox may keep the tables of records and change them.
---
--- An entry is a record in the inbox; its `identity` is the key, and for a further body under the same key the key, "#"
--- and the digest. Notifications of one app form a lane, of which only the first can be claimed.
---
---   inbox:put(records, now)       -> a list of outcomes: "stored", "duplicate" (same key and digest), "conflict"
---                                    (same key, other digest: stored too), "rearmed" (a signed duplicate of a dead
---                                    one, which is ready again). All are stored when it returns, or none.
---   inbox:claim(limit, now, lease) -> a list of at most `limit` leased entries {identity, key, token, attempt, body,
---                                    type, event, app_id, received_at}, the caller's to change, held for `lease`
---                                    seconds. At most one of an app at a time, oldest first; the attempt is
---                                    counted here. One whose lease ended comes alone: it may be what ended its
---                                    process.
---   inbox:finish(items, now)      -> a list of booleans: false where the lease had passed to another. An item is
---                                    {identity, token, state, at, reason, uncounted, scope}: state "done" (drops the
---                                    body, keeps the key and the scope), "ready" (again at `at`; `uncounted`: the
---                                    attempt does not count) or "dead".
---   inbox:extend(items, now, lease) -> a list of booleans, as finish
---   inbox:counts()                -> {ready=, leased=, done=, dead=}
---   inbox:backlog()               -> {ready=, leased=, dead=, oldest_at=}, which is quick however many are done;
---                                    oldest_at: when the oldest was received that is neither done nor dead
---   inbox:next_at()               -> when something can be claimed next (now, or a time ago, if something can now);
---                                    nil when nothing waits
---   inbox:later(app_id, time)     -> entries of an app whose event's time is later, with `scope` or `body`
---   inbox:list(filter)            -> entries without bodies, oldest first; filter {key, state, app_id, type, event,
---                                    verified_by, received_before, received_since, limit}, nil for all; `key` is a
---                                    key or an identity
---   inbox:get(identity)           -> the entry with its body, or nil
---   inbox:replay(filter, now)     -> how many dead ones that the filter finds are ready again, from attempt 0, in
---                                    their old place, but behind the one that leads its app's now
---   inbox:prune(done_before)      -> how many done ones, done before that time, were forgotten
---   inbox:id()                    -> the inbox's own name, a random UUID that was made with it: another inbox, and one
---                                    that was lost and made anew, has another
---   inbox:close()
---   inbox.durable                 -> true where what it holds outlives the process
local runtime = require "marketplace.runtime"
local options = require "marketplace.options"
local url = require "marketplace.inbox.url"

local inbox = {}

--- The contract above, as an editor reads it.
---@class marketplace.Inbox
---@field durable? boolean true where what it holds outlives the process
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

--- Opens the inbox that a URL names. Not inside nginx, except for "memory": marketplace.nginx.inbox has those that do
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
