--- The SQLite inbox in nginx: the file is written in a thread of nginx's, while the worker goes on. The contract is
--- marketplace.inbox's, the work is marketplace.inbox.sqlite's.
---
--- What is claimed is held by the worker, and not by the thread that claims it: any thread finishes it, and nginx may
--- end one's Lua state at any time.
local fields = require "marketplace.inbox.fields"
local holders = require "marketplace.inbox.sqlite.holders"
local threads = require "marketplace.nginx.threads"

local sqlite = {}

local MODULE = "marketplace.nginx.sqlite_thread"

local Inbox = { durable = true }
Inbox.__index = Inbox

local function unavailable(message)
  return nil, message, "inbox_unavailable"
end

-- Each thread's Lua state opens the file, and finds the same; so does each worker.
local function warn_once(self, message)
  if self.warned[message] or ngx.worker.id() ~= 0 then return end
  self.warned[message] = true
  self.warn(message)
end

local function call(self, method, ...)
  if self.closed then return unavailable "the inbox is closed" end
  local answer, problem = threads.call(self.pool, MODULE, self.path, self.was_opened, self.clock(), method, ...)
  if not answer then return unavailable("sqlite:" .. self.path .. ": " .. problem) end
  for _, warning in ipairs(answer.warnings or {}) do warn_once(self, warning) end
  if answer.code then return nil, answer.message, answer.code end
  -- a further thread must not make the file anew if it is gone
  self.was_opened = true
  return answer.result, answer.message
end

local PASSED_ON = {
  "probe", "recover", "counts", "backlog", "next_in", "later", "get", "oldest_done", "forget", "id",
}

for _, method in ipairs(PASSED_ON) do
  Inbox[method] = function(self, ...) return call(self, method, ...) end
end

--- As the contract says. The holder is made here, at the first claim: in the worker that runs the callbacks, never in
--- nginx's master, which calls `open`.
function Inbox:claim(limit, lease)
  local claimed, message, code = call(self, "claim", limit, lease, self.holders:own() or false)
  -- it may have been committed: what it leased then is of a holder that is no more
  if not claimed then self.holders:renew() end
  return claimed, message, code
end

-- Checked here, as what a thread raises comes back as an inbox that is unavailable.
function Inbox:list(filter)
  local page = fields.page("inbox:list", filter)
  return call(self, "list", page)
end

function Inbox:count(filter, most)
  fields.counted(filter, most)
  return call(self, "count", filter, most)
end

function Inbox:apps(given)
  fields.apps(given)
  return call(self, "apps", given)
end

function Inbox:replay(filter)
  local replayed = fields.replayed(filter)
  if not replayed and not self.closed then return {} end
  return call(self, "replay", replayed)
end

function Inbox:run(filter)
  fields.operated("run", filter)
  return call(self, "run", filter)
end

function Inbox:cancel(filter, reason)
  fields.operated("cancel", filter)
  return call(self, "cancel", filter, reason)
end

-- Only the fields of the contract: a dispatcher's items may have values that cannot be passed to a thread.
local function plain(given, names)
  local list = {}
  for i, one in ipairs(given) do list[i] = fields.copy(one, names) end
  return list
end

function Inbox:put(records)
  return call(self, "put", plain(records, fields.record))
end

function Inbox:finish(items)
  return call(self, "finish", plain(fields.finished(items), fields.item))
end

function Inbox:extend(items, lease)
  return call(self, "extend", plain(items, fields.item), lease)
end

--- The threads keep the file open until the worker ends.
function Inbox:close()
  self.closed = true
  self.holders:close()
end

--- Whether this nginx can run Lua in threads; if not, what to do.
---@return boolean
---@return string? message
function sqlite.supported()
  if not threads.are_there() then
    return false, "sqlite: this nginx cannot run Lua in threads, which needs nginx --with-threads and its module " ..
      "for Lua from 0.10.21 on: use an inbox in Redis, or receive with `marketplace serve` behind nginx"
  end
  return true
end

-- The thread asks the machine's clock itself, once it may write.
local function no_clock() return nil end

local function nothing() end

--- The inbox in a file, which is opened when it is first needed.
---@param path string
---@param settings? {thread_pool?: string, must_exist?: boolean, clock?: (fun(): number), warn?: fun(message: string)}
--- thread_pool: a thread_pool of nginx's configuration, default "marketplace"; must_exist: do not make the file; clock:
--- seconds since the epoch, default the machine's; warn: see marketplace.InboxOptions
---@return table|nil inbox
---@return string? message
---@return string? code inbox_unavailable
function sqlite.open(path, settings)
  settings = settings or {}
  local is_supported, message = sqlite.supported()
  if not is_supported then return unavailable(message) end
  local self = setmetatable({
    path = path, pool = settings.thread_pool, clock = settings.clock or no_clock,
    was_opened = settings.must_exist or false, closed = false, warn = settings.warn or nothing, warned = {},
  }, Inbox)
  self.holders = holders.new(path, function(warning) warn_once(self, warning) end)
  return self
end

return sqlite
