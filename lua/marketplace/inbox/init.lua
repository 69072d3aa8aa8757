--- The contract of an inbox, which keeps each acknowledged notification until its callback has succeeded.
---
---     verified -> put (ready) -> 200 -> claim (leased) -> finish: done | ready again after a wait | dead
---
--- If an inbox cannot do what it was asked, it returns nil, message, "inbox_unavailable": either nothing was changed,
--- or it is not known whether it was. A closed inbox returns that too. marketplace.inbox.fields lists all fields.
---
--- Records and entries. A *record* describes a notification that was received. `key` is the notification's id or, if it
--- has none, the digest; `digest` is the body's SHA-256 in hex. A record with a `reason` could not be read, and is kept
--- as dead, "invalid". `verified_by` is the fingerprint of the secret that signed it (marketplace.signature), nil if it
--- came without a signature; `traceparent` is that of the request (W3C Trace Context). The inbox may keep the tables of
--- records and change them. An *entry* is a record in the inbox. Its `id` is its key; another body under the same key
--- has the key, "#" and its digest.
---
--- Order. The entries of one app form a *lane*, in the order in which they were stored; an entry without an app has a
--- lane of its own. The lane's leader is the one that is leased or, if none is, the oldest that is ready, whatever made
--- it ready. Only a leader can be claimed: the others wait behind it.
---
--- Clocks. Times are seconds since the epoch, by the inbox's own clock: of the process (memory, SQLite) or of the
--- server (PostgreSQL, Redis). What was never tried is due at once. A wait remembers when it was set; if that is in the
--- future, the clock was set back meanwhile, and the wait is over. A lease that was set in the future is set anew, so
--- that it ends a whole lease from now at the latest; what was received in the future was received now. What is done
--- counts as done at its event's time, if that is later than now: while the clock is behind, it would seem to be so old
--- that it can be forgotten.
---
--- Dead entries have a code. "failed": its callback failed too often; "cancelled": a callback or an operator gave it
--- up; "invalid": it cannot be read; "too_old": its event is older than what the inbox remembers, so that it may have
--- run before; "no_callback": nothing takes it. Another delivery makes failed ones and those without a callback ready
--- again; `replay` all but invalid ones.
---
--- Retention. A done entry keeps its body until `forget` drops it, and its id until `forget` deletes it. The inbox
--- remembers the latest time before which ids were deleted. A signed record whose event is older than that, or than
--- marketplace.inbox.retention's `ids`, is too old.
---
--- Unsigned bodies. A digest that begins with "unsigned:" (marketplace.inbox.record) belongs to a body that came
--- without a signature. Such a body counts as the same as any other body under its key. The first signed one replaces
--- it (digest, verified_by, and the body if one is kept), unless it is leased: what runs then is what was not signed.
--- Later duplicates change nothing.
---
---   inbox:put(records)            -> a list of outcomes: "stored", "duplicate" (same key and digest), "conflict"
---                                    (same key, other digest: stored too), "rearmed" (a signed duplicate of a dead
---                                    one, which is ready again), "too_old" (stored as dead). If the key is another
---                                    body's, the outcome is "conflict", or has a "#" before it. Either all are stored
---                                    when it returns, or none.
---   inbox:probe()                 -> true if put would store something small now, as durably: it does so, and takes it
---                                    back, so that no other call sees it. What can only be read, and a full disk, fail
---   inbox:recover(waits)          -> how many leases ended without a result. Their entries are ready again, each to be
---                                    claimed alone, as it may be what ended its process: at once the first time, and
---                                    after that once it has waited waits[attempt] seconds (for later attempts the last
---                                    one). If it was claimed with others, it is not known to have been begun, and the
---                                    attempt does not count. Call it before claim. With SQLite a lease also ends when
---                                    its process does.
---   inbox:claim(limit, lease)     -> a list of at most `limit` and at most 1000 leased entries, the caller's to
---                                    change, held for `lease` seconds: one of each lane, those that have been due the
---                                    longest, in the order in which they were stored. The attempt is counted here.
---   inbox:finish(items)           -> a list of booleans: false if the lease was lost. An item names the entry's id,
---                                    its token and what becomes of it: "done" (drops the reason), "ready" (again in
---                                    `wait` seconds; `uncounted`: the attempt does not count), "dead" (with its
---                                    `code`), or "unbegun" (ready at once: the attempt does not count; why the last
---                                    one failed is kept, and so is that it is to be claimed alone); and the reason of
---                                    "ready" and "dead". Raises if there is no such state or code.
---   inbox:extend(items, lease)    -> a list of booleans, as finish; the leases end `lease` seconds from now
---   inbox:counts()                -> {ready=, leased=, done=, dead=}
---   inbox:backlog()               -> {ready=, leased=, dead=, codes=, oldest_age=}; fast even if many are done. codes:
---                                    how many dead ones have each code, {failed=, cancelled=, invalid=, too_old=,
---                                    no_callback=}; oldest_age: seconds since the oldest of the ready and leased ones
---                                    was received, nil if there are none
---   inbox:next_in()               -> in how many seconds recover or claim has something to do, 0 if they have now; nil
---                                    if nothing is ready or leased
---   inbox:later(app_id, time)     -> the entries of an app whose event's time is later, with `scope` or, if there is
---                                    none, with `body`
---   inbox:list(page)              -> entries without bodies, in the order in which they were stored, or the newest
---                                    first, and a cursor if there may be more; see
---                                    marketplace.InboxPageFilter. nil: all.
---                                    `at`: when it can be claimed, when its lease ends, or when it was done or dead;
---                                    `behind`: the id of the leader for which it waits. With `examine`, a page takes
---                                    a bounded time, however many there are: fewer than `limit` can come then, or
---                                    none, and there may be more if there is a cursor. In SQLite, if more than 2000
---                                    new ones are there that no worker has looked at, `behind` may be missing then
---   inbox:count(page, most)       -> how many the filter selects, `most` if they are more, and whether there are or
---                                    may be more: not all may have been looked at
---   inbox:apps(given)             -> a list of {app_id=, event=, id=, state=, received_at=}, by app: its newest entry,
---                                    which is, of those that are ready or leased, the one that was stored last, or
---                                    else the one whose event is the latest; and a cursor if there are more apps. See
---                                    marketplace.InboxAppsOptions. In SQLite, an app of which nothing but new entries
---                                    is there, more than 5000 of which no worker has looked at yet, may be missing
---   inbox:get(id)                 -> the entry with its body, or nil. `history`: what happened to it beside being
---                                    stored, claimed and done, nil for nothing; see marketplace.inbox.history
---   inbox:replay(filter)          -> the ids of those that the filter selects and that are now ready, with no attempt
---                                    counted, in their old place: dead ones, or done ones whose body is kept if the
---                                    filter's state is "done", which needs a further field
---   inbox:run(filter)             -> the ids of those that the filter selects and that are ready: their wait is over
---   inbox:cancel(filter, reason)  -> the ids of those that the filter selects and that were ready or leased: they are
---                                    dead now, "cancelled", and their leases, if they had any, are lost
---                                    replay, run and cancel change many in slices, between which others come to their
---                                    turn: if one fails, a part may have been changed. The filter of run and cancel
---                                    must be there; an empty one selects all
---   inbox:oldest_done()           -> {body=, id=}: when the first of the done ones that have a body, and the first of
---                                    all done ones was done; nil for none
---   inbox:forget(before, limit)   -> {bodies=, ids=}: how many done ones lost their body, or were deleted, because
---                                    they were done before before.bodies, before.ids; at most `limit` of each
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
---@field put fun(self, records: table[]): string[]|nil, string?, string?
---@field probe fun(self): true|nil, string?, string?
---@field recover fun(self, waits: number[]): integer|nil, string?, string?
---@field claim fun(self, limit: integer, lease: number): table[]|nil, string?, string?
---@field finish fun(self, items: table[]): boolean[]|nil, string?, string?
---@field extend fun(self, items: table[], lease: number): boolean[]|nil, string?, string?
---@field counts fun(self): {ready: integer, leased: integer, done: integer, dead: integer}|nil, string?, string?
---@field backlog fun(self): marketplace.InboxBacklog|nil, string?, string?
---@field next_in fun(self): number|nil, string?, string?
---@field later fun(self, app_id: string, time: number): table[]|nil, string?, string?
---@field list fun(self, page?: marketplace.InboxPageFilter): table[]|nil, string?, string?
---@field count fun(self, page?: marketplace.InboxPageFilter, most: integer): integer|nil, boolean|string, string?
---@field apps fun(self, given?: marketplace.InboxAppsOptions): table[]|nil, string?, string?
---@field get fun(self, id: string): table|nil, string?, string?
---@field replay fun(self, filter?: marketplace.InboxFilter): string[]|nil, string?, string?
---@field run fun(self, filter: marketplace.InboxFilter): string[]|nil, string?, string?
---@field cancel fun(self, filter: marketplace.InboxFilter, reason: string): string[]|nil, string?, string?
---@field oldest_done fun(self): {body?: number, id?: number}|nil, string?, string?
---@field forget fun(self, before: {bodies: number, ids: number}, limit: integer): {bodies: integer, ids: integer}|nil,
--- string?, string?
---@field id fun(self): string|nil, string?, string?
---@field close fun(self)

---@class marketplace.InboxBacklog
---@field ready integer
---@field leased integer
---@field dead integer
---@field codes table<string, integer> how many dead ones have each code
---@field oldest_age? number seconds since the oldest of the ready and leased ones was received

---@class marketplace.InboxOptions
---@field must_exist? boolean do not make a new SQLite file, default false
---@field lazy? boolean connect, or make the file, with the first call, default false: at once, to see whether it works
---@field clock? fun(): number seconds since the epoch, default the inbox's own clock
---@field timeout? number seconds that a call may take, default what the URL says, or else 3
---@field warn? fun(message: string) is told what an operator should know though nothing failed; default: nobody is
---@field durability? "strict"|"relaxed" relaxed accepts a Redis or PostgreSQL server that may lose what it stored;
--- default what the URL says, or else strict
local OPTIONS = {
  must_exist = "boolean", lazy = "boolean", clock = "function", timeout = "number", warn = "function",
  durability = "string",
}

local function unavailable(message)
  return nil, message, "inbox_unavailable"
end

--- Opens the inbox that a URL names. Inside nginx it opens only "memory"; marketplace.nginx.inbox has inboxes that do
--- not block.
---@param text string see marketplace.inbox.url: "memory", "sqlite:PATH", "postgres://USER@HOST:PORT/DBNAME",
--- "redis://HOST:PORT/DB?prefix=NAME", "rediss://HOST:PORT/DB", "redis+unix:/PATH"
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
